"""Arithmetic of boxes: arrays [n,4] of left, top, right, bottom in pixels."""

import numpy as np


def iou(a, b):
    """Intersection over union of each box of `a` with each of `b`: [len(a), len(b)]."""
    a, b = a[:, None], b[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = np.clip(sides, 0, None).prod(axis=-1)
    return both / (area(a) + area(b) - both)


def area(boxes):
    """Areas of boxes."""
    return (boxes[..., 2:] - boxes[..., :2]).prod(axis=-1)


def foot(boxes):
    """Where a person stands: the middle of the lower edge."""
    return np.stack([(boxes[..., 0] + boxes[..., 2]) / 2, boxes[..., 3]], axis=-1)


def center(boxes):
    """Centres of boxes."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def contains(box, x, y):
    """Whether a point is within a box."""
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def height(boxes):
    """Heights of boxes."""
    return boxes[..., 3] - boxes[..., 1]


def suppress(boxes, scores, threshold):
    """Non-maximum suppression: the indices of boxes to keep, best score first."""
    order = np.argsort(-scores, kind="stable")
    overlaps = iou(boxes, boxes)
    kept = []
    for index in order:
        if all(overlaps[index, other] < threshold for other in kept):
            kept.append(index)
    return np.array(kept, int)


def mean_within(image, box):
    """The mean of a one-channel image within a box."""
    left, top, right, bottom = np.clip(np.round(box).astype(int), 0, image.shape[::-1] * 2)
    part = image[top:bottom, left:right]
    return part.mean() if part.size else 0.0
