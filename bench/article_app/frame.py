"""What travels through the application: a frame with its pixels, its tensor and its people."""

import numpy as np

LABELS = ["none", "red", "orange", "yellow", "green", "blue", "purple", "white"]
NONE = 0
JOINTS = 17


class People:
    """The people of a frame, in the frame's pixels; one row of each array is a person."""

    __slots__ = ("boxes", "scores", "keypoints", "vests")

    def __init__(self, boxes, scores, keypoints, vests=None):
        self.boxes = boxes  # [n,4]: left, top, right, bottom
        self.scores = scores  # [n]
        self.keypoints = keypoints  # [n,17,3]: x, y, confidence
        self.vests = vests  # [n,8]: probabilities of LABELS

    def __len__(self):
        return len(self.boxes)


class Frame:
    """One of the few frames that circulate: its memory is allocated once."""

    __slots__ = ("image", "tensor", "number", "began", "people")

    def __init__(self, size, tensor):
        width, height = size
        self.image = np.empty((height, width, 3), np.uint8)  # BGR, drawn on in the end
        self.tensor = tensor  # where the letterboxed image is written for the model
        self.number = 0  # of the stream, from 0
        self.began = 0.0  # when it was decoded, by time.monotonic()
        self.people = None
