"""The truth as a file: a list of the clip's frames and of the people in each."""

import dataclasses
import gzip
import json

import numpy as np


@dataclasses.dataclass
class Person:
    """What is stated about a person in a frame; `box` [4] and `keypoints` [17,3] in pixels."""

    track: int
    color: str
    is_painted: bool
    box: np.ndarray
    keypoints: np.ndarray

    def record(self):
        """The person as JSON."""
        return {
            "id": self.track,
            "color": self.color,
            "painted": self.is_painted,
            "box": [round(float(edge), 1) for edge in self.box],
            "kpts": [[round(float(x), 1), round(float(y), 1), round(float(c), 3)] for x, y, c in self.keypoints],
        }


def write(path, people_of_frames, first):
    """Writes the people of each frame of a clip that begins with frame `first` of the original."""
    frames = [
        {"frame": frame, "src_frame": first + frame, "people": [person.record() for person in people]}
        for frame, people in enumerate(people_of_frames)
    ]
    text = json.dumps(frames, separators=(",", ":")).encode()
    # No time of writing, so that equal truths are equal files.
    path.write_bytes(gzip.compress(text, mtime=0))


def read(path):
    """The frames of a truth file."""
    return json.loads(gzip.decompress(path.read_bytes()))
