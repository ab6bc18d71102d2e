"""What the application sees in the first frames of a video, to compare it with others and to look at."""

import collections
import pathlib

import cv2

from floor import Floor
from frame import LABELS
from meter import Meter
from tenant import pipeline
from video import Video


class Seen:
    """Counts people and workers, and saves some frames as drawn."""

    def __init__(self, folder, every):
        self.folder, self.every = folder, every
        self.frames, self.people = 0, 0
        self.workers = collections.Counter()

    def __call__(self, frame, names):
        self.frames += 1
        self.people += len(frame.people)
        self.workers.update(LABELS[name] for name in names)
        if self.folder and frame.number % self.every == 0:
            path = pathlib.Path(self.folder, f"{frame.number:05}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), frame.image)


def check(options):
    """Sums over the first `options.check` frames of the video."""
    cv2.setNumThreads(1)
    meter = Meter()
    video = Video(options.input, limit=options.check)
    seen = Seen(options.save, max(1, options.check // 10))
    line = pipeline(options, video, Floor(video, options.stations, meter, seen), meter)
    line.start()
    line.wait()
    if meter.failure:
        raise meter.failure
    line.stop()
    return {"frames": seen.frames, "people": seen.people, "workers": dict(sorted(seen.workers.items()))}
