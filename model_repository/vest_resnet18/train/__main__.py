"""The whole recipe, from videos to the model, its figures and its card."""

import argparse
import functools
import pathlib
import sys
import time

import cv2
import torch

from . import clips, export, fit, report, samples, trials
from .network import ResNet, logits
from .pose import Finder, Pose, session

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MODEL = REPOSITORY / "vest_resnet18"
FILE = MODEL / "1" / "model.onnx"
SEED = 13
CYCLES = ((22_000, 2, 2e-3), (20_000, 2, 1e-3))  # crops, epochs, and highest learning rate of each
FOLD_CROPS = 3_000
# Of the calibration's "none", at least so many stay "none": a wrong colour makes a visitor a worker, while a missed vest is
# made up for by the next frame.
NONE_HOLDS = 0.98
# Where one person fills the picture, the detector finds more at the size it was trained at than at the configuration's.
SIZE_FOR_LARGE_PEOPLE = (416, 416)
say = functools.partial(print, flush=True)


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    begin = time.monotonic()
    options.output.mkdir(parents=True, exist_ok=True)
    finder = Finder(Pose(options.pose, options.threads), options.output)
    path = options.evaluate or (calibrated(options, finder) if options.network else learn(options, finder))
    say(f"figures, {time.monotonic() - begin:.0f} s after the start")
    results = measure(options, finder, path)
    if options.write:
        install(path, options.output, results)
    say(f"{time.monotonic() - begin:.0f} s in all; everything made is in {options.output}")
    return 1 if any(result.missed for result in results) else 0


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/train-vest", description=__doc__)
    parser.add_argument("--media", type=pathlib.Path, required=True, help="folder of the videos")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder of what is made")
    parser.add_argument("--demo", type=pathlib.Path, required=True, help="folder of the demo clip and its truth")
    parser.add_argument("--real", type=pathlib.Path, help="folder of Intel's sample videos, for figures only")
    pose = REPOSITORY / "person_pose"
    parser.add_argument("--pose", default=pose, help="pose model: a folder of a model repository, or an ONNX file")
    parser.add_argument("--network", type=pathlib.Path, help="model.pt of an earlier run, to calibrate and measure only")
    parser.add_argument("--evaluate", type=pathlib.Path, help="ONNX file to measure instead of training")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put a trained model and its figures into the model repository")
    options = parser.parse_args()
    if options.write and options.evaluate and options.evaluate.resolve() != FILE:
        parser.error(f"--write with --evaluate is for the shipped model's figures: --evaluate {FILE}")
    return options


def learn(options, finder):
    """Trains a ResNet18, calibrates it on frames that did not train, and writes it; returns the ONNX file."""
    begin = time.monotonic()
    groups = training_subjects(options.media, finder)
    say(f"people: {' and '.join(str(len(group)) for group in groups)}, {time.monotonic() - begin:.0f} s")
    torch.manual_seed(SEED)
    net = ResNet()
    for cycle, (count, epochs, rate) in enumerate(CYCLES):
        crops, labels = samples.training(groups, count, SEED + cycle, options.threads)
        say(f"cycle {cycle + 1}: {len(crops)} new crops, {time.monotonic() - begin:.0f} s")
        cv2.imwrite(str(options.output / "training.png"), trials.sheet(trials.Trial("training", crops, labels, 0)))
        fit.train(net, crops, labels, epochs, SEED + cycle, rate, report=say)
        torch.save(net.state_dict(), options.output / "model.pt")
    return write(net, options, finder)


def calibrated(options, finder):
    """Calibrates and writes the network of an earlier run."""
    net = ResNet()
    net.load_state_dict(torch.load(options.network))
    return write(net, options, finder)


def write(net, options, finder):
    path = options.output / "model.onnx"
    finish(net, calibration_crops(options.media, finder, options.threads), path)
    return path


