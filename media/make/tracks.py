"""People over time: detections of single frames joined into pieces of tracks where that is easy, and the pieces into people.

Which pieces are one person is stated in a file, since it was found by eye: behind a sign or behind each other, people in dark
clothes look alike. The file has a list of people:

    {"who": "...", "pieces": [[FIRST, LAST, X, Y], ...], "boxes": {"FRAME": [LEFT, TOP, RIGHT, BOTTOM], ...},
     "hidden": [[FIRST, LAST], ...]}

A piece is the one with a box around X, Y in frame FIRST, and is used from there up to frame LAST. `boxes` are drawn by hand,
where nothing is detected. While somebody is `hidden`, a pose in their box would be that of the person in front. Frames are the
original's, lengths are in pixels.
"""

import dataclasses
import json

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

import boxes as geometry

# Lengths are in heights of the person, times in frames.
SURE = 0.45  # least score of a detection that begins a piece
UNSURE = 0.15  # least score of one that continues it
LOST_AFTER = 8  # frames without a detection after which a piece ends
REACH, REACH_PER_FRAME = 0.2, 0.04  # distance between prediction and detection, and more for each frame without one
STRETCH = 1.4  # ratio of heights
SPEED_WINDOW = 8  # sightings by which a speed is measured
FARTHEST = 3 * SPEED_WINDOW  # frames ahead; who was not seen for longer may have stopped
SUREST = 30  # sightings by which a look is known


@dataclasses.dataclass
class Sighting:
    """A person in one frame, as detected."""

    box: np.ndarray
    score: float
    look: np.ndarray


@dataclasses.dataclass
class Known:
    """What is known of a person: boxes by frame, and the frames, first to last, in which they are hidden."""

    boxes: dict
    hidden: list


class Piece:
    """Sightings of one person, by frame."""

    def __init__(self, frame, sighting):
        self.sightings = {frame: sighting}
        self.last = frame

    def add(self, frame, sighting):
        """Continues the piece."""
        self.sightings[frame] = sighting
        self.last = frame

    def boxes(self):
        """The boxes by frame."""
        return {frame: sighting.box for frame, sighting in self.sightings.items()}

    def look(self):
        """The mean look of the surest sightings."""
        surest = sorted(self.sightings.values(), key=lambda sighting: -sighting.score)[:SUREST]
        return np.mean([sighting.look for sighting in surest], axis=0)


def predict(boxes, frame):
    """Where the person of these boxes by frame is in a frame before the first or after the last of them."""
    frames = sorted(boxes)
    if frame > frames[-1]:
        near, end = frames[-SPEED_WINDOW:], frames[-1]
    else:
        near, end = frames[:SPEED_WINDOW], frames[0]
    if len(near) < 3:
        return boxes[end]
    feet = geometry.foot(np.array([boxes[at] for at in near]))
    velocity = np.polyfit(near, feet, 1)[0]
    return boxes[end] + np.tile(velocity * np.clip(frame - end, -FARTHEST, FARTHEST), 2)


def pieces(frames, detections):
    """Tracks up to where they cannot be continued from frame to frame.

    `frames` are BGR images; `detections` has an array of boxes and one of scores for each.
    """
    ended, current = [], []
    for frame, (image, (boxes, scores)) in enumerate(zip(frames, detections)):
        sightings = [Sighting(box, score, _look(image, box)) for box, score in zip(boxes, scores) if score >= UNSURE]
        left = _continue(current, frame, sightings)
        current += [Piece(frame, sighting) for sighting in left if sighting.score >= SURE]
        ended += [piece for piece in current if frame - piece.last >= LOST_AFTER]
        current = [piece for piece in current if frame - piece.last < LOST_AFTER]
    return ended + current


def people(path, pieces):
    """The people that a file states."""
    return [_person(entry, [piece.boxes() for piece in pieces]) for entry in json.loads(path.read_text())]


def _person(entry, pieces):
    boxes = {}
    for first, last, x, y in entry["pieces"]:
        here = [piece for piece in pieces if first in piece and geometry.contains(piece[first], x, y)]
        if not here:
            raise SystemExit(f"{entry['who']}: nobody is detected at {x}, {y} in frame {first}: look, and correct the file")
        piece = min(here, key=lambda piece: np.linalg.norm(geometry.center(piece[first]) - [x, y]))
        boxes |= {frame: box for frame, box in piece.items() if first <= frame <= last}
    boxes |= {int(frame): np.array(box, float) for frame, box in entry.get("boxes", {}).items()}
    return Known(boxes, entry.get("hidden", []))


def _look(image, box):
    """What a person wears: square roots of the histograms of colour of upper and lower body, a vector of length 1."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    histograms = []
    for upper, lower in ((0.15, 0.5), (0.5, 0.9)):
        x = np.clip([left + 0.25 * width, right - 0.25 * width], 0, image.shape[1] - 1).astype(int)
        y = np.clip([top + upper * height, top + lower * height], 0, image.shape[0] - 1).astype(int)
        lab = cv2.cvtColor(image[y[0] : y[1] + 1, x[0] : x[1] + 1], cv2.COLOR_BGR2LAB)
        histograms.append(cv2.calcHist([lab], [0, 1, 2], None, [6, 8, 8], [0, 256, 80, 176, 80, 176]).ravel())
    root = np.sqrt(np.concatenate(histograms))
    return root / max(np.linalg.norm(root), 1e-9)


def _continue(pieces, frame, sightings):
    """Adds sightings to the pieces that they continue, the sure ones first; returns the others."""
    for is_sure in (True, False):
        waiting = [piece for piece in pieces if piece.last < frame]
        offered = [sighting for sighting in sightings if (sighting.score >= SURE) == is_sure]
        costs = [[_cost(piece, frame, sighting) for sighting in offered] for piece in waiting]
        for piece, sighting in _assign(costs, waiting, offered):
            piece.add(frame, sighting)
            sightings = [other for other in sightings if other is not sighting]
    return sightings


def _cost(piece, frame, sighting):
    """How badly a sighting continues a piece; infinite if it does not."""
    predicted = predict(piece.boxes(), frame)
    heights = geometry.height(predicted), geometry.height(sighting.box)
    distance = np.linalg.norm(geometry.foot(predicted) - geometry.foot(sighting.box)) / np.mean(heights)
    is_near = distance <= REACH + REACH_PER_FRAME * (frame - piece.last)
    if not is_near or max(heights) > STRETCH * min(heights):
        return np.inf
    overlap = geometry.iou(predicted[None], sighting.box[None])[0, 0]
    unlike = np.sqrt(max(0.0, 1 - piece.look() @ sighting.look))  # Hellinger's distance, 0..1
    return 1 + distance - 0.5 * overlap + 0.5 * unlike


def _assign(costs, rows, columns):
    """The pairs of rows and columns of the least total cost; those of infinite cost are none."""
    costs = np.array(costs).reshape(len(rows), len(columns))
    if not np.isfinite(costs).any():
        return []
    chosen = zip(*linear_sum_assignment(np.where(np.isfinite(costs), costs, 1e6)))
    return [(rows[row], columns[column]) for row, column in chosen if np.isfinite(costs[row, column])]
