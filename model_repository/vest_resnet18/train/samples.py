"""Training crops: people of the clips in clothes and vests of all colours, as bad cameras see them."""

import dataclasses
import multiprocessing

import cv2
import numpy as np

from . import CROP, LABELS, paint
from .pose import Person, crop, iou

PERSON_HEIGHT = 128  # pixels; larger people are reduced to this before they are painted
MARGIN = 0.15  # of the box, kept around it
NONE_SHARE = 0.45  # of the training crops; the vests share the rest equally
CHUNK = 500  # crops from one random generator, so that the result does not depend on the number of processes


@dataclasses.dataclass
class Subject:
    """A person cut out of a frame: `image` BGR UINT8 [h,w,3], `seen` UINT8 [h,w] is what moved, 255 fully.

    `neighbours` are the other people in the image. `frame` is the index in the clip.
    """

    image: np.ndarray
    seen: np.ndarray
    person: Person
    neighbours: list
    frame: int


def subjects(clip, finder, step):
    """Everybody with a visible torso in one frame of `step` of a clip from a fixed camera."""
    clip = clip.every(step)
    background = clip.background()
    found = []
    for index, frame, people in finder(clip):
        seen = foreground(frame, background)
        for person in people:
            if paint.Torso.of(person.keypoints) is None:
                continue
            others = [other for other in people if other is not person]
            found.append(cut(frame, seen, person, others, index))
    return found


def foreground(frame, background):
    """What differs from the background, UINT8 [h,w]."""
    difference = cv2.GaussianBlur(cv2.absdiff(frame, background).max(2), (3, 3), 0)
    mask = np.where(difference > 22, np.uint8(255), np.uint8(0))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return cv2.GaussianBlur(mask, (3, 3), 0)


def cut(frame, seen, person, others, index):
    """The person's surroundings, reduced to PERSON_HEIGHT."""
    size = person.box[2:] - person.box[:2]
    corner = np.maximum(np.floor(person.box[:2] - MARGIN * size), 0).astype(int)
    end = np.minimum(np.ceil(person.box[2:] + MARGIN * size), frame.shape[1::-1]).astype(int)
    area = slice(corner[1], end[1]), slice(corner[0], end[0])
    scale = min(1.0, PERSON_HEIGHT / size[1])
    image, mask = frame[area], seen[area]
    if scale < 1:  # large people have large holes
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
        shape = tuple(np.maximum(np.round((end - corner) * scale), 1).astype(int))
        image, mask = (cv2.resize(part, shape, interpolation=cv2.INTER_AREA) for part in (image, mask))
    near = [other.moved(corner, scale) for other in others if iou(other.box, np.concatenate([corner, end])) > 0]
    return Subject(image.copy(), mask.copy(), person.moved(corner, scale), near, index)


def render(subject, label, rng, augment):
    """The subject's crop with a label, RGB UINT8 [CROP,CROP,3]; None if the torso is out of view, or a nearer person hides it.

    Without `augment` the crop is the box as it was found, and only the vest is painted; "none" then is the frame as it
    was recorded.
    """
    torso = paint.Torso.of(subject.person.keypoints)
    if hidden(subject, torso) or not in_view(subject, torso):
        return None
    image = subject.image.astype(np.float32)
    people = [(other, None) for other in subject.neighbours] if augment else []
    people.append((subject.person, label))
    for person, wears in sorted(people, key=lambda entry: entry[0].box[3]):  # the nearest last
        if wears is None:
            wears = str(rng.choice(LABELS[1:])) if rng.random() < 0.4 else "none"
        dress(image, person, wears, rng, subject.seen, augment)
    image = image.astype(np.uint8)
    if not augment:
        return crop(image, subject.person.box)[:, :, ::-1]
    occlude(image, subject.person.box, rng)
    return photograph(crop(image, jitter(subject.person, torso, rng)), rng)[:, :, ::-1]


def in_view(subject, torso):
    """Whether most of the torso is inside the image and the box: the joints of people who leave the image are guessed outside
    of it, and a vest there would be in no crop.
    """
    polygon = torso.polygon((0.8, 0), (0.8, 1))
    area = fill_box(subject.image.shape, subject.person.box) * paint.fill(subject.image.shape, polygon)
    return area.sum() > 0.7 * cv2.contourArea(polygon)


def fill_box(shape, box):
    """A box's share of each pixel, FP32 [h,w], in whole pixels."""
    mask = np.zeros(shape[:2], np.float32)
    left, top, right, bottom = np.round(np.maximum(box, 0)).astype(int)
    mask[top:bottom, left:right] = 1
    return mask


def hidden(subject, torso):
    """Whether a nearer person stands before the torso: then its vest cannot be told."""
    edges = torso.polygon((1, 0), (1, 1))
    box = np.concatenate([edges.min(0), edges.max(0)])
    for other in subject.neighbours:
        if other.box[3] < subject.person.box[3]:
            continue
        width, height = np.minimum(box[2:], other.box[2:]) - np.maximum(box[:2], other.box[:2])
        if width > 0 and height > 0 and width * height > 0.3 * np.prod(box[2:] - box[:2]):
            return True
    return False


