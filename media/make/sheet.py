"""Contact sheets, to check the truth by eye: frames of the video with the people that the truth states.

    python media/make/sheet.py media/vests.mp4 media/vests_truth.json.gz --output /tmp/sheets
"""

import argparse
import pathlib

import cv2
import numpy as np

import truth
import video

BGR = {
    "none": (128, 128, 128),
    "red": (40, 30, 215),
    "orange": (20, 110, 250),
    "yellow": (40, 240, 225),
    "green": (60, 170, 40),
    "blue": (205, 90, 25),
    "purple": (150, 40, 120),
    "white": (235, 235, 235),
}
LIMBS = [(5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16)]
ARMS = range(7, 11)
SEEN = 0.2  # confidence of a keypoint that counts


def draw(image, people, number, zoom):
    """A frame, enlarged, with the people's boxes, numbers, colours and keypoints."""
    image = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    for person in people:
        color = BGR.get(person["color"], (255, 0, 255))
        left, top, right, bottom = (round(edge * zoom) for edge in person["box"])
        cv2.rectangle(image, (left, top), (right, bottom), color, 1)
        label = f"{person['id']} {person['color']}{'' if person['painted'] else ' -'}"
        cv2.putText(image, label, (left, top - 3), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(image, label, (left, top - 3), cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, 1, cv2.LINE_AA)
        points = [(round(x * zoom), round(y * zoom), confidence) for x, y, confidence in person["kpts"]]
        for start, end in LIMBS:
            if min(points[start][2], points[end][2]) >= SEEN:
                cv2.line(image, points[start][:2], points[end][:2], color, 1, cv2.LINE_AA)
        for arm in ARMS:
            if points[arm][2] >= SEEN:
                cv2.circle(image, points[arm][:2], 2, (255, 255, 255), -1)
    cv2.putText(image, f"{number}: {len(people)}", (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 255), 2, cv2.LINE_AA)
    return image


def main():
    """Writes the sheets as PNG, each named by its first frame."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=pathlib.Path)
    parser.add_argument("truth", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder of the sheets")
    parser.add_argument("--first", type=int, default=0, help="frame (default: %(default)s)")
    parser.add_argument("--last", type=int, help="frame (default: that of the video)")
    parser.add_argument("--every", type=int, default=30, help="so many frames apart (default: %(default)s)")
    parser.add_argument("--columns", type=int, default=2, help="frames in a row, and rows (default: %(default)s)")
    parser.add_argument("--zoom", type=float, default=1.25, help="enlargement (default: %(default)s)")
    arguments = parser.parse_args()
    frames, facts = video.read(arguments.video), truth.read(arguments.truth)
    arguments.output.mkdir(parents=True, exist_ok=True)
    last = len(frames) - 1 if arguments.last is None else arguments.last
    chosen = list(range(arguments.first, last + 1, arguments.every))
    per_sheet = arguments.columns**2
    for start in range(0, len(chosen), per_sheet):
        numbers = chosen[start : start + per_sheet]
        drawn = [draw(frames[number], facts[number]["people"], number, arguments.zoom) for number in numbers]
        drawn += [np.zeros_like(drawn[0])] * (-len(drawn) % arguments.columns)
        rows = [np.hstack(drawn[at : at + arguments.columns]) for at in range(0, len(drawn), arguments.columns)]
        cv2.imwrite(str(arguments.output / f"{numbers[0]:03}.png"), np.vstack(rows))


if __name__ == "__main__":
    main()
