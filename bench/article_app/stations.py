"""What happens at the stations: one is active while a hand or an elbow of its worker is inside, and for a moment after."""

import json

import cv2
import numpy as np

from frame import LABELS

HANDS = [7, 8, 9, 10]  # COCO's elbows and wrists
CONFIDENCE = 0.3  # of a keypoint that counts
HOLD = 1.0  # seconds for which a station stays active without a hand inside


class StationError(Exception):
    """A file of stations that cannot be read."""


class Station:
    __slots__ = ("name", "label", "corners", "outline", "left", "top", "right", "bottom", "worked", "active", "since", "total")

    def __init__(self, name, vest, polygon, size):
        self.name = name
        self.label = LABELS.index(vest) if vest else None  # None: anyone's
        self.corners = (np.array(polygon) * size).astype(np.float32)
        self.outline = np.round(self.corners).astype(np.int32)
        self.left, self.top = self.corners.min(axis=0).tolist()
        self.right, self.bottom = self.corners.max(axis=0).tolist()
        self.worked = None  # when a hand was last inside
        self.active = False
        self.since = 0.0
        self.total = 0.0  # seconds active

    def contains(self, x, y):
        near = self.left <= x <= self.right and self.top <= y <= self.bottom
        return near and cv2.pointPolygonTest(self.corners, (x, y), False) >= 0


class Stations:
    """The stations of a file, for frames of `size` pixels."""

    def __init__(self, path, size):
        try:
            with open(path, encoding="utf-8") as file:
                listed = json.load(file)["stations"]
            self.stations = [Station(one["name"], one.get("vest"), one["polygon"], size) for one in listed]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StationError(
                f"{path}: no stations can be read ({error}); give a file as pipelines/stations/demo.json"
            ) from None
        self.latest = 0.0

    def update(self, people, names, time):
        """Takes note of a frame: `names` are the tracker's, `time` is in seconds."""
        passed, self.latest = time - self.latest, time
        hands = self.hands(people, names)
        for station in self.stations:
            if station.active:
                station.total += passed
            if any((station.label in (None, name)) and station.contains(x, y) for name, x, y in hands):
                station.worked = time
            active = station.worked is not None and time - station.worked <= HOLD
            if active != station.active:
                station.active, station.since = active, time

    @staticmethod
    def hands(people, names):
        """(name, x, y) of each hand and elbow that is sure enough."""
        if not len(people):
            return []
        hands = people.keypoints[:, HANDS]
        rows, which = np.nonzero(hands[:, :, 2] >= CONFIDENCE)
        return [(names[row], x, y) for row, (x, y, _) in zip(rows.tolist(), hands[rows, which].tolist())]
