"""Makes the variants of the networks, measures them, and writes bench/results/remedies.*."""

import argparse
import dataclasses
import functools
import gzip
import json
import pathlib
import platform
import re
import subprocess
import sys

import cv2
import numpy as np
import onnxruntime
import torch

from train import clips, report, samples, trials
from train.__main__ import REPOSITORY, SEED, calibration_crops, training_subjects
from train.clips import Clip
from train.network import ResNet, normalize
from train.pose import Finder, Pose, crop, session

from . import cost, graphs, page, small

STUDENT_WIDTH, STUDENT_BLOCKS = 24, (1, 1, 1, 1)
PARTS = {"person_detector": "detector", "movenet_lightning": "keypoints"}  # the networks in person_pose
POSE_SIZES = ((640, 480), (512, 384), (384, 288))
THRESHOLDS = {(640, 480): 0.20, (512, 384): 0.15, (384, 288): 0.15}
STEP = 5  # one frame of so many of the clip's second half is measured by the pose models
ARMS = {7: 8, 8: 7, 9: 10, 10: 9}  # elbows and wrists, each with that of the other side
SHIPPED = "vest_pruned_25_int8"  # into the model repository, with --write
ABOUT = """Measured by `scripts/remedies` on one thread of ONNX Runtime: CPU time, median of {rounds} runs in turn; memory is
what a process grows by. INT8 is calibrated on the first half of the demo clip, and the figures are of its second half: vests
of {crops} boxes that match the truth, people of {frames} frames at an IoU of 0.5. `none without vests` are {none} boxes of
people of sports2d and pose2sim/MultiPerson, `right on vtest` are {vtest} of its painted crops: the trials of
[vest_resnet18](../../model_repository/vest_resnet18/README.md), which trained none of the models. Pruned networks and the student learned from
{trained} crops, as the ResNet18's but new. `error of arms` is the distance of elbows and wrists from the truth's, of whichever side is nearer, in
heights of the person. The frames have {people:.1f} people each. `vest_pruned_25_int8` is in the model
repository; the others are made by this script. Commit {commit}; {processor}, {system}; ONNX Runtime {runtime}.
"""


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    trained = options.output / "model.pt"
    if not trained.exists():
        sys.exit(f"scripts/remedies: {trained} is missing: run scripts/train-vest, whose network is pruned and distilled")
    finder = Finder(Pose(REPOSITORY / "person_pose", options.threads), options.output)
    options.output.joinpath("remedies").mkdir(parents=True, exist_ok=True)
    half = Half(options.demo, finder)
    judges = half.trial, without_vests(options.media, finder), held_out(options.media, finder)
    vests = vest_rows(options, finder, half, judges)
    poses = pose_rows(options, half)
    crops, none, vtest = (len(trial.labels) for trial in judges)
    people = sum(len(half.truth[index]["people"]) for index, _ in half.frames) / len(half.frames)
    counts = {"crops": crops, "frames": len(half.frames), "none": none, "vtest": vtest, "people": people}
    about = ABOUT.format(rounds=options.rounds, trained=options.crops, **counts, **machine())
    page.write(options.results, vests + poses, about)
    if options.write:
        made_file = options.output / "remedies" / f"{SHIPPED}.onnx"
        (REPOSITORY / SHIPPED / "1" / "model.onnx").write_bytes(made_file.read_bytes())
    print((options.results / "remedies.md").read_text())


def without_vests(media, finder):
    """The crops of trials of people without vests, as one trial."""
    shown = [clips.sports2d(media, 2), *clips.pose2sim(media, "MultiPerson", 6)]
    return trials.joined("without vests", [trials.recorded(clip, finder) for clip in shown])


def held_out(media, finder):
    """The vest network's trial of painted people."""
    return trials.painted("vtest", samples.subjects(clips.vtest(media, clips.VTEST_HELD_OUT), finder, 5), SEED + 12)


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
    parser.add_argument("--write", action="store_true", help=f"put {SHIPPED} into the model repository")
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
        """F1 and recall of a pose model, and the 90th percentile of the errors of its arms."""
        found = known = 0
        pairs = []
        for index, image in self.frames:
            people, truth = pose(image), self.truth[index]["people"]
            pairs += trials.matches(people, truth)
            found, known = found + len(people), known + len(truth)
        precision, recall = len(pairs) / max(found, 1), len(pairs) / max(known, 1)
        errors = [error for person, true in pairs for error in arm_errors(person, true)]
        return 2 * precision * recall / max(precision + recall, 1e-9), recall, float(np.quantile(errors, 0.9))


def arm_errors(person, true):
    """Distances of elbows and wrists in the truth from those found, of whichever side is nearer, in heights of the person."""
    joints, height = np.array(true["kpts"]), true["box"][3] - true["box"][1]
    for joint, other in ARMS.items():
        if joints[joint, 2] >= 0.3:
            found = person.keypoints[[joint, other], :2]
            yield float(np.linalg.norm(found - joints[joint, :2], axis=1).min() / height)


