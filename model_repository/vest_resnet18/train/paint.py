"""Vests, clothes and hats, painted on people. Images are BGR FP32 [h,w,3] of 0..255 and are changed in place."""

import colorsys
import dataclasses

import cv2
import numpy as np

# Hue in degrees, saturation and value of each vest, from and to. Orange and yellow are those of hi-vis cloth.
COLORS = {
    "red": ((-14, 1), (0.75, 1.0), (0.55, 0.98)),
    "orange": ((9, 31), (0.75, 1.0), (0.75, 1.0)),
    "yellow": ((50, 76), (0.60, 1.0), (0.75, 1.0)),
    "green": ((98, 152), (0.55, 1.0), (0.35, 0.85)),
    "blue": ((200, 234), (0.60, 1.0), (0.40, 0.95)),
    "purple": ((264, 302), (0.45, 1.0), (0.35, 0.80)),
    "white": ((0, 360), (0.0, 0.07), (0.92, 1.0)),
}
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 5, 6, 11, 12
ARMS = ((5, 7, 9), (6, 8, 10))  # shoulder, elbow, wrist
LEGS = ((11, 13, 15), (12, 14, 16))  # hip, knee, ankle


@dataclasses.dataclass
class Torso:
    """A person's torso: coordinates along it (0 at the shoulders, 1 at the hips) and across (±1 at its sides)."""

    top: np.ndarray
    down: np.ndarray  # to the hips, in pixels
    side: np.ndarray  # unit vector
    widths: tuple  # half of the width at the shoulders and at the hips, in pixels

    @classmethod
    def of(cls, keypoints, confidence=0.2):
        """None where the torso is not seen."""
        joints = keypoints[[LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP]]
        if joints[:, 2].min() < confidence:
            return None
        shoulders, hips = joints[:2, :2].mean(0), joints[2:, :2].mean(0)
        down = hips - shoulders
        length = np.linalg.norm(down)
        if length < 8:
            return None
        side = np.array([-down[1], down[0]]) / length
        # Joints are inside the body. Seen from the side, it is still about 0.4 of its length wide.
        halves = np.abs((joints[[0, 2], :2] - joints[[1, 3], :2]) @ side) / 2
        shoulder = min(max(halves[0], 0.21 * length) * 1.18, 0.45 * length)
        hip = min(max(halves[1], 0.19 * length) * 1.25, 0.42 * length)
        return cls(shoulders, down, side, (shoulder, hip))

    @property
    def length(self):
        return float(np.linalg.norm(self.down))

    def at(self, across, along):
        half = self.widths[0] + (self.widths[1] - self.widths[0]) * min(max(along, 0), 1)
        return self.top + self.down * along + self.side * across * half

    def polygon(self, *points):
        """Points (across, along) of the right half from the top down, and the left half mirrored."""
        half = [self.at(x, y) for x, y in points]
        return np.array(half + [self.at(-x, y) for x, y in reversed(points)], np.float32)

    def coordinates(self, shape):
        """Across in half widths of the shoulders, and along, of each pixel: FP32 [h,w] each."""
        rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
        x, y = columns - self.top[0], rows - self.top[1]
        along = (x * self.down[0] + y * self.down[1]) / self.length**2
        return (x * self.side[0] + y * self.side[1]) / self.widths[0], along


def fill(shape, polygon):
    """The polygon's share of each pixel, FP32 [h,w]."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(polygon * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def limb(shape, points, width):
    """A limb's share of each pixel, FP32 [h,w]."""
    mask = np.zeros(shape[:2], np.uint8)
    points = np.round(np.asarray(points) * 16).astype(np.int32)
    cv2.polylines(mask, [points], False, 255, max(1, round(width)), lineType=cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def bgr(hue, saturation, value):
    """Hue in degrees."""
    red, green, blue = colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value)
    return np.array([blue, green, red], np.float32) * 255


def vest_color(label, rng):
    return bgr(*(rng.uniform(*limits) for limits in COLORS[label]))


def cloth_color(rng):
    """Of any clothes: like a vest's, white, grey and black, skin, muted, or saturated."""
    kind = rng.random()
    if kind < 0.08:
        return vest_color(str(rng.choice(list(COLORS))), rng)
    if kind < 0.27:
        return bgr(rng.uniform(0, 360), rng.uniform(0, 0.1), rng.uniform(0.75, 1))
    if kind < 0.4:
        return bgr(rng.uniform(0, 360), rng.uniform(0, 0.2), rng.uniform(0.05, 0.75))
    if kind < 0.5:
        return bgr(rng.uniform(5, 35), rng.uniform(0.25, 0.6), rng.uniform(0.3, 0.9))
    if kind < 0.7:
        return bgr(rng.uniform(0, 360), rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.9))
    return bgr(rng.uniform(0, 360), rng.uniform(0.6, 1), rng.uniform(0.3, 1))