def dress(image, person, label, rng, seen, augment):
    """Clothes, trousers and hat of any colour, then the vest."""
    torso = paint.Torso.of(person.keypoints)
    if torso is None:
        return
    seen = seen.astype(np.float32) / 255
    outline = paint.fill(image.shape, torso.polygon((0.8, 0), (0.8, 1)))
    if (outline * seen).sum() < 0.5 * outline.sum():  # stood still, and so became background
        seen = np.ones_like(seen)
    if augment:
        if rng.random() < 0.65:
            paint.clothes(image, person, torso, rng, seen)
        if rng.random() < 0.4:
            paint.trousers(image, person, torso, rng, seen)
        if rng.random() < 0.15:
            paint.hat(image, person, torso, rng)
    if label != "none":
        paint.vest(image, torso, label, rng, seen)


def jitter(person, torso, rng):
    """The box as another detector would have it; sometimes the legs are behind a bench or the frame's edge."""
    left, top, right, bottom = person.box
    if rng.random() < 0.25:
        hips = torso.at(0, 1)[1]
        bottom = min(bottom, max(hips + rng.uniform(-0.15, 0.8) * torso.length, top + 0.3 * (bottom - top)))
    width, height = right - left, bottom - top
    change = rng.uniform(-1, 1, 4) * rng.uniform(0.02, 0.14) * np.array([width, 0.6 * height, width, 0.6 * height])
    return np.array([left, top, right, bottom]) + change


def occlude(image, box, rng):
    """Covers a part of the box, at most a third, with another part of the image or with one colour."""
    if rng.random() < 0.7:
        return
    size = box[2:] - box[:2]
    shape = rng.choice([[0.15, 1.0], [1.0, 0.25], [0.4, 0.4], [0.25, 0.7]])
    extent = (size * shape * rng.uniform(0.5, 1.1)).astype(int)
    place = (box[:2] + rng.uniform(-0.1, 0.9, 2) * size).astype(int)
    start, end = np.maximum(place, 0), np.minimum(place + extent, image.shape[1::-1])
    width, height = end - start
    if width < 1 or height < 1:
        return
    if rng.random() < 0.6:
        x, y = (int(rng.integers(0, room - length + 1)) for room, length in zip(image.shape[1::-1], (width, height)))
        cover = image[y : y + height, x : x + width].copy()
    else:
        cover = paint.cloth_color(rng)
    image[start[1] : end[1], start[0] : end[0]] = cover


def photograph(image, rng):
    """Resolution, focus, light, colour temperature, noise and compression of a camera; and its mirror image."""
    if rng.random() < 0.35:
        width, height = int(rng.integers(10, CROP)), int(rng.integers(24, CROP))
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (CROP, CROP), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.3))
    if rng.random() < 0.15:
        image = streak(image, rng)
    values = 255 * (image.astype(np.float32) / 255) ** rng.uniform(0.65, 1.5)
    grey = values.mean(2, keepdims=True)
    values = grey + (values - grey) * rng.uniform(0.65, 1.3)
    if rng.random() < 0.15:  # haze, or light that shines into the lens
        values += (rng.uniform(140, 255) - values) * rng.uniform(0.05, 0.35)
    warmth, tint = np.clip(rng.normal(0, 0.06), -0.14, 0.14), np.clip(rng.normal(0, 0.03), -0.07, 0.07)
    values *= np.array([1 - warmth, 1 + tint, 1 + warmth]) * rng.uniform(0.65, 1.3)
    values += rng.normal(0, rng.uniform(0, 7), values.shape)
    image = np.clip(values, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 92))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image[:, ::-1] if rng.random() < 0.5 else image


def streak(image, rng):
    """A bright line through all of the image, as of a lens or a wall behind: not the band of a vest."""
    height = int(rng.integers(0, CROP))
    ends = (0, height), (CROP - 1, height + int(rng.integers(-16, 17)))
    line = cv2.line(np.zeros((CROP, CROP), np.uint8), *ends, 255, int(rng.integers(1, 5)), cv2.LINE_AA)
    alpha = (line.astype(np.float32) / 255 * rng.uniform(0.2, 0.8))[..., None]
    return (image * (1 - alpha) + rng.uniform(150, 255) * alpha).astype(np.uint8)


def training(groups, count, seed, processes=2):
    """`count` augmented crops, from groups of subjects in equal shares: UINT8 [count,CROP,CROP,3] and labels INT64."""
    chunks = [(seed, number, min(CHUNK, count - start)) for number, start in enumerate(range(0, count, CHUNK))]
    # Not forked: OpenCV's and PyTorch's threads do not survive that.
    with multiprocessing.get_context("spawn").Pool(processes, _keep, (groups,)) as pool:
        parts = pool.map(_chunk, chunks, chunksize=1)
    return tuple(np.concatenate(part) for part in zip(*parts))


def _keep(groups):
    """In a new process: what its chunks are made of."""
    global _groups
    _groups = groups
    cv2.setNumThreads(1)


def _chunk(arguments):
    seed, number, count = arguments
    rng = np.random.default_rng((seed, number))
    crops, labels = [], []
    while len(crops) < count:
        group = _groups[rng.integers(len(_groups))]
        label = 0 if rng.random() < NONE_SHARE else int(rng.integers(1, len(LABELS)))
        image = render(group[rng.integers(len(group))], LABELS[label], rng, augment=True)
        if image is not None:
            crops.append(image)
            labels.append(label)
    return np.stack(crops), np.array(labels, np.int64)
