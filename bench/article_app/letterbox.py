"""Frames as the pose model sees them: scaled to fit and centred on black, written into the tensor's own memory.

A frame is scaled before its colours are converted, so that only the model's pixels are.
"""

import cv2
import numpy as np

WIDTH, HEIGHT = 640, 480
BYTES = ([1, HEIGHT, WIDTH, 3], np.uint8)  # worker_ensemble's input
FLOATS = ([1, 3, HEIGHT, WIDTH], np.float32)  # person_pose's input
UNIT = np.float32(1 / 255)


class Letterbox:
    """From frames of one size to a tensor, and back from the tensor's pixels to the frame's."""

    def __init__(self, size):
        width, height = size
        self.scale = min(WIDTH / width, HEIGHT / height)
        self.size = round(width * self.scale), round(height * self.scale)
        self.left, self.top = (WIDTH - self.size[0]) // 2, (HEIGHT - self.size[1]) // 2
        self.scaled = np.empty((self.size[1], self.size[0], 3), np.uint8)
        self.planes = [np.empty((self.size[1], self.size[0]), np.uint8) for _ in range(3)]
        self.offset = np.array([self.left, self.top], np.float32)

    def write_bytes(self, image, tensor):
        """RGB bytes into a tensor of `BYTES`; what is beside them is black already."""
        cv2.cvtColor(self.scale_down(image), cv2.COLOR_BGR2RGB, dst=self.inside(tensor[0]))

    def write_floats(self, image, tensor):
        """RGB planes from 0 to 1 into a tensor of `FLOATS`."""
        cv2.split(self.scale_down(image), self.planes)  # first, since NumPy is slow on every third byte
        for channel, plane in enumerate(reversed(self.planes)):
            np.multiply(plane, UNIT, out=self.inside(tensor[0, channel]))

    def scale_down(self, image):
        if image.shape == self.scaled.shape:
            return image
        return cv2.resize(image, self.size, dst=self.scaled, interpolation=cv2.INTER_LINEAR)

    def inside(self, tensor):
        width, height = self.size
        return tensor[self.top : self.top + height, self.left : self.left + width]

    def to_frame(self, boxes, keypoints):
        """Changes boxes [n,4] and keypoints [n,17,3] from the tensor's pixels to the frame's, in place."""
        for points in (boxes.reshape(len(boxes), 2, 2), keypoints[:, :, :2]):
            points -= self.offset
            points /= np.float32(self.scale)