def dye(image, mask, color, rng, opacity, folds=(0.08, 0.22), light=(0.85, 1.05)):
    """Gives what the mask covers a colour, keeping its folds and shadows. `color` is [3] or an image.

    `folds` is the range of the shading's strength, and `light` of its mean.
    """
    weight = mask.sum()
    if weight < 8:
        return
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    mean = (grey * mask).sum() / weight
    deviation = np.sqrt((((grey - mean) ** 2) * mask).sum() / weight) + 6
    contrast = rng.uniform(*folds)
    shade = np.clip(1 - contrast + contrast * (grey - mean) / deviation, 0.45, 1.2) * rng.uniform(*light)
    alpha = (mask * opacity)[..., None]
    image[:] = np.clip(image * (1 - alpha) + color * shade[..., None] * alpha, 0, 255)


def vest(image, torso, label, rng, seen):
    """A hi-vis vest: no sleeves, and bands that reflect. `seen` is the share of each pixel that is a person."""
    neck, hem = rng.uniform(0.2, 0.45), rng.uniform(0.92, 1.16)
    shoulder, armhole = rng.uniform(0.7, 0.95), rng.uniform(0.68, 0.95)
    outline = torso.polygon(
        (neck, -0.07),
        (shoulder, rng.uniform(-0.06, 0.02)),
        (armhole, rng.uniform(0.12, 0.25)),
        (1.0, rng.uniform(0.25, 0.42)),
        (rng.uniform(0.95, 1.15), hem),
    )
    mask = fill(image.shape, outline) * seen
    if rng.random() < 0.6:  # the neck, deep in front
        depth = rng.choice([rng.uniform(0.0, 0.08), rng.uniform(0.1, 0.4)])
        mask *= 1 - fill(image.shape, torso.polygon((neck, -0.12), (0.02, depth)))
    across, along = torso.coordinates(image.shape)
    if rng.random() < 0.2:  # open in front
        mask *= np.clip((np.abs(across + rng.uniform(-0.2, 0.2)) - rng.uniform(0.04, 0.18)) * 8, 0, 1)
    color = np.broadcast_to(vest_color(label, rng), image.shape).copy()
    if rng.random() < 0.1:  # a print on it
        stamp = (np.abs(across) < rng.uniform(0.2, 0.5)) & (np.abs(along - 0.3) < rng.uniform(0.04, 0.1))
        color[stamp] = rng.choice([20, 240])
    # Cloth hides what is below it; a white vest that is dyed grey by black clothes could not be told from a grey one.
    opacity = rng.uniform(0.94, 1.0)
    if label == "white":
        dye(image, mask, color, rng, opacity, folds=(0.04, 0.12), light=(0.93, 1.05))
    else:
        dye(image, mask, color, rng, opacity)
    bands(image, mask * opacity, across, along, label, rng)
    return mask


def bands(image, mask, across, along, label, rng):
    """The bands of a vest, which light makes silver, and hardly darker than white cloth."""
    width = rng.uniform(0.03, 0.065)
    if rng.random() < 0.55:
        places = [rng.uniform(0.48, 0.56), rng.uniform(0.72, 0.86)]
    else:
        places = [rng.uniform(0.4, 0.75)]
    band = np.zeros(mask.shape, np.float32)
    soft = 0.02
    for place in places:
        band = np.maximum(band, np.clip((width - np.abs(along - place)) / soft + 0.5, 0, 1))
    if rng.random() < 0.5:  # over the shoulders
        upright = np.clip((1.6 * width - np.abs(np.abs(across) - rng.uniform(0.4, 0.65))) / soft + 0.5, 0, 1)
        below = along > places[0] if rng.random() < 0.7 else along > 2
        band = np.maximum(band, upright * ~below)
    brightness = rng.uniform(110, 200) if label == "white" and rng.random() < 0.7 else rng.uniform(165, 240)
    silver = brightness * rng.uniform(0.97, 1.03, 3).astype(np.float32)
    if rng.random() < 0.25:  # sewn on a wider band of another colour
        edge = np.clip((2 * width - np.abs(along - places[0])) / soft + 0.5, 0, 1) * mask
        trim = vest_color(str(rng.choice(["yellow", "orange"])), rng) * 0.9
        if label not in ("yellow", "orange"):
            trim = bgr(0, 0, rng.uniform(0.05, 0.3))
        image[:] = image * (1 - edge[..., None]) + trim * edge[..., None]
    alpha = (band * mask * rng.uniform(0.8, 1))[..., None]
    image[:] = image * (1 - alpha) + silver * alpha


