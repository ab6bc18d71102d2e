"""Texts on plates, rendered once and copied into frames; and places for them that do not cover each other."""

import functools

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
SHADE = (24, 19, 14)
WHITE = (249, 247, 246)
PALE = (216, 208, 201)
KEPT = 1024


def hex_color(rgb):
    """0xRRGGBB as OpenCV's blue, green, red."""
    return rgb & 255, rgb >> 8 & 255, rgb >> 16


COLORS = {
    "none": hex_color(0xB0B8C1),
    "red": hex_color(0xEC3B43),
    "orange": hex_color(0xFF8A1F),
    "yellow": hex_color(0xFFD426),
    "green": hex_color(0x35C463),
    "blue": hex_color(0x3F8CFF),
    "purple": hex_color(0xA663F2),
    "white": hex_color(0xF6F7F9),
}
ANYONE = hex_color(0xDFE6EE)


def text_on(color):
    """Near-black or white, whichever is readable."""
    blue, green, red = color
    return SHADE if 0.114 * blue + 0.587 * green + 0.299 * red > 120 else WHITE


def extent(text, scale):
    """Width and height of capitals, and the depth of what is below the line."""
    (width, height), depth = cv2.getTextSize(text, FONT, scale, 1)
    return width, height, depth


def write(plate, text, x, baseline, scale, color, thickness=1):
    cv2.putText(plate, text, (x, baseline), FONT, scale, color, thickness, cv2.LINE_AA)


@functools.lru_cache(KEPT)
def name_plate(text, color, scale):
    """A name on its worker's colour."""
    width, height, depth = extent(text, scale)
    pad = round(height * 0.6)
    plate = np.empty((height + depth + pad, width + 2 * pad, 3), np.uint8)
    plate[:] = color
    cv2.rectangle(plate, (0, 0), (plate.shape[1] - 1, plate.shape[0] - 1), SHADE, 1)
    write(plate, text, pad, height + pad // 2 + 1, scale, text_on(color))
    return plate


@functools.lru_cache(KEPT)
def station_plate(name, state, color, is_active, scale):
    """A station's name over its state, with a bar of its colour."""
    small = scale * 0.85
    width, height, depth = extent(name, scale)
    below_width, below_height, below_depth = extent(state, small)
    pad = round(height * 0.6)
    top, bottom = pad + height, pad + height + depth + 2 + below_height
    plate = np.empty((bottom + below_depth + pad // 2, max(width, below_width) + 3 * pad, 3), np.uint8)
    plate[:] = SHADE
    plate[:, : max(2, pad // 2)] = color
    write(plate, name, 2 * pad, top, scale, WHITE)
    write(plate, state, 2 * pad, bottom, small, color if is_active else PALE)
    return plate


@functools.lru_cache(16)
def status_plate(text, width, scale):
    """The line at the frame's top."""
    _, height, depth = extent(text, scale)
    pad = round(height * 0.6)
    plate = np.empty((height + depth + pad, width, 3), np.uint8)
    plate[:] = SHADE
    write(plate, text, pad, height + pad // 2 + 1, scale, PALE)
    return plate


class Layout:
    """Where plates are in one frame."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.taken = []

    def keep_clear(self, left, top, right, bottom):
        self.taken.append((left, top, right, bottom))

    def place(self, plate, corners):
        """The first of `corners` at which `plate` covers nothing, else the one that covers least; inside the frame."""
        height, width = plate.shape[:2]
        best, least = None, None
        for x, y in corners:
            x = min(max(0, round(x)), max(0, self.width - width))
            y = min(max(0, round(y)), max(0, self.height - height))
            covered = sum(common(x, y, x + width, y + height, other) for other in self.taken)
            if least is None or covered < least:
                best, least = (x, y), covered
            if not covered:
                break
        x, y = best
        self.taken.append((x, y, x + width, y + height))
        return best


def common(left, top, right, bottom, other):
    """The area in both."""
    width = min(right, other[2]) - max(left, other[0])
    height = min(bottom, other[3]) - max(top, other[1])
    return width * height if width > 0 and height > 0 else 0


def copy(image, plate, x, y):
    """Puts `plate` on `image`, as far as it is inside."""
    part = image[y : y + plate.shape[0], x : x + plate.shape[1]]
    part[...] = plate[: part.shape[0], : part.shape[1]]
