"""People with a box and a pose in every frame of their track: gaps closed, poses found along the track, both smoothed."""

import dataclasses

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

import boxes as geometry
from tracks import predict
from vests import HIPS, SHOULDERS

LEAST_SCORE = 0.05  # of a detection where a track predicts one
LEAST_OVERLAP = 0.6  # IoU of it with the prediction
MISSES = 3  # frames in a row without a detection at which a track begins and ends
SMOOTHING = 1.0  # standard deviation in frames
STEADY_WINDOW = 15  # frames in which a torso stays about where it is in the box
STEADY = 0.12  # how far it may be off, in heights of the box
GUESSED = 0.1  # confidence of keypoints that are interpolated


@dataclasses.dataclass
class Person:
    """One person from the first frame to the last: boxes [n,4], keypoints [n,17,3] in pixels, and whether hidden, [n]."""

    first: int
    boxes: np.ndarray
    is_hidden: np.ndarray
    keypoints: np.ndarray = None

    @property
    def last(self):
        """The last frame."""
        return self.first + len(self.boxes) - 1

    def at(self, frame):
        """Box and keypoints in a frame."""
        return self.boxes[frame - self.first], self.keypoints[frame - self.first]


def close_gaps(people, detections):
    """Gives people a box in each frame of their track: detected, if only just, or interpolated.

    `people` are `Known`; `detections` has an array of boxes and one of scores for each frame.
    """
    known = [dict(person.boxes) for person in people]

    def find(own, frame, predicted):
        others = [boxes[frame] for boxes in known if boxes is not own and frame in boxes]
        return _detection_at(predicted, *detections[frame], np.array(others).reshape(-1, 4))

    for own in known:
        for frame, predicted in list(_between(own)):
            found = find(own, frame, predicted)
            if found is not None:
                own[frame] = found
        _extend(own, range(min(own) - 1, -1, -1), find)
        _extend(own, range(max(own) + 1, len(detections)), find)
    return [_dense(own, person.hidden) for own, person in zip(known, people)]


def add_poses(people, frames, single_pose):
    """Finds the keypoints of everybody in every frame."""
    for person in people:
        person.keypoints = np.zeros((len(person.boxes), 17, 3))
    for frame, image in enumerate(frames):
        present = [person for person in people if person.first <= frame <= person.last]
        boxes = np.array([person.boxes[frame - person.first] for person in present]).reshape(-1, 4)
        for person, keypoints in zip(present, single_pose(image, boxes)):
            person.keypoints[frame - person.first] = keypoints
    for person in people:
        person.keypoints = _smooth_keypoints(_without_neighbours(person))


def _detection_at(predicted, boxes, scores, others):
    """The detection that a track predicts, unless it is rather one of the other people."""
    if len(boxes) == 0:
        return None
    overlap = geometry.iou(boxes, predicted[None])[:, 0]
    taken = geometry.iou(boxes, others).max(axis=1, initial=0)
    usable = (scores >= LEAST_SCORE) & (overlap >= LEAST_OVERLAP) & (overlap > taken)
    return boxes[np.argmax(np.where(usable, overlap * scores, -1))] if usable.any() else None


def _extend(own, ahead, find):
    """Continues a track before its first or behind its last box while anything is detected there."""
    misses = 0
    for frame in ahead:
        found = find(own, frame, predict(own, frame))
        if found is not None:
            own[frame] = found
        misses = misses + 1 if found is None else 0
        if misses == MISSES:
            return


def _between(own):
    """The frames without a box, each with the one interpolated between its neighbours."""
    known = sorted(own)
    for before, after in zip(known, known[1:]):
        for frame in range(before + 1, after):
            part = (frame - before) / (after - before)
            yield frame, own[before] * (1 - part) + own[after] * part


def _dense(own, hidden):
    known = np.array(sorted(own))
    boxes = np.array([own[frame] for frame in known])
    frames = np.arange(known[0], known[-1] + 1)
    filled = np.stack([np.interp(frames, known, edge) for edge in boxes.T], axis=1)
    is_hidden = np.any([(first <= frames) & (frames <= last) for first, last in hidden] + [frames < 0], axis=0)
    smooth = gaussian_filter1d(filled, SMOOTHING, axis=0, mode="nearest")
    return Person(first=int(known[0]), boxes=smooth, is_hidden=is_hidden)


def _without_neighbours(person):
    """A person's keypoints, where those found are of another person in the crop replaced by ones between those before and after."""
    origin, height = geometry.foot(person.boxes)[:, None], geometry.height(person.boxes)[:, None, None]
    relative = (person.keypoints[..., :2] - origin) / height
    torso = relative[:, SHOULDERS + HIPS].mean(axis=1)
    usual = median_filter(torso, size=(STEADY_WINDOW, 1), mode="nearest")
    is_wrong = person.is_hidden | (np.linalg.norm(torso - usual, axis=1) > STEADY)
    wrong, right = np.flatnonzero(is_wrong), np.flatnonzero(~is_wrong)
    keypoints = person.keypoints.copy()
    for keypoint in range(17):
        for axis in range(2):
            relative[wrong, keypoint, axis] = np.interp(wrong, right, relative[right, keypoint, axis])
    keypoints[wrong, :, :2] = (relative * height + origin)[wrong]
    keypoints[wrong, :, 2] = np.minimum(keypoints[wrong, :, 2], GUESSED)
    return keypoints


def _smooth_keypoints(keypoints):
    """Means over neighbouring frames, weighted by confidence."""
    weight = np.maximum(keypoints[..., 2:], 1e-3)
    smooth = lambda values: gaussian_filter1d(values, SMOOTHING, axis=0, mode="nearest")
    return np.concatenate([smooth(keypoints[..., :2] * weight) / smooth(weight), smooth(weight)], axis=-1)
