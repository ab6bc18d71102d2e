"""Who wears which vest, and the vests on the people of each frame."""

import numpy as np

import boxes as geometry
import truth
import visibility
from vests import outline, paint

NONE = "none"  # the colour of a visitor
REST = 20  # frames after which a colour is worn again
LEAST_HEIGHT = 45  # of a worker in pixels, the median; a smaller person is a visitor, since a vest could not be recognized
LEAST_VISIBLE = 0.15  # part of a person that others and the post leave to be seen, for the truth


def dress(clip, frames, moving, people, colors, seed):
    """Paints the vests: for each frame of the clip the image, and what the truth states about the people in it.

    `clip` is a range of frames; `moving` has the foreground of each; `colors` are names and BGR; `seed` is of the shades.
    """
    spans = {number: (max(person.first, clip[0]), person.last) for number, person in enumerate(people)}
    tall = {number for number, person in enumerate(people) if np.median(geometry.height(person.boxes)) >= LEAST_HEIGHT}
    worn = assign({number: spans[number] for number in tall}, list(colors))
    for frame in clip:
        image = frames[frame].copy()
        present = [(number, *people[number].at(frame)) for number, span in spans.items() if span[0] <= frame <= span[1]]
        # From the farthest to the nearest, whose vest is painted over the others.
        present.sort(key=lambda person: person[1][3])
        silhouettes = [visibility.silhouette(image.shape[:2], keypoints, box) for _, box, keypoints in present]
        shares = visibility.shares([box for _, box, _ in present], silhouettes, moving[frame])
        facts = []
        for (number, box, keypoints), (pixels, part) in zip(present, shares):
            color, polygon = worn.get(number, NONE), outline(keypoints)
            # The same shade in every frame.
            random = np.random.default_rng([seed, number])
            has_vest = color != NONE and polygon is not None
            is_painted = has_vest and paint(image, polygon, colors[color], pixels, random)
            if part >= LEAST_VISIBLE:
                within = np.clip(box, 0, np.tile(image.shape[1::-1], 2))
                facts.append(truth.Person(number + 1, color, is_painted, within, keypoints))
        yield image, facts


def assign(spans, colors):
    """The colour of each track that has one: of those that nobody else wears at the time, the one worn least so far.

    `spans` has the first and last frame of each track.
    """
    worn = {}
    for track, (first, last) in sorted(spans.items(), key=lambda item: (item[1], item[0])):
        busy = {
            color
            for other, color in worn.items()
            if spans[other][0] <= last + REST and first <= spans[other][1] + REST
        }
        free = [color for color in colors if color not in busy]
        uses = list(worn.values())
        if free:
            worn[track] = min(free, key=uses.count)
    return worn
