"""A window that shows every frame. OpenCV's windows belong to the thread that first shows one: frames are handed to it."""

import os
import queue
import threading

import cv2

PATIENCE = 0.05  # seconds without a frame after which the window's events are handled


class ScreenError(Exception):
    """There is no display."""


class Screen:
    """`serve` runs on the window's thread, a call from another one shows a frame and waits until it is shown."""

    def __init__(self, title, number):
        if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
            raise ScreenError("there is no display for --window: set DISPLAY, or run this under xvfb-run")
        self.title = title
        self.frames = queue.SimpleQueue()
        self.shown = threading.Semaphore(0)
        self.closed = False
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.moveWindow(title, number % 2 * 640, number // 2 * 520)
        cv2.resizeWindow(title, 640, 480)

    def __call__(self, frame, _names):
        if not self.closed:
            self.frames.put(frame)
            self.shown.acquire()

    def serve(self):
        """Shows the next frame, or handles events for a moment."""
        try:
            frame = self.frames.get(timeout=PATIENCE)
        except queue.Empty:
            cv2.waitKey(1)
            return
        cv2.imshow(self.title, frame.image)
        cv2.waitKey(1)
        self.shown.release()

    def close(self):
        """Frames are not waited for any more."""
        self.closed = True
        self.shown.release(2)
        cv2.destroyAllWindows()
