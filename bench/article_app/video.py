"""Decodes a file, over and over."""

import os
import time

import cv2

# Threads of the decoder: more of them cost CPU time, which the models need (README.md).
THREADS = [cv2.CAP_PROP_N_THREADS, 1]
DEFAULT_RATE = 25.0  # frames a second, of a file that does not say


class VideoError(Exception):
    """A file that cannot be decoded."""


class Video:
    """The frames of a file, which begins again at its end; or its first `limit` frames."""

    def __init__(self, path, limit=None):
        self.path = path
        self.limit = limit
        self.number = 0
        self.at_start = True
        if not os.path.isfile(path):
            raise VideoError(f"{path}: no such video file; give one with --input")
        self.capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, THREADS)
        if not self.capture.isOpened():
            raise VideoError(f"{path}: OpenCV cannot open it as a video; give another file with --input")
        get = self.capture.get
        self.size = int(get(cv2.CAP_PROP_FRAME_WIDTH)), int(get(cv2.CAP_PROP_FRAME_HEIGHT))
        rate = get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate < 1000 else DEFAULT_RATE

    def read(self, frame):
        """Decodes the next frame into `frame`'s image; false at the end."""
        if not self.grab():
            return False
        self.capture.retrieve(frame.image)
        frame.number, frame.began = self.number - 1, time.monotonic()
        return True

    def grab(self):
        """Decodes the next frame without converting it to BGR."""
        if self.number == self.limit:
            return False
        while not self.capture.grab():
            if self.at_start:
                raise VideoError(f"{self.path}: no frame can be decoded")
            if self.limit:
                return False
            self.capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            self.at_start = True
        self.at_start = False
        self.number += 1
        return True

    def close(self):
        self.capture.release()
