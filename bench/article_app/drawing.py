"""Draws a frame: stations, people with skeletons, labels and a status line, in place."""

import time

import cv2
import numpy as np

import plates
from frame import LABELS, NONE
from plates import COLORS, SHADE

# Bones between COCO's keypoints
BONES = np.array(
    [
        (0, 1),
        (0, 2),
        (1, 3),
        (2, 4),
        (5, 6),
        (5, 7),
        (7, 9),
        (6, 8),
        (8, 10),
        (5, 11),
        (6, 12),
        (11, 12),
        (11, 13),
        (13, 15),
        (12, 14),
        (14, 16),
    ]
)
HANDS = (7, 8, 9, 10)
FACE = slice(0, 5)
FACES = 180  # pixels of a person whose eyes and ears are drawn
CONFIDENCE = 0.3
SHIFT = 3  # bits of a coordinate's fraction
ACTIVE, IDLE = 0.35, 0.12  # strength of a station's filling
EVERY = 0.5  # seconds between changes of the status line's rate


class Drawing:
    """Draws frames of one size."""

    def __init__(self, size):
        self.width, self.height = size
        self.text = 0.38 * self.height / 576 + 0.1
        self.line = max(1, round(self.height / 480))
        self.rate = 0.0
        self.counted, self.since = 0, time.monotonic()

    def draw(self, image, people, names, stations, workers):
        for station in stations.stations:
            self.area(image, station)
        order = np.argsort(people.boxes[:, 3]).tolist() if len(people) else []  # the nearest last
        for row in order:
            self.person(image, people.boxes[row], people.keypoints[row], COLORS[LABELS[names[row]]])
        layout = plates.Layout(self.width, self.height)
        self.status(image, layout, stations, workers)
        boxes = people.boxes.tolist()
        for left, top, right, bottom in boxes:
            layout.keep_clear(left, top, right, bottom)
        for station in stations.stations:
            self.station_label(image, layout, station, stations.latest)
        for row in reversed(order):
            self.name(image, layout, boxes[row], names[row])

    def area(self, image, station):
        """A station's polygon: filled with half-transparent colour, in its bounding box only, and outlined."""
        color = color_of(station)
        left, top = max(0, int(station.left)), max(0, int(station.top))
        part = image[top : int(station.bottom) + 2, left : int(station.right) + 2]
        if part.size:
            filled = part.copy()
            cv2.fillPoly(filled, [station.outline], color, offset=(-left, -top))
            strength = ACTIVE if station.active else IDLE
            cv2.addWeighted(filled, strength, part, 1 - strength, 0, dst=part)
        cv2.polylines(image, [station.outline], True, SHADE, self.line + 2, cv2.LINE_AA)
        cv2.polylines(image, [station.outline], True, color, self.line, cv2.LINE_AA)

    def person(self, image, box, keypoints, color):
        left, top, right, bottom = np.round(box).astype(int).tolist()
        cv2.rectangle(image, (left, top), (right, bottom), SHADE, self.line + 2)
        cv2.rectangle(image, (left, top), (right, bottom), color, self.line)
        seen = keypoints[:, 2] >= CONFIDENCE
        if bottom - top < FACES:
            seen[FACE] = False
        points = np.round(keypoints[:, :2] * (1 << SHIFT)).astype(np.int32)
        bones = list(points[BONES[seen[BONES].all(axis=1)]])
        if bones:
            pale = tuple((255 * 2 + value) // 3 for value in color)
            cv2.polylines(image, bones, False, SHADE, self.line + 2, cv2.LINE_AA, SHIFT)
            cv2.polylines(image, bones, False, pale, self.line, cv2.LINE_AA, SHIFT)
        size = max(1.0, (bottom - top) * 0.013) * self.line
        for joint, (x, y) in zip(np.flatnonzero(seen).tolist(), points[seen].tolist()):
            radius = round(size * (2.0 if joint in HANDS else 1.2) * (1 << SHIFT))
            cv2.circle(image, (x, y), radius, color, cv2.FILLED, cv2.LINE_AA, SHIFT)

    def name(self, image, layout, box, label):
        left, top, right, bottom = box
        text = "visitor" if label == NONE else LABELS[label]
        plate = plates.name_plate(text, COLORS[LABELS[label]], self.text)
        height, width = plate.shape[:2]
        gap = 2 * self.line
        above, below = top - height - gap, bottom + gap
        corners = [(left, above), (right - width, above), (left, above - height), (right + gap, top), (left - width - gap, top)]
        plates.copy(image, plate, *layout.place(plate, [*corners, (left, below), (right - width, below)]))

    def station_label(self, image, layout, station, now):
        state = f"{'active' if station.active else 'idle'} {int(now - station.since)} s, total {int(station.total)} s"
        plate = plates.station_plate(station.name, state, color_of(station), station.active, self.text)
        height, width = plate.shape[:2]
        left, top, right, bottom = station.left, station.top, station.right, station.bottom
        gap = 3 * self.line
        corners = [
            (left, bottom + gap),
            (right - width, bottom + gap),
            (left, top - height - gap),
            (right + gap, top),
            (left - width - gap, top),
        ]
        plates.copy(image, plate, *layout.place(plate, corners))

    def status(self, image, layout, stations, workers):
        self.counted += 1
        passed = time.monotonic() - self.since
        if passed >= EVERY:
            self.rate = self.counted / passed
            self.counted, self.since = 0, time.monotonic()
        active = [station.name for station in stations.stations if station.active]
        text = f"{self.rate:.1f} fps | workers: {', '.join(workers) or 'none'} | active: {', '.join(active) or 'none'}"
        plate = plates.status_plate(text, self.width, self.text)
        layout.keep_clear(0, 0, plate.shape[1], plate.shape[0])
        plates.copy(image, plate, 0, 0)


def color_of(station):
    return plates.ANYONE if station.label is None else COLORS[LABELS[station.label]]
