"""People in a frame, and their crops: what `tritoninfer`, `poseparse` and the vest step do in a pipeline."""

import dataclasses
import hashlib
import json
import math
import pathlib
import re

import cv2
import numpy as np
import onnxruntime

from . import CROP

IOU_SAME = 0.65  # boxes that overlap more are one person, as in poseparse


@dataclasses.dataclass
class Person:
    """`box` is left, top, right, bottom; `keypoints` FP32 [17,3] are COCO's x, y, confidence. Pixels of the frame."""

    box: np.ndarray
    keypoints: np.ndarray

    def moved(self, origin, scale):
        """The person in an image that begins at `origin` and is `scale` times as large."""
        offset = np.asarray(origin, np.float32)
        keypoints = self.keypoints.copy()
        keypoints[:, :2] = (keypoints[:, :2] - offset) * scale
        return Person((self.box - np.tile(offset, 2)) * scale, keypoints)


def digest(*paths):
    """The first digits of files' SHA-256."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()[:12]


def session(path, threads):
    """An ONNX Runtime session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Steps:
    """The steps of an ensemble of a model repository, run one after the other as Triton does."""

    STEP = re.compile(r'model_name: "([^"]+)"(.*?)\n    }', re.S)
    MAP = re.compile(r'(input|output)_map { key: "([^"]+)" value: "([^"]+)" }')

    def __init__(self, folder, threads, replaced):
        self.steps = []
        for name, maps in self.STEP.findall((folder / "config.pbtxt").read_text()):
            pairs = self.MAP.findall(maps)
            into, out = ({key: tensor for way, key, tensor in pairs if way == wanted} for wanted in ("input", "output"))
            file = replaced.get(name, folder.parent / name / "1" / "model.onnx")
            self.steps.append((session(file, threads), into, out))

    def __call__(self, images):
        """All tensors that become of the ensemble's input `images`, by name."""
        tensors = {"images": images}
        for model, into, out in self.steps:
            feeds = {key: tensors[value] for key, value in into.items()}
            tensors.update(zip(out.values(), model.run(list(out), feeds)))
        return tensors


class Pose:
    """A pose model with YOLOv7-Pose's rows: cx, cy, w, h, objectness, class score, 17 × (x, y, confidence)."""

    def __init__(self, model, threads, size=None, replaced=()):
        """`model` is a folder of a model repository, an ensemble's too, or an ONNX file: then the threshold is 0.45 (top-down).

        `size` is the input's width and height, where the model leaves them open; else the configuration's, else 640 × 480.
        `replaced` has ONNX files for steps of an ensemble, by their names.
        """
        model = pathlib.Path(model)
        config = model / "config.pbtxt"
        stated = config.read_text() if config.exists() else ""

        def parameter(name, otherwise):
            found = re.search(rf'shopfloor.{name}" value {{ string_value: "([^"]*)"', stated)
            return found[1] if found else otherwise

        self.threshold = float(parameter("score-threshold", "0.45"))
        self.size = size or tuple(map(int, parameter("input.size", "640x480").split("x")))
        if "ensemble_scheduling" in stated:
            self.trace = Steps(model, threads, dict(replaced))
            self.infer = lambda planes: self.trace(planes)["output"]
            self.digest = digest(config, *sorted(model.parent.glob("*/1/model.onnx")))
            return
        file = model / "1" / "model.onnx" if stated else model
        self.digest = digest(file)
        network = session(file, threads)
        name, shape = network.get_inputs()[0].name, network.get_inputs()[0].shape
        if isinstance(shape[3], int):
            self.size = shape[3], shape[2]
        self.infer = lambda planes: network.run(None, {name: planes})[0]

    def __call__(self, frame):
        """People of a BGR frame, the surest first."""
        planes, scale, left, top = self.letterbox(frame)
        rows = self.infer(planes).reshape(-1, 57)
        scores = rows[:, 4] * rows[:, 5]
        people = []
        for row in rows[np.argsort(-scores)][: np.count_nonzero(scores >= self.threshold)]:
            centre, size = row[:2], row[2:4]
            box = np.concatenate([centre - size / 2, centre + size / 2])
            person = Person(box, row[6:].reshape(17, 3)).moved((left, top), 1 / scale)
            if all(iou(person.box, other.box) < IOU_SAME for other in people):
                people.append(person)
        return people

    def letterbox(self, frame):
        (width, height), (h, w) = self.size, frame.shape[:2]
        scale = min(width / w, height / h)
        w, h = round(w * scale), round(h * scale)
        left, top = (width - w) // 2, (height - h) // 2
        image = np.zeros((height, width, 3), np.uint8)
        image[top : top + h, left : left + w] = cv2.resize(
            frame, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        planes = image[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
        return np.ascontiguousarray(planes), scale, left, top


class Finder:
    """Finds the people of clips, once: they are kept in a folder, by the pose model's digest and size and the clip's name."""

    def __init__(self, pose, folder):
        self.pose, self.folder = pose, folder / "people"
        self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, clip):
        """Yields (index, BGR frame, people that are large enough to be seen) for each frame of a clip."""
        width, height = self.pose.size
        path = self.folder / f"{clip.name.replace('/', '-')}-{self.pose.digest}-{width}x{height}.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        before = len(known)
        for index, frame in clip.read():
            if str(index) not in known:
                known[str(index)] = [[p.box.tolist(), p.keypoints.tolist()] for p in self.pose(frame)]
            people = [Person(*(np.array(part, np.float32) for part in parts)) for parts in known[str(index)]]
            yield index, frame, [person for person in people if usable(person.box)]
        if len(known) > before:
            path.write_text(json.dumps(known))


def iou(a, b):
    """Intersection over union of two boxes."""
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if width <= 0 or height <= 0:
        return 0.0
    inner = width * height
    return float(inner / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inner))


def crop(image, box, size=CROP):
    """The box stretched to a square, UINT8 [size,size,3]: linear, with the mean of several samples where it shrinks."""
    left, top, right, bottom = box
    nx, ny = (max(1, math.ceil(length / size)) for length in (right - left, bottom - top))
    sx, sy = (right - left) / (size * nx), (bottom - top) / (size * ny)
    # from a sample's position to the image's, pixels' centres at whole numbers
    to_image = np.array([[sx, 0, left + sx / 2 - 0.5], [0, sy, top + sy / 2 - 0.5]], np.float32)
    sampled = cv2.warpAffine(
        image,
        to_image,
        (size * nx, size * ny),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA)


def usable(box, least=12):
    """Whether a box has a positive size that a person can be seen in."""
    return box[2] - box[0] >= least / 2 and box[3] - box[1] >= least
