"""Makes the demo video and its truth: finds the people of `vtest.avi`, and paints vests on them.

    python media/make vtest.avi --detector yolox_nano.onnx --pose movenet_thunder.onnx --output media
"""

import argparse
import pathlib

import numpy as np

import boxes as geometry
import tracks
import truth
import video
import visibility
from dressing import dress
from networks import Detector, SinglePose
from poses import add_poses, close_gaps

PEOPLE = pathlib.Path(__file__).with_name("people.json")
RATE = 10  # frames a second
FIRST = 60  # frame with which the clip begins; the people in it are known from the frames before
COLORS = "red=d71e28,green=28aa3c,orange=fa6e14,yellow=e1f028,purple=782896,blue=195acd,white=ebebeb"
SCALES = (1.0, 1.5)  # at which the detector sees a frame
LEAST_SCORE = 0.05  # of a detection
DUPLICATE = 0.6  # IoU of two detections of one person
LEAST_MOVING = 0.2  # part of a box that is not background


def main():
    """Runs the steps one after the other."""
    arguments = parse_arguments()
    frames = video.read(arguments.video)
    empty = visibility.background(frames)
    moving = [visibility.foreground(frame, empty) for frame in frames]
    detector = Detector(arguments.detector, arguments.threads)
    detections = [detect(detector, frame, mask) for frame, mask in zip(frames, moving)]
    people = close_gaps(tracks.people(PEOPLE, tracks.pieces(frames, detections)), detections)
    add_poses(people, frames, SinglePose(arguments.pose, arguments.threads))
    clip = range(FIRST, len(frames))
    dressed = [*dress(clip, frames, moving, people, arguments.colors, arguments.seed)]
    truth.write(arguments.output / "vests_truth.json.gz", [facts for _, facts in dressed], FIRST)
    video.write(arguments.output / "vests.mp4", [image for image, _ in dressed], RATE)


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=pathlib.Path, help="vtest.avi of Debian's package opencv-doc")
    parser.add_argument("--detector", required=True, help="ONNX file of YOLOX-nano with raw output")
    parser.add_argument("--pose", required=True, help="ONNX file of MoveNet SinglePose Thunder")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder of the two files")
    parser.add_argument("--seed", type=int, default=0, help="of the vests' shades (default: %(default)s)")
    parser.add_argument(
        "--colors", type=parse_colors, default=COLORS, help="names and RGB of the vests (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=2, help="of the networks (default: %(default)s)")
    return parser.parse_args()


def parse_colors(text):
    """`NAME=RRGGBB,…` as names and BGR."""
    pairs = (entry.split("=") for entry in text.split(","))
    return {name: tuple(bytes.fromhex(rgb))[::-1] for name, rgb in pairs}


def detect(detector, image, moving):
    """Boxes and scores of the people in a frame, one for each, without things that only look like people."""
    found = [detector(image, scale, LEAST_SCORE) for scale in SCALES]
    boxes, scores = (np.concatenate(parts) for parts in zip(*found))
    kept = geometry.suppress(boxes, scores, DUPLICATE)
    kept = [index for index in kept if geometry.mean_within(moving, boxes[index]) >= LEAST_MOVING]
    return boxes[kept], scores[kept]


if __name__ == "__main__":
    main()
