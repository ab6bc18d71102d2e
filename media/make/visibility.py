"""Which pixels of a frame show which person: the moving foreground, less the people in front."""

import cv2
import numpy as np

import boxes as geometry

BACKGROUND_STEP = 12  # every so many frames are used for the background
DIFFERENCE = 22  # of a pixel from the background, of 255
# Limbs, as pairs of COCO's keypoints, and their thickness in heights of the person.
LIMBS = {
    0.11: [(5, 7), (7, 9), (6, 8), (8, 10)],
    0.13: [(11, 13), (13, 15), (12, 14), (14, 16)],
}
TORSO = (5, 6, 12, 11)
TORSO_BORDER = 0.12
HEAD = (0, 1, 2, 3, 4)
HEAD_SIZE = 0.16
# What stands in the scene: the sign on its post, and how far down people behind it have their feet.
SIGN = ((413, 200), (446, 200), (446, 244), (413, 244))
POST = ((423, 60), (430, 60), (437, 392), (430, 392))
POST_FOOT = 392


def background(frames):
    """The scene without people: each pixel's median over time."""
    return np.median(frames[::BACKGROUND_STEP], axis=0).astype(np.uint8)


def foreground(image, empty):
    """How much each pixel differs from the empty scene: 0 or 1, with a soft border."""
    difference = cv2.GaussianBlur(cv2.absdiff(image, empty).max(axis=2), (3, 3), 0)
    mask = np.where(difference > DIFFERENCE, 255, 0).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return cv2.GaussianBlur(mask, (3, 3), 0) / 255


def silhouette(shape, keypoints, box):
    """About which pixels a person covers, 0 or 1: thick lines along the limbs, torso and head."""
    height = geometry.height(box)
    points = np.round(keypoints[:, :2] * 8).astype(np.int32)
    mask = np.zeros(shape, np.uint8)

    def thick(share):
        return max(1, round(share * height))

    for share, limbs in LIMBS.items():
        for start, end in limbs:
            cv2.line(mask, tuple(points[start].tolist()), tuple(points[end].tolist()), 1, thick(share), shift=3)
    torso = points[list(TORSO)]
    cv2.fillPoly(mask, [torso], 1, shift=3)
    cv2.polylines(mask, [torso], True, 1, thick(TORSO_BORDER), shift=3)
    head = tuple(points[list(HEAD)].mean(axis=0).astype(int).tolist())
    cv2.circle(mask, head, thick(HEAD_SIZE / 2) * 8, 1, -1, shift=3)
    return mask


def shares(boxes, silhouettes, moving):
    """For people from the farthest to the nearest: the pixels, 0..1, that show them, and the visible part of them."""
    in_front = np.zeros(moving.shape, np.uint8)
    post = cv2.fillPoly(in_front.copy(), [np.array(SIGN), np.array(POST)], 1)
    result = []
    for box, own in reversed(list(zip(boxes, silhouettes))):
        covered = in_front | post if box[3] < POST_FOOT else in_front
        visible = np.where(covered == 0, moving, 0)
        result.append((visible, float((own * visible).sum() / max(own.sum(), 1))))
        in_front |= own
    return result[::-1]
