"""What the application sees in the first frames of a video: compared with the truth, and to look at."""

import collections
import gzip
import json
import pathlib

import cv2
import numpy as np

from floor import Floor
from frame import LABELS
from meter import Meter
from tenant import pipeline
from video import Video

IOU = 0.5  # of a person found and a person there who are the same


class Seen:
    """Counts people and workers, and saves ten frames as drawn."""

    def __init__(self, options):
        self.folder, self.every = options.save, max(1, options.check // 10)
        self.truth = Truth(options.truth) if options.truth else None
        self.frames, self.people = 0, 0
        self.workers = collections.Counter()

    def __call__(self, frame, names):
        self.frames += 1
        self.people += len(frame.people)
        self.workers.update(LABELS[name] for name in names)
        if self.truth:
            self.truth.compare(frame)
        if self.folder and frame.number % self.every == 0:
            path = pathlib.Path(self.folder, f"{frame.number:05}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), frame.image)

    def sums(self):
        shares = self.truth.shares() if self.truth else {}
        return {"frames": self.frames, "people": self.people, "workers": dict(sorted(self.workers.items())), **shares}


class Truth:
    """People of media/vests_truth.json.gz, matched with those found: greedily, the best score first."""

    def __init__(self, path):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            self.frames = json.load(file)
        self.found, self.there, self.matched, self.named = 0, 0, 0, 0

    def compare(self, frame):
        left = [(person["color"], np.array(person["box"])) for person in self.frames[frame.number]["people"]]
        self.there += len(left)
        self.found += len(frame.people)
        for row in np.argsort(-frame.people.scores).tolist():
            overlaps = [overlap(frame.people.boxes[row], box) for _, box in left]
            if overlaps and max(overlaps) >= IOU:
                color, _ = left.pop(int(np.argmax(overlaps)))
                self.matched += 1
                self.named += LABELS[int(frame.people.vests[row].argmax())] == color

    def shares(self):
        """Found people who are there, people there who are found, and found people whose vest is right."""
        share = lambda part, whole: round(part / max(1, whole), 3)
        return {
            "precision": share(self.matched, self.found),
            "recall": share(self.matched, self.there),
            "vests": share(self.named, self.matched),
        }


def overlap(one, other):
    """Intersection over union."""
    size = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    common = np.prod(np.maximum(size, 0))
    return common / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - common)


def check(options):
    """Sums over the first `options.check` frames of the video."""
    cv2.setNumThreads(1)
    meter = Meter()
    video = Video(options.input, limit=options.check)
    seen = Seen(options)
    line = pipeline(options, video, Floor(video, options.stations, meter, seen), meter)
    line.start()
    line.wait()
    if meter.failure:
        raise meter.failure
    line.stop()
    return seen.sums()
