#!/usr/bin/python3
"""A camera for tests: serves a video by RTSP on 127.0.0.1, until it is killed.

usage: rtsp-server.py VIDEO.mp4

Takes a free port and prints rtsp://127.0.0.1:PORT when it listens. Below that:

  /video   H.264 as it is in the file, at its own pace
  /sound   the same and after it G.711 audio
  /both    the same and before it G.711 audio

Needs Debian's python3-gst-1.0 and gir1.2-gst-rtsp-server-1.0.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 (after the versions)


def video(path, pay):
    # parameter sets with every key frame: who joins late can decode
    return f'filesrc location="{path}" ! qtdemux ! h264parse ! rtph264pay config-interval=-1 name={pay} pt=96'


def audio(pay):
    return f"audiotestsrc wave=ticks ! alawenc ! rtppcmapay name={pay} pt=8"


def main(path):
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service="0")
    for name, launch in {
        "/video": video(path, "pay0"),
        "/sound": f"{video(path, 'pay0')} {audio('pay1')}",
        "/both": f"{audio('pay0')} {video(path, 'pay1')}",
    }.items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {launch} )")
        server.get_mount_points().add_factory(name, factory)
    if not server.attach(None):
        sys.exit("cannot listen on 127.0.0.1")
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
