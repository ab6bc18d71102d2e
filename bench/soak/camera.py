#!/usr/bin/python3
"""A camera for the soak test: serves rtsp://127.0.0.1:PORT/live until it is killed.

usage: camera.py PORT picture|garbage

  picture   H.264 of a moving ball, 640x480, 10 frames a second
  garbage   the same, with half of all bytes replaced by others after the first second or so

Prints a line when it listens. Needs Debian's python3-gst-1.0 and gir1.2-gst-rtsp-server-1.0.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 (after the versions)

H264 = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=640,height=480,framerate=10/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 bitrate=1000"
)
PAYLOADER = "rtph264pay config-interval=-1"
SOURCES = {
    "picture": f"{H264} ! {PAYLOADER}",
    # The beginning is right, or no server could describe the stream.
    "garbage": f"{H264} ! h264parse ! breakmydata skip=20000 probability=0.5 ! {PAYLOADER}",
}


def main(port, kind):
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)
    factory = GstRtspServer.RTSPMediaFactory(shared=True)
    factory.set_launch(f"( {SOURCES[kind]} name=pay0 pt=96 )")
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        sys.exit(f"cannot listen on 127.0.0.1:{port}")
    print(f"rtsp://127.0.0.1:{port}/live", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in SOURCES:
        sys.exit(__doc__)
    main(*sys.argv[1:])
