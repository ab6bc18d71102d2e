"""The people of a frame as the vest model sees them: one batch."""

import cv2
import numpy as np

SIDE = 64
MOST = 32  # the vest model's largest batch
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])
# (pixel ÷ 255 − mean) ÷ std of each channel, R, G, B: a table look-up instead of three passes
TABLES = [((np.arange(256) / 255 - mean) / std).astype(np.float32) for mean, std in zip(MEAN, STD)]


class Crops:
    """Cuts people out; its memory is used again for the next frame."""

    def __init__(self):
        self.batch = np.empty((MOST, 3, SIDE, SIDE), np.float32)
        self.person = np.empty((SIDE, SIDE, 3), np.uint8)
        self.planes = [np.empty((SIDE, SIDE), np.uint8) for _ in range(3)]

    def cut(self, image, boxes):
        """The boxes of `image`, stretched to squares: FP32 [n,3,64,64], n ≤ 32."""
        height, width = image.shape[:2]
        count = min(len(boxes), MOST)
        limits = np.array([width, height, width, height], np.float32)
        corners = np.clip(boxes[:count], 0, limits).astype(np.intp).tolist()
        for crop, (left, top, right, bottom) in zip(self.batch, corners):
            left, top = min(left, width - 1), min(top, height - 1)
            part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
            cv2.resize(part, (SIDE, SIDE), dst=self.person, interpolation=cv2.INTER_LINEAR)
            cv2.split(self.person, self.planes)
            for plane, table, out in zip(reversed(self.planes), TABLES, crop):
                cv2.LUT(plane, table, dst=out)
        return self.batch[:count]