def clothes(image, person, torso, rng, seen):
    """A shirt, jacket or body warmer without bands: plain in half of the cases; prints, stripes and contrasting sleeves.

    Jackets are wide and padded, with quilted folds and highlights; T-shirts are often white, and as bright as a white vest.
    """
    plain = rng.random() < 0.5
    sleeves = rng.choice(["none", "short", "long"], p=[0.0, 0.5, 0.5] if plain else [0.12, 0.38, 0.5])
    padded = sleeves == "long" and rng.random() < 0.4
    hem = rng.uniform(0.95, 1.25)
    wide = rng.uniform(1.0, 1.3) if padded else 1.0
    collar = rng.uniform(0.2, 0.4), rng.uniform(-0.16, -0.04)
    body = fill(image.shape, torso.polygon(collar, (0.95, -0.03), (1.05 * wide, 0.3), (1.1 * wide, hem))) * seen
    across, along = torso.coordinates(image.shape)
    color = np.broadcast_to(shirt_color(rng) if plain else cloth_color(rng), image.shape).copy()
    if not plain:
        decorate(color, across, along, rng)
    if padded and rng.random() < 0.5:
        color *= 1 - rng.uniform(0.05, 0.25) * (np.cos(along * rng.uniform(20, 40) + rng.uniform(0, 6)) > 0.6)[..., None]
    opacity = rng.uniform(0.88, 1)
    thick = rng.uniform(0.28, 0.4) if padded else rng.uniform(0.2, 0.32)
    arms = np.zeros_like(body)
    if sleeves != "none":
        for arm in ARMS:
            joints = person.keypoints[list(arm)]
            if joints[:2, 2].min() < 0.15:
                continue
            shoulder, elbow, wrist = joints[:, :2]
            points = [shoulder, elbow, wrist]
            if sleeves == "short":
                points = [shoulder, shoulder + (elbow - shoulder) * rng.uniform(0.5, 1)]
            arms = np.maximum(arms, limb(image.shape, points, torso.length * thick))
    arms *= seen
    folds, light = (0.05, 0.3), (0.85, 1.1)
    if not plain and rng.random() < 0.3:
        dye(image, arms, cloth_color(rng), rng, opacity)
        dye(image, body, color, rng, opacity, folds, light)
    else:
        dye(image, np.maximum(body, arms), color, rng, opacity, folds, light)


def shirt_color(rng):
    """Of a plain shirt or jacket, often that of a vest: what tells them apart is then the vest's form and its bands."""
    kind = rng.random()
    if kind < 0.4:
        return bgr(rng.uniform(0, 360), rng.uniform(0, 0.1), rng.uniform(0.7, 1))
    if kind < 0.75:
        return vest_color(str(rng.choice(list(COLORS))), rng)
    return cloth_color(rng)


def decorate(color, across, along, rng):
    """Changes the colour of some cloth in place: stripes, a yoke, a print, a zip, a strap."""
    kind, other = rng.random(), cloth_color(rng)
    if kind < 0.08:  # many stripes, unlike a vest's one or two
        color[(along * rng.uniform(4, 9)) % 1 < rng.uniform(0.3, 0.6)] = other
    elif kind < 0.16:
        color[along < rng.uniform(0.2, 0.4)] = other
    elif kind < 0.3:
        x, y = rng.uniform(-0.5, 0.5), rng.uniform(0.2, 0.6)
        color[(np.abs(across - x) < rng.uniform(0.1, 0.5)) & (np.abs(along - y) < rng.uniform(0.05, 0.2))] = other
    elif kind < 0.38:
        color[np.abs(across - rng.uniform(-0.2, 0.2)) < rng.uniform(0.04, 0.2)] = other
    elif kind < 0.46:  # a bag's strap
        slope = rng.uniform(0.7, 1.6) * rng.choice([-1, 1])
        color[np.abs(across - slope * (along - 0.5)) < rng.uniform(0.06, 0.14)] = other
    elif kind < 0.58:  # the shirt below a jacket, or its lining
        color[along > rng.uniform(0.85, 1.0)] = other


def trousers(image, person, torso, rng, seen):
    mask = np.zeros(image.shape[:2], np.float32)
    for leg in LEGS:
        joints = person.keypoints[list(leg)]
        if joints[:, 2].min() >= 0.15:
            mask = np.maximum(mask, limb(image.shape, joints[:, :2], torso.length * rng.uniform(0.26, 0.36)))
    dye(image, mask * seen, cloth_color(rng), rng, rng.uniform(0.7, 1))


def hat(image, person, torso, rng):
    """A helmet or cap: its colour must not be taken for the vest's."""
    face = person.keypoints[:5]
    face = face[face[:, 2] >= 0.2]
    if len(face) < 2:
        return
    centre = face[:, :2].mean(0) - torso.down * rng.uniform(0.08, 0.2)
    axes = torso.length * rng.uniform(0.13, 0.2), torso.length * rng.uniform(0.09, 0.15)
    angles = np.linspace(0, 2 * np.pi, 24)
    polygon = centre + np.stack([np.cos(angles) * axes[0], np.sin(angles) * axes[1]], 1)
    dye(image, fill(image.shape, polygon.astype(np.float32)), cloth_color(rng), rng, rng.uniform(0.8, 1))
