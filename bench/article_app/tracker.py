"""Who is who: the vest's colour is the worker. One person a colour in a frame, and a short memory.

As simple as the article's: the likeliest person of each colour is that worker; one who was near where the worker was a moment
ago counts for more, so that a second vest of that colour far away does not take the name.
"""

import numpy as np

from frame import LABELS, NONE

MEMORY = 1.0  # seconds for which a worker is remembered without being seen
LEAST = 0.5  # probability of a vest
NEARBY = 0.2  # added to the score of somebody near the worker's last place
REACH = 1.0  # how near that is, in heights of the person


class Worker:
    __slots__ = ("label", "box", "seen", "since")

    def __init__(self, label, box, time):
        self.label, self.box, self.seen, self.since = label, box, time, time


class Tracker:
    """Names the people of each frame."""

    def __init__(self):
        self.workers = {}

    def update(self, people, time):
        """The label's number of each person, 0 for visitors. `time`: the frame's, in seconds."""
        names = [NONE] * len(people)
        for label, worker in list(self.workers.items()):
            if time - worker.seen > MEMORY:
                del self.workers[label]
        if not len(people):
            return names
        probabilities = people.vests
        best = probabilities.argmax(axis=1)
        for label in set(best.tolist()) - {NONE}:
            rows = np.flatnonzero((best == label) & (probabilities[:, label] >= LEAST))
            if len(rows):
                row = self.likeliest(label, rows, people)
                names[row] = label
                self.remember(label, people.boxes[row], time)
        return names

    def likeliest(self, label, rows, people):
        if len(rows) == 1:
            return int(rows[0])
        scores = people.vests[rows, label].copy()
        worker = self.workers.get(label)
        if worker is not None:
            boxes = people.boxes[rows]
            centres = (boxes[:, :2] + boxes[:, 2:]) / 2
            distance = np.linalg.norm(centres - (worker.box[:2] + worker.box[2:]) / 2, axis=1)
            scores[distance < REACH * (boxes[:, 3] - boxes[:, 1])] += NEARBY
        return int(rows[scores.argmax()])

    def remember(self, label, box, time):
        worker = self.workers.get(label)
        if worker is None:
            self.workers[label] = Worker(label, box, time)
        else:
            worker.box, worker.seen = box, time

    def names(self):
        """The workers who are here, by name."""
        return sorted(LABELS[label] for label in self.workers)
