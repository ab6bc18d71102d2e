"""Makes the variants of both networks, measures them, and writes bench/results/remedies.*."""

import argparse
import functools
import gzip
import json
import pathlib
import platform
import re
import subprocess

import cv2
import numpy as np
import onnxruntime
import torch

from train import clips, report, samples, trials
from train.__main__ import REPOSITORY, calibration_trial, training_subjects
from train.clips import Clip
from train.network import ResNet, normalize
from train.pose import Finder, Pose, crop, session

from . import cost, graphs, page, small

STUDENT_WIDTH, STUDENT_BLOCKS = 24, (1, 1, 1, 1)
POSE_SIZES = ((640, 480), (512, 384), (384, 288))
THRESHOLDS = {(640, 480): 0.20, (512, 384): 0.15, (384, 288): 0.15}
STEP = 5  # one frame of so many of the clip's second half is measured by the pose models
ABOUT = """Measured by `scripts/remedies` on one thread of ONNX Runtime: CPU time, median of {rounds} runs in turn; memory is
what a process grows by. INT8 is calibrated on the first half of the demo clip, and the figures are of its second half: vests
of {crops} boxes that match the truth, people of {frames} frames at an IoU of 0.5. `none on sports2d` are {none} boxes of
people without vests, who trained none of the models. Commit {commit}; {processor}, {system}; ONNX Runtime {runtime}.
"""
NOT_TRAINED = """
Pruning and distillation were not run: they begin with the `out/vest/model.pt` of `scripts/train-vest`.
"""


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    finder = Finder(Pose(REPOSITORY / "movenet_multipose", options.threads), options.output)
    options.output.joinpath("remedies").mkdir(parents=True, exist_ok=True)
    half = Half(options.demo, finder)
    none = trials.recorded(clips.sports2d(options.media, 2), finder)
    vests = vest_rows(options, finder, half, none)
    poses = pose_rows(options, half)
    counts = {"crops": len(half.trial.labels), "frames": len(half.frames), "none": len(none.labels)}
    about = ABOUT.format(rounds=options.rounds, **counts, **machine())
    if not (options.output / "model.pt").exists():
        about += NOT_TRAINED
    page.write(options.results, vests + poses, about)
    print((options.results / "remedies.md").read_text())


def machine():
    """What the figures depend on beside the models."""
    git = ["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"]
    processor = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {
        "commit": subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip(),
        "processor": processor[1] if processor else platform.machine(),
        "system": platform.platform(),
        "runtime": onnxruntime.__version__,
    }


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/remedies", description=__doc__)
    for name in ("media", "output", "demo", "results"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--crops", type=int, default=12_000, help="of which the small networks learn")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2, help="for training; measured is one")
    return parser.parse_args()


class Half:
    """The demo clip: calibration from its first half, quality from its second."""

    def __init__(self, folder, finder):
        video, truth = folder / "vests.mp4", folder / "vests_truth.json.gz"
        with gzip.open(truth, "rt") as file:
            self.truth = json.load(file)
        middle = len(self.truth) // 2
        self.trial = trials.demo(video, truth, finder)
        self.frames = list(Clip("demo", video, range(middle, len(self.truth), STEP)).read())
        self.first = list(Clip("demo", video, range(0, middle, 12)).read())

    def crops(self):
        """Crops of the first half's people, RGB UINT8."""
        boxes = ((image, person["box"]) for index, image in self.first for person in self.truth[index]["people"])
        return np.stack([crop(image, box)[:, :, ::-1] for image, box in boxes])

    def people(self, pose):
        """F1 and recall of a pose model."""
        right = found = known = 0
        for index, image in self.frames:
            people, truth = pose(image), self.truth[index]["people"]
            right += sum(1 for _ in trials.matches(people, truth))
            found, known = found + len(people), known + len(truth)
        precision, recall = right / max(found, 1), right / max(known, 1)
        return 2 * precision * recall / max(precision + recall, 1e-9), recall


def vest_rows(options, finder, half, none):
    """The vest network, and its variants by each remedy."""
    folder, base = options.output / "remedies", REPOSITORY / "vest_resnet18" / "1" / "model.onnx"
    paths = {"FP16 weights": base}
    trained = options.output / "model.pt"
    if trained.exists():
        net = ResNet()
        net.load_state_dict(torch.load(trained))
        people = training_subjects(options.media, finder)
        crops, labels = samples.training(people, options.crops, small.SEED, options.threads)
        calibration = calibration_trial(options.media, finder)
        for inner in (0.5, 0.25):
            path = folder / f"vest_pruned_{round(inner * 100)}.onnx"
            made(path, lambda: small.prune(net, inner, crops, labels, calibration, path))
            paths[f"pruned to {inner:.0%} of inner channels"] = path
        path = folder / "vest_student.onnx"
        made(path, lambda: small.distil(net, STUDENT_WIDTH, STUDENT_BLOCKS, crops, labels, calibration, path))
        paths[f"distilled, width {STUDENT_WIDTH}, {sum(STUDENT_BLOCKS)} blocks"] = path
    batches = np.array_split(half.crops(), 16)
    for remedy, path in list(paths.items()):
        target = folder / f"{path.stem if path != base else 'vest_resnet18'}_int8.onnx"
        operators = ["Conv", "Add", "MaxPool", "Gemm"]
        made(target, lambda: graphs.quantize(path, target, [normalize(part).numpy() for part in batches], operators))
        paths["INT8" if path == base else f"{remedy}, INT8"] = target
    sessions = [session(path, 1) for path in paths.values()]
    tensor = normalize(half.trial.crops[:6]).numpy()  # as many people as there are in a frame
    runs = [functools.partial(model.run, None, {"input": tensor}) for model in sessions]
    rows = []
    for (remedy, path), model, ms in zip(paths.items(), sessions, cost.milliseconds(runs, options.rounds)):
        name = "vest_resnet18" if path == base else path.stem
        memory = cost.memory(path, tensor.shape)
        quality, second = (report.judge(model, trial).right for trial in (half.trial, none))
        rows.append(page.Row("vest", name, remedy, ms / len(tensor), size(path), memory, quality, second))
    return rows


def pose_rows(options, half):
    """MoveNet at several sizes of the input, and in INT8."""
    folder, base = options.output / "remedies", REPOSITORY / "movenet_multipose"
    file = base / "1" / "model.onnx"
    variants = [(f"{width}×{height}", Pose(base, 1, (width, height)), file) for width, height in POSE_SIZES]
    target, full = folder / "movenet_multipose_int8.onnx", variants[0][1]
    tensors = [full.letterbox(image)[0] for _, image in half.first]
    made(target, lambda: graphs.quantize(file, target, tensors, ["Conv"]))
    variants.append(("640×480, INT8", Pose(target, 1, POSE_SIZES[0]), target))
    tensors = [pose.letterbox(half.frames[0][1])[0] for _, pose, _ in variants]
    runs = [functools.partial(pose.session.run, None, {"images": x}) for (_, pose, _), x in zip(variants, tensors)]
    rows = []
    for (remedy, pose, path), tensor, ms in zip(variants, tensors, cost.milliseconds(runs, options.rounds)):
        pose.threshold = THRESHOLDS[pose.size]
        memory = cost.memory(path, tensor.shape)
        rows.append(page.Row("pose", "movenet_multipose", remedy, ms, size(path), memory, *half.people(pose)))
    return rows


def made(path, make):
    """Calls `make` unless the file is there from an earlier run."""
    if not path.exists():
        print(f"making {path.name}", flush=True)
        make()


def size(path):
    return path.stat().st_size / 1e6


if __name__ == "__main__":
    main()
