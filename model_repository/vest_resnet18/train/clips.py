"""Which videos there are, which of their frames train, calibrate and gate, and how frames are read."""

import dataclasses
import pathlib

import cv2
import numpy as np


@dataclasses.dataclass(frozen=True)
class Clip:
    """Some frames of one video.

    `frames` are indices in the video. `wears` is the label that everybody in it wears, None where people are of several
    labels or are to be painted.
    """

    name: str
    path: pathlib.Path
    frames: range
    wears: str | None = "none"

    def read(self):
        """Yields (index, BGR frame UINT8 [h,w,3]) for the frames of the clip that the video has."""
        video = cv2.VideoCapture(str(self.path))
        if not video.isOpened():
            raise FileNotFoundError(f"{self.path}: cannot be opened as a video; needed for the clip '{self.name}'")
        index = 0
        while index < self.frames.stop and video.grab():
            if index in self.frames:
                ok, frame = video.retrieve()
                if not ok:
                    raise ValueError(f"{self.path}: frame {index} cannot be decoded")
                yield index, frame
            index += 1

    def background(self, samples=40):
        """The median of frames all over the clip: the scene without those who move, BGR UINT8 [h,w,3]."""
        frames = [frame for _, frame in self.every(max(1, len(self.frames) // samples)).read()]
        return np.median(np.stack(frames), axis=0).astype(np.uint8)

    def every(self, step):
        """The clip with one frame of `step`."""
        return dataclasses.replace(self, frames=self.frames[::step])


WHOLE = range(100_000)
# PETS 2009 S2.L1. The demo clip is made of the frames from 60 on; its second half, from 428 on, does not train.
VTEST_TRAIN, VTEST_FOLD, VTEST_HELD_OUT = range(0, 330), range(345, 405), range(428, 795)
SINGLE_PERSON_FOLD = 1  # of pose2sim's SinglePerson, so many cameras calibrate and the others train


def vtest(media, frames):
    """Frames of Debian's opencv-doc, by day, from a mast; people are 40 to 100 pixels high."""
    return Clip("vtest", media / "vtest.avi", frames)


def sports2d(media, step=1):
    """The demo of PyPI's Sports2D: two people."""
    return Clip("sports2d", media / "sports2d.mp4", WHOLE[::step])


def pose2sim(media, scene, step=1):
    """A demo of PyPI's Pose2Sim from four cameras: SinglePerson trains, MultiPerson gates."""
    videos = sorted((media / "pose2sim").glob(f"{scene}-*.mp4"))
    return [Clip(f"pose2sim/{video.stem}", video, WHOLE[::step]) for video in videos]


def real(folder, step=1):
    """Intel's sample videos (CC BY 4.0), if there is a folder of them: people without vests, and a real vest."""
    wears = {"store-aisle-detection": "none", "worker-zone-detection": "orange"}
    if folder is None:
        return []
    return [Clip(name, folder / f"{name}.gif", WHOLE[::step], label) for name, label in wears.items()]
