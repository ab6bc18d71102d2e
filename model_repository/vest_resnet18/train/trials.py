"""Crops that a model is judged by: cut as a pipeline does, none of a clip part that trained it."""

import dataclasses
import gzip
import json

import cv2
import numpy as np

from . import LABELS, samples
from .clips import Clip
from .pose import crop, digest, iou


@dataclasses.dataclass
class Trial:
    """Crops RGB UINT8 [n,CROP,CROP,3] with their labels INT64 [n].

    `required` is the share that must be right, None where the figure is for information. `frames` is the number of
    frames that the crops are from. `unseen` people are in no crop, because nobody was found where they are; they count as wrong.
    """

    name: str
    crops: np.ndarray
    labels: np.ndarray
    frames: int
    required: float | None = None
    unseen: int = 0
    pooled: bool = False  # of crops that other trials have, too

    @property
    def wears_none(self):
        return not self.labels.any()

    @classmethod
    def of(cls, name, entries, required=None):
        """From (frame, crop, label)."""
        frames, crops, labels = zip(*entries)
        return cls(name, np.stack(crops), np.array(labels, np.int64), len(set(frames)), required)


def joined(name, trials, required=None):
    """Several trials as one."""
    crops, labels = (np.concatenate([getattr(trial, part) for trial in trials]) for part in ("crops", "labels"))
    return Trial(name, crops, labels, sum(trial.frames for trial in trials), required)


def recorded(clip, finder, required=None):
    """Everybody that is found in a clip whose people all wear the same."""
    label = LABELS.index(clip.wears)
    entries = [
        (index, crop(frame, person.box)[:, :, ::-1], label)
        for index, frame, people in finder(clip)
        for person in people
    ]
    return Trial.of(f"{clip.name}: as recorded, {clip.wears}", entries, required)


def surest(clip, finder):
    """(frame, crop, label) of the surest person of each frame; the crop is None where nobody is found."""
    label = LABELS.index(clip.wears)
    for index, frame, people in finder(clip):
        yield index, crop(frame, people[0].box)[:, :, ::-1] if people else None, label


def found(clip, finder, required=None):
    """The surest person of each frame in which somebody is found."""
    entries = [entry for entry in surest(clip, finder) if entry[1] is not None]
    return Trial.of(f"{clip.name}: as recorded, {clip.wears}", entries, required)


def one_person(clip, finder, required=None):
    """As `found`, of a clip that has one person in every frame: a frame in which nobody is found is wrong."""
    frames = list(surest(clip, finder))
    entries = [entry for entry in frames if entry[1] is not None]
    size = "×".join(map(str, finder.pose.size))
    trial = Trial.of(f"{clip.name}: every frame, {clip.wears}, people found at {size}", entries, required)
    trial.frames, trial.unseen, trial.pooled = len(frames), len(frames) - len(entries), True
    return trial


def painted(name, subjects, seed, required=None, each=3):
    """`each` crops of every subject, as recorded or with one vest painted: all labels alike often."""
    rng = np.random.default_rng(seed)
    entries = []
    for subject in subjects:
        for label in rng.choice(len(LABELS), each, replace=False):
            image = samples.render(subject, LABELS[label], rng, augment=False)
            if image is not None:
                entries.append((subject.frame, image, int(label)))
    return Trial.of(f"{name}: painted and as recorded, all labels", entries, required)


def dressed(name, subjects, seed, required=None):
    """Each subject without a vest, in clothes of any colour, with a camera's faults."""
    rng = np.random.default_rng(seed)
    images = [(subject.frame, samples.render(subject, "none", rng, augment=True), 0) for subject in subjects]
    entries = [entry for entry in images if entry[1] is not None]
    return Trial.of(f"{name}: clothes of all colours painted, none", entries, required)


def demo(video, truth, finder, required=None):
    """The second half of the demo clip: found boxes that match the truth's at an IoU of 0.5."""
    with gzip.open(truth, "rt") as file:
        frames = json.load(file)
    half = len(frames) // 2
    entries = []
    clip = Clip(f"demo-{digest(video)}", video, range(half, len(frames)))
    for index, frame, people in finder(clip):
        for person, known in matches(people, frames[index]["people"]):
            if known["color"] != "none" and not known["painted"]:  # the vest is hidden
                continue
            entries.append((index, crop(frame, person.box)[:, :, ::-1], LABELS.index(known["color"])))
    return Trial.of("demo clip, second half: boxes matched with the truth", entries, required)


def matches(people, truth):
    """Pairs of a found person and one of the truth, the best IoU first, each once."""
    pairs = [
        (iou(person.box, np.array(known["box"])), i, j)
        for i, person in enumerate(people)
        for j, known in enumerate(truth)
    ]
    used_people, used_truth = set(), set()
    for overlap, i, j in sorted(pairs, reverse=True):
        if overlap < 0.5:
            break
        if i not in used_people and j not in used_truth:
            used_people.add(i)
            used_truth.add(j)
            yield people[i], truth[j]


def sheet(trial, columns=16):
    """A picture of some crops, a line for each label, BGR UINT8."""
    lines = []
    for label in sorted(set(trial.labels)):
        chosen = np.flatnonzero(trial.labels == label)
        chosen = chosen[np.linspace(0, len(chosen) - 1, columns).astype(int)]
        lines.append(np.hstack(list(trial.crops[chosen][..., ::-1])))
    return cv2.copyMakeBorder(np.vstack(lines), 2, 2, 2, 2, cv2.BORDER_CONSTANT)