def finish(net, fold, path):
    """Calibrates a network on the crops of a fold, writes it, and compares the file with it."""
    crops, labels = fold
    found, labels = logits(net, crops), torch.as_tensor(labels)
    scale, fitted = fit.calibrate(found, labels)
    needed = fit.margin(found / scale, labels, NONE_HOLDS)
    offset = max(fitted, needed)
    export.write(net, scale, offset, path)
    difference = export.verify(net, path, crops[:256])
    say(f'temperature {scale:.3f}; added to "none" {offset:.3f} ({fitted:.3f} by the likelihood, {needed:.3f} by the share)')
    say(f"the file's logits differ from the network's by {difference:.4f} at most")


def training_subjects(media, finder):
    """People of the frames that train, in groups of the same weight."""
    cameras = clips.pose2sim(media, "SinglePerson")[clips.SINGLE_PERSON_FOLD :]
    return subjects_of(clips.vtest(media, clips.VTEST_TRAIN), cameras, finder)


def calibration_crops(media, finder, processes):
    """Crops as those of the training, of frames and a camera that do not train."""
    cameras = clips.pose2sim(media, "SinglePerson")[: clips.SINGLE_PERSON_FOLD]
    groups = subjects_of(clips.vtest(media, clips.VTEST_FOLD), cameras, finder)
    return samples.training(groups, FOLD_CROPS, SEED + 11, processes)


def subjects_of(vtest, cameras, finder):
    people = [samples.subjects(clip, finder, 3) for clip in cameras]
    return samples.subjects(vtest, finder, 2), [subject for camera in people for subject in camera]


def judged(options, finder):
    """The trials. None of their frames trains."""
    held_out = samples.subjects(clips.vtest(options.media, clips.VTEST_HELD_OUT), finder, 5)
    yield trials.painted("vtest, frames 428 on", held_out, SEED + 12, 0.98)
    yield trials.demo(options.demo / "vests.mp4", options.demo / "vests_truth.json.gz", finder, 0.98)
    without = [trials.recorded(clips.sports2d(options.media, 2), finder, 0.92)]
    without += [trials.recorded(clip, finder, 0.92) for clip in clips.pose2sim(options.media, "MultiPerson", 6)]
    for clip in clips.real(options.real):
        if clip.wears == "none":
            without.append(trials.recorded(clip, finder, 0.92))
        else:
            yield trials.found(clip, finder, 0.90)
            large = Pose(options.pose, options.threads, SIZE_FOR_LARGE_PEOPLE)
            yield trials.one_person(clip, finder, None)
            yield trials.one_person(clip, Finder(large, options.output), 0.90)
    yield from without
    yield trials.dressed("vtest, frames 428 on", held_out, SEED + 13)
    yield trials.painted("sports2d", samples.subjects(clips.sports2d(options.media), finder, 4), SEED + 14, each=6)


def measure(options, finder, path):
    """Judges a model; writes a table, plots and sheets of crops."""
    model = session(path, options.threads)
    results = [report.judge(model, trial) for trial in judged(options, finder)]
    without = [result for result in results if result.trial.wears_none and result.trial.required]
    results.append(report.pooled("all clips of people without vests: as recorded, none", without, 0.95))
    report.write_table(options.output / "figures.csv", results)
    report.plot_confusion(results, options.output / "confusion.svg")
    report.plot_reliability(results, options.output / "reliability.svg")
    for number, result in enumerate(results):
        cv2.imwrite(str(options.output / f"trial-{number}.png"), trials.sheet(result.trial))
    say(report.card(results, path))
    return results


def install(path, output, results):
    """Puts a model, its plots and its figures into the model repository."""
    if path.resolve() != FILE:
        FILE.write_bytes(path.read_bytes())
    for name in ("confusion.svg", "reliability.svg", "figures.csv"):
        (MODEL / name).write_bytes((output / name).read_bytes())
    report.update_card(MODEL / "README.md", report.card(results, path))


if __name__ == "__main__":
    sys.exit(main())
