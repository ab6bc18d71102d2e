"""Frames of a video file in, an H.264 file out."""

import subprocess

import cv2


def read(path):
    """All frames of a video: a list of BGR images."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (frame := capture.read())[0]:
        frames.append(frame[1])
    capture.release()
    if not frames:
        raise SystemExit(f"{path}: no frame can be decoded; expected vtest.avi of Debian's package opencv-doc")
    return frames


def write(path, frames, rate):
    """Encodes BGR images of one size as H.264 in MP4 with GStreamer, at so many frames a second."""
    height, width = frames[0].shape[:2]
    line = (
        f"fdsrc fd=0 ! rawvideoparse format=bgr width={width} height={height} framerate={rate}/1"
        " ! videoconvert ! video/x-raw,format=I420"
        # The same number of threads everywhere: the bytes depend on it.
        f" ! x264enc pass=qual quantizer=24 speed-preset=slower bframes=0 key-int-max={5 * rate} threads=2"
        f" ! h264parse ! mp4mux ! filesink location={path}"
    )
    with subprocess.Popen(["gst-launch-1.0", "-q", *line.split()], stdin=subprocess.PIPE) as encoder:
        for frame in frames:
            encoder.stdin.write(frame.tobytes())
    if encoder.returncode != 0:
        raise SystemExit(f"{path}: not written: gst-launch-1.0 ended with {encoder.returncode}")
