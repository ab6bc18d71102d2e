"""Vests, painted on people.

A vest is a polygon over shoulders and hips in one colour with two reflective strips, shaded by the clothes below it.
"""

import cv2
import numpy as np

SHOULDERS, HIPS = (5, 6), (11, 12)
STRIPS = (0.52, 0.78)  # places of the strips, 0 at the collar and 1 at the hem
STRIP_HALF = 0.045  # half of a strip's height
STRIP_COLOR = (205, 210, 205)
OPACITY = 0.93
LEAST_LENGTH = 8  # of a torso, in pixels
LEAST_PIXELS = 12  # of a visible vest
OVERSAMPLING = 4  # of the polygon's edge


def outline(keypoints):
    """The polygon of a vest on a person's [17,3] keypoints, or `None` if the torso is too short for one."""
    shoulders, hips = keypoints[SHOULDERS, :2], keypoints[HIPS, :2]
    collar, waist = shoulders.mean(axis=0), hips.mean(axis=0)
    length = np.linalg.norm(waist - collar)
    if length < LEAST_LENGTH:
        return None
    down = (waist - collar) / length
    across = np.array([-down[1], down[0]])

    def half_width(pair, least, most, margin):
        wide = max(abs((pair[0] - pair[1]) @ across), least * length)
        return min(wide / 2 * margin, most * length)

    chest = across * half_width(shoulders, 0.42, 0.45, 1.18)
    hem = across * half_width(hips, 0.38, 0.42, 1.25)
    top, middle, bottom = collar - down * 0.06 * length, collar + down * 0.2 * length, waist + down * 0.1 * length
    corners = [top - chest * 0.75, top + chest * 0.75, middle + chest, bottom + hem, bottom - hem, middle - chest]
    return np.array(corners)


def paint(image, polygon, color, visible, random):
    """Paints a vest into an image; returns whether any of it is visible.

    `color` is BGR, `visible` the share of each of the image's pixels, 0..1, that shows this person.
    """
    left, top = np.maximum(np.floor(polygon.min(axis=0)).astype(int) - 3, 0)
    right, bottom = np.minimum(np.ceil(polygon.max(axis=0)).astype(int) + 4, visible.shape[::-1])
    if right - left < 4 or bottom - top < 4:
        return False
    area = np.s_[top:bottom, left:right]
    mask = _coverage(polygon - [left, top], (right - left, bottom - top)) * visible[area]
    if mask.sum() < LEAST_PIXELS:
        return False
    below = image[area].astype(float)
    vest = _cloth(below.mean(axis=2), mask, color, random)
    _add_strips(vest, polygon - [left, top], random)
    opacity = (mask * OPACITY)[..., None]
    image[area] = np.clip(below * (1 - opacity) + vest * opacity, 0, 255).astype(np.uint8)
    return True


def _coverage(polygon, size):
    """The share of each pixel within a polygon."""
    width, height = size
    fine = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), np.uint8)
    cv2.fillPoly(fine, [np.round(polygon * OVERSAMPLING).astype(np.int32)], 255)
    return cv2.resize(fine, size, interpolation=cv2.INTER_AREA) / 255


def _cloth(gray, mask, color, random):
    """Cloth of a colour with the folds and shadows of the clothes below."""
    mean = np.average(gray, weights=mask)
    deviation = np.sqrt(np.average((gray - mean) ** 2, weights=mask)) + 6
    shade = np.clip(0.84 + 0.16 * (gray - mean) / deviation, 0.5, 1.2)
    dye = np.array(color) * random.uniform(0.8, 1.05) + random.normal(0, 6, 3)
    return dye * shade[..., None]


def _add_strips(vest, polygon, random):
    collar, hem = polygon[[0, 1]].mean(axis=0), polygon[[3, 4]].mean(axis=0)
    axis = hem - collar
    rows, columns = np.mgrid[0 : vest.shape[0], 0 : vest.shape[1]]
    place = ((columns - collar[0]) * axis[0] + (rows - collar[1]) * axis[1]) / (axis @ axis)
    for strip in STRIPS:
        vest[np.abs(place - strip) < STRIP_HALF] = np.array(STRIP_COLOR) * random.uniform(0.85, 1.1)