def small_networks(options, finder):
    """The files of the pruned networks and the student, by remedy."""
    folder = options.output / "remedies"
    pruned = {inner: folder / f"vest_pruned_{round(inner * 100)}.onnx" for inner in (0.5, 0.25)}
    student = folder / "vest_student.onnx"
    paths = {f"pruned to {inner:.0%} of inner channels": path for inner, path in pruned.items()}
    paths[f"distilled, width {STUDENT_WIDTH}, {sum(STUDENT_BLOCKS)} blocks"] = student
    trained = options.output / "model.pt"
    if all(path.exists() and path.stat().st_mtime > trained.stat().st_mtime for path in paths.values()):
        return paths
    net = ResNet()
    net.load_state_dict(torch.load(trained))
    crops, labels = samples.training(training_subjects(options.media, finder), options.crops, small.SEED, options.threads)
    fold = calibration_crops(options.media, finder, options.threads)
    for inner, path in pruned.items():
        made(path, trained, lambda: small.prune(net, inner, crops, labels, fold, path))
    made(student, trained, lambda: small.distil(net, STUDENT_WIDTH, STUDENT_BLOCKS, crops, labels, fold, student))
    return paths


def vest_rows(options, finder, half, judges):
    """The vest network, and its variants by each remedy."""
    folder, base = options.output / "remedies", options.output / "model.onnx"
    paths = {"FP16 weights": base} | small_networks(options, finder)
    batches = np.array_split(half.crops(), 16)
    for remedy, path in list(paths.items()):
        target = folder / f"{path.stem if path != base else 'vest_resnet18'}_int8.onnx"
        operators = ["Conv", "Add", "MaxPool", "Gemm"]
        made(target, path, lambda: graphs.quantize(path, target, [normalize(part).numpy() for part in batches], operators))
        paths["INT8" if path == base else f"{remedy}, INT8"] = target
    sessions = [session(path, 1) for path in paths.values()]
    tensor = normalize(half.trial.crops[:6]).numpy()  # as many people as there are in a frame
    runs = [functools.partial(model.run, None, {"input": tensor}) for model in sessions]
    rows = []
    for (remedy, path), model, ms in zip(paths.items(), sessions, cost.milliseconds(runs, options.rounds)):
        name = "vest_resnet18" if path == base else path.stem
        memory = cost.memory("vest", path, tensor)
        quality = (report.judge(model, trial).right for trial in judges)
        rows.append(page.Row("vest", name, remedy, ms / len(tensor), size(path), memory, *quality))
    return rows


@dataclasses.dataclass
class PoseCase:
    """A pose model of the repository, with other files for some of its steps."""

    name: str
    remedy: str
    size: tuple
    files: list
    replaced: dict = dataclasses.field(default_factory=dict)

    def model(self):
        pose = Pose(self.source, 1, self.size, self.replaced)
        if self.name == "movenet_multipose":
            pose.threshold = THRESHOLDS[self.size]
        return pose

    @property
    def source(self):
        return self.replaced.get(self.name, REPOSITORY / self.name)


def pose_cases(folder, half):
    """Both pose models at several sizes of the input, and in INT8."""
    onnx = {name: REPOSITORY / name / "1" / "model.onnx" for name in ("movenet_multipose", *PARTS)}
    small = {name: folder / f"{name}_int8.onnx" for name in onnx}
    frames = [image for _, image in half.first]
    multi, steps = Pose(REPOSITORY / "movenet_multipose", 1), Pose(REPOSITORY / "person_pose", 1)
    tensors = {"movenet_multipose": [multi.letterbox(image)[0] for image in frames]}
    tensors["person_detector"] = [steps.letterbox(image)[0] for image in frames]
    tensors["movenet_lightning"] = [steps.trace(tensor)["crops"] for tensor in tensors["person_detector"]]
    for name, path in small.items():
        made(path, onnx[name], lambda: graphs.quantize(onnx[name], path, tensors[name], ["Conv"]))
    full, cases = POSE_SIZES[0], []
    for size in POSE_SIZES:
        remedy = f"{size[0]}×{size[1]}"
        cases.append(PoseCase("person_pose", remedy, size, [onnx[part] for part in PARTS]))
        cases.append(PoseCase("movenet_multipose", remedy, size, [onnx["movenet_multipose"]]))
    for chosen in (*((part,) for part in PARTS), tuple(PARTS)):
        files = [small[part] if part in chosen else onnx[part] for part in PARTS]
        remedy = f"640×480, {' and '.join(PARTS[part] for part in chosen)} INT8"
        cases.append(PoseCase("person_pose", remedy, full, files, {part: small[part] for part in chosen}))
    name = "movenet_multipose"
    cases.append(PoseCase(name, "640×480, INT8", full, [small[name]], {name: small[name]}))
    return sorted(cases, key=lambda case: case.name != "person_pose")


def pose_rows(options, half):
    """Time, memory and quality of the pose models."""
    cases = pose_cases(options.output / "remedies", half)
    models = [case.model() for case in cases]
    tensors = [pose.letterbox(half.frames[0][1])[0] for pose in models]
    runs = [functools.partial(pose.infer, x) for pose, x in zip(models, tensors)]
    rows = []
    for case, pose, x, ms in zip(cases, models, tensors, cost.milliseconds(runs, options.rounds)):
        memory = cost.memory("pose", case.source, x, case.replaced)
        megabytes = sum(size(path) for path in case.files)
        rows.append(page.Row("pose", case.name, case.remedy, ms, megabytes, memory, *half.people(pose)))
    return rows


def made(path, source, make):
    """Calls `make` unless the file is there from an earlier run, made after its source."""
    if not path.exists() or path.stat().st_mtime < source.stat().st_mtime:
        print(f"making {path.name}", flush=True)
        make()


def size(path):
    return path.stat().st_size / 1e6


if __name__ == "__main__":
    main()
