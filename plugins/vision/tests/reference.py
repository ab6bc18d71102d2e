#!/usr/bin/env python3
"""The decoders of plugins/vision once more, in NumPy: what they find in random and in adversarial tensors.

Writes vision/decode.golden, which the Rust tests read (vision/decode_reference.rs). Python's package numpy is all it needs:

    .tools/onnx/bin/python plugins/vision/tests/reference.py            # writes the file
    .tools/onnx/bin/python plugins/vision/tests/reference.py --check    # fails unless the file is current; scripts/test does this

The file has cases: a line `case`, a line for each output, and a line for each detection in the expected order. Tensors are
not in it. Both sides compute an element from the seed, the row, and the letter of its column (`LETTERS`): a hash that gives few
different values, so that scores tie and boxes coincide, and, in adversarial cases, `SPECIALS` among them.
"""

import pathlib
import sys

import numpy as np

GOLDEN = pathlib.Path(__file__).parent / "vision" / "decode.golden"
F = np.float32
MAX_CANDIDATES, MAX_PEOPLE = 4096, 256

# Scale and offset of a column's values, by its letter.
LETTERS = {
    "p": (640, 0),  # position in pixels
    "s": (256, -32),  # size in pixels
    "o": (1, 0),  # score, fraction or confidence
    "l": (16, -8),  # logit
    "r": (4, -2),  # relative to a cell
    "g": (4, -1),  # logarithm of a size in cells
    "c": (4, 0),  # class, often with a fraction
}
SPECIALS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 3e38, -3e38, 1e-45, 0.25, 1.0]
POSE = "ppo" * 17


def scramble(x):
    """A hash of 32 bits."""
    x = np.asarray(x, dtype=np.uint64)
    for factor in (0x7FEB352D, 0x846CA68B):
        x = ((x ^ (x >> np.uint64(16))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return x ^ (x >> np.uint64(16))


def table(seed, rows, letters, every):
    """Values of rows and columns; one in `every` is special, none if that is 0."""
    count = rows * len(letters)
    index = np.arange(count, dtype=np.uint64)
    bits = scramble(index + np.uint64(seed * 0x9E3779B1 & 0xFFFFFFFF) & np.uint64(0xFFFFFFFF))
    share = ((bits >> np.uint64(8)) % np.uint64(64)).astype(F) / F(64)
    scale = np.tile(np.array([LETTERS[letter][0] for letter in letters], F), rows)
    offset = np.tile(np.array([LETTERS[letter][1] for letter in letters], F), rows)
    values = scale * share + offset
    if every:
        more = scramble(bits ^ np.uint64(0x5BD1E995))
        special = np.array(SPECIALS, F)[((more >> np.uint64(8)) % np.uint64(len(SPECIALS))).astype(int)]
        values = np.where(more % np.uint64(every) == 0, special, values)
    return values.astype(F).reshape(rows, len(letters))


def sigmoid(x):
    return F(1) / (F(1) + np.exp(-x))


class Letterbox:
    """A frame in the middle of an input; both in pixels."""

    def __init__(self, frame, size):
        scale = min(size[0] / frame[0], size[1] / frame[1])
        content = [min(max(round(side * scale), 1), whole) for side, whole in zip(frame, size)]
        self.frame, self.size = frame, size
        self.scale = [F(c / side) for c, side in zip(content, frame)]
        self.offset = [F((whole - c) // 2) for c, whole in zip(content, size)]

    def points(self, x, y):
        return (x - self.offset[0]) / self.scale[0], (y - self.offset[1]) / self.scale[1]


def grid(size, anchors, strides):
    """x, y, stride and anchor of the candidates of all grids."""
    cells = []
    for stride in strides:
        for anchor in range(anchors):
            y, x = np.mgrid[0 : size[1] // stride, 0 : size[0] // stride]
            cells.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride), np.full(x.size, anchor)], 1))
    return np.concatenate(cells).astype(F)


ANCHORS = {
    8: [(19, 27), (44, 40), (38, 94)],
    16: [(96, 68), (86, 152), (180, 137)],
    32: [(140, 301), (303, 264), (238, 542)],
    64: [(436, 615), (739, 380), (925, 792)],
}


def centered(x, y, width, height):
    return np.stack([x - width / F(2), y - height / F(2), x + width / F(2), y + height / F(2)], 1)


def keypoints(values, step=3):
    values = values.reshape(len(values), 17, step)
    return values[..., 0], values[..., 1], values[..., 2] if step > 2 else None


def bounds(x, y, confidence):
    """The bounds of the keypoints that are at least 0.2 sure, or of all if none is."""
    sure = confidence >= F(0.2)
    sure |= ~sure.any(1, keepdims=True)
    low = [np.where(sure, v, F(np.inf)) for v in (x, y)]
    high = [np.where(sure, v, F(-np.inf)) for v in (x, y)]
    # as Rust's min and max, these ignore NaN
    return np.stack([np.fmin.reduce(v, 1) for v in low] + [np.fmax.reduce(v, 1) for v in high], 1)


# Each returns boxes by their edges, scores, keypoints' x and y and confidences; positions in pixels of the input.


def yolov7(t, size):
    x, y, c = keypoints(t[0][:, 6:])
    return centered(*t[0].T[:4]), t[0][:, 4] * t[0][:, 5], x, y, c


def edges57(t, size):
    x, y, c = keypoints(t[0][:, 6:])
    return t[0][:, :4], t[0][:, 4], x, y, c


def centers56(t, size):
    x, y, c = keypoints(t[0][:, 5:])
    return centered(*t[0].T[:4]), t[0][:, 4], x, y, c


def split(t, size):
    x, y, c = keypoints(t[2])
    return centered(*t[0].T[:4]), t[1][:, 0], x, y, c


def heads(t, size):
    values = np.concatenate(t)
    cells = grid(size, 3, ANCHORS)
    gx, gy, stride, _ = cells.T
    anchor = np.array([ANCHORS[int(s)][int(a)] for s, a in cells[:, 2:]], F)
    x = (F(2) * sigmoid(values[:, 0]) - F(0.5) + gx) * stride
    y = (F(2) * sigmoid(values[:, 1]) - F(0.5) + gy) * stride
    w, h = ((F(2) * sigmoid(values[:, i])) ** 2 * anchor[:, i - 2] for i in (2, 3))
    kx, ky, kc = keypoints(values[:, 6:])
    kx = (F(2) * kx - F(0.5) + gx[:, None]) * stride[:, None]
    ky = (F(2) * ky - F(0.5) + gy[:, None]) * stride[:, None]
    return centered(x, y, w, h), sigmoid(values[:, 4]) * sigmoid(values[:, 5]), kx, ky, sigmoid(kc)


def rtmo(t, size):
    x, y, c = keypoints(t[1])
    return t[0][:, :4], t[0][:, 4], x, y, c


def rfdetr(t, size):
    w, h = F(size[0]), F(size[1])
    x, y, c = keypoints(t[2][:, -17 * 8 :], 8)
    cx, cy, bw, bh = t[0].T
    person = t[2].shape[1] // (17 * 8) - 1
    return centered(cx * w, cy * h, bw * w, bh * h), sigmoid(t[1][:, person]), x * w, y * h, sigmoid(c)


def detrpose(t, size):
    x, y, _ = keypoints(t[1], 2)
    score = t[0][:, 0]
    c = np.repeat(score[:, None], 17, 1)
    return bounds(x, y, c), score, x, y, c


def multipose(t, size):
    w, h = F(size[0]), F(size[1])
    y, x, c = keypoints(t[0][:, :51])
    top, left, bottom, right, score = t[0].T[51:]
    return np.stack([left * w, top * h, right * w, bottom * h], 1), score, x * w, y * h, c


def singlepose(t, size):
    w, h = F(size[0]), F(size[1])
    y, x, c = keypoints(t[0])
    x, y, score = x * w, y * h, np.zeros(len(c), F)
    for keypoint in range(17):
        score = score + c[:, keypoint]
    return bounds(x, y, c), score / F(17), x, y, c


def yolox(t, size):
    gx, gy, stride, _ = grid(size, 1, (8, 16, 32)).T
    x, y = (t[0][:, 0] + gx) * stride, (t[0][:, 1] + gy) * stride
    return centered(x, y, np.exp(t[0][:, 2]) * stride, np.exp(t[0][:, 3]) * stride), t[0][:, 4], t[0][:, 5:]


def yolov5(t, size):
    return centered(*t[0].T[:4]), t[0][:, 4], t[0][:, 5:]


def yolov8(t, size):
    return centered(*t[0].T[:4]), np.ones(len(t[0]), F), t[0][:, 4:]


def yolo26(t, size):
    return t[0][:, :4], None, t[0][:, 4:]


def overlap(one, others):
    """Intersection over union of a box and others."""
    sides = [np.fmax(np.fmin(one[i + 2], others[:, i + 2]) - np.fmax(one[i], others[:, i]), F(0)) for i in (0, 1)]
    area = lambda box: np.fmax(box[..., 2] - box[..., 0], F(0)) * np.fmax(box[..., 3] - box[..., 1], F(0))
    common = sides[0] * sides[1]
    union = area(one) + area(others) - common
    with np.errstate(all="ignore"):
        return np.where(union > 0, common / union, F(0))


def best(boxes, scores, classes, sound, case):
    """The rows of the detections: the threshold, the best candidates, and suppression among those that are sound."""
    passing = np.flatnonzero((scores >= F(case["threshold"])) & np.isfinite(scores))
    order = passing[np.argsort(-scores[passing], kind="stable")][:MAX_CANDIDATES]
    order = order[sound[order]]
    kept = []
    while len(order) and len(kept) < min(case["most"], MAX_PEOPLE):
        first, rest = order[0], order[1:]
        kept.append(first)
        rival = (classes[rest] == classes[first]) & (overlap(boxes[first], boxes[rest]) > F(case["iou"]))
        order = rest[~rival]
    return kept


def frame_boxes(boxes, letterbox):
    (left, top), (right, bottom) = letterbox.points(*boxes.T[:2]), letterbox.points(*boxes.T[2:])
    boxes = np.stack([left, top, right, bottom], 1)
    area = np.fmax(right - left, F(0)) * np.fmax(bottom - top, F(0))
    return boxes, (area > 0) & np.isfinite(area)


def poses(case, tensors):
    letterbox = case["letterbox"]
    boxes, scores, x, y, confidence = case["decode"](tensors, letterbox.size)
    boxes, sound = frame_boxes(boxes, letterbox)
    x, y = letterbox.points(x, y)
    for values in (x, y, confidence):
        sound &= np.isfinite(values).all(1)
    for row in best(boxes, scores, np.zeros(len(scores)), sound, case):
        some = [(x[row, k], y[row, k], confidence[row, k]) for k in (0, 7, 9, 16)]
        yield [*boxes[row], scores[row], *np.ravel(some)]


def objects(case, tensors):
    letterbox = case["letterbox"]
    boxes, objectness, classes = case["decode"](tensors, letterbox.size)
    if objectness is None:
        scores, labels = classes.T
        wanted = labels >= 0
        labels = np.where(wanted, labels, 0).astype(np.uint64)
    else:
        comparable = np.where(np.isnan(classes), F(-np.inf), classes)
        if case["class"] is not None:
            comparable = comparable[:, case["class"]][:, None]
        labels = comparable.argmax(1) + (case["class"] or 0)
        scores = objectness * comparable.max(1)
        wanted = ~(objectness < F(case["threshold"]))
    if case["class"] is not None:
        wanted = wanted & (labels == case["class"])
    scores = np.where(wanted, scores, F(np.nan))
    boxes, sound = frame_boxes(boxes, letterbox)
    for row in best(boxes, scores, labels, sound, case):
        yield [*boxes[row], scores[row], F(labels[row])]


HD, UPRIGHT, INPUT = (1920, 1080), (480, 640), (640, 480)
SMALL = (64, 64)
# Layout, decoder, frame, input, and the outputs: name, shape, letters of a row, and whether a candidate is a column.
HEADS = [(f"head{s}", f"1x3x{64 // s}x{64 // s}x57", "rrrrll" + "rrl" * 17, False) for s in ANCHORS]
LAYOUTS = [
    ("yolov7-pose", yolov7, HD, INPUT, [("output", "1x{n}x57", "ppssoo" + POSE, False)]),
    ("yolov7-pose-nms", edges57, HD, INPUT, [("detections", "{n}x57", "ppppoc" + POSE, False)]),
    ("yolov7-pose-heads", heads, (80, 60), SMALL, HEADS),
    ("deepstream-pose", centers56, UPRIGHT, INPUT, [("output", "1x{n}x56", "ppsso" + POSE, False)]),
    (
        "deepstream-pose-split",
        split,
        HD,
        INPUT,
        [("boxes", "1x{n}x4", "ppss", False), ("scores", "1x{n}x1", "o", False), ("kpts", "1x{n}x51", POSE, False)],
    ),
    ("yolov8-pose", centers56, HD, INPUT, [("output0", "1x56x{n}", "ppsso" + POSE, True)]),
    ("yolo26-pose", edges57, UPRIGHT, INPUT, [("output0", "1x{n}x57", "ppppoc" + POSE, False)]),
    ("rtmo", rtmo, HD, INPUT, [("dets", "1x{n}x5", "ppppo", False), ("keypoints", "1x{n}x17x3", POSE, False)]),
    (
        "rfdetr-pose",
        rfdetr,
        HD,
        (576, 576),
        [
            ("dets", "1x{n}x4", "oooo", False),
            ("labels", "1x{n}x3", "lll", False),
            ("keypoints", "1x{n}x34x8", ("ool" + "rrrrr") * 34, False),
        ],
    ),
    ("detrpose", detrpose, HD, INPUT, [("scores", "1x{n}", "o", False), ("keypoints", "1x{n}x17x2", "pp" * 17, False)]),
    ("movenet-multipose", multipose, HD, INPUT, [("output_0", "1x{n}x56", "ooo" * 17 + "ooooo", False)]),
    ("movenet-singlepose", singlepose, (50, 90), (192, 192), [("output_0", "1x{n}x17x3", "ooo" * 17, False)]),
]
DETECTORS = [
    ("yolox", yolox, (80, 60), SMALL, [("output", "1x84x9", "rrggo" + "oooo", False)], None),
    ("yolox", yolox, (80, 60), SMALL, [("output", "1x84x9", "rrggo" + "oooo", False)], 2),
    ("yolov5", yolov5, HD, INPUT, [("output", "1x{n}x9", "ppsso" + "oooo", False)], None),
    ("yolov8", yolov8, HD, INPUT, [("output0", "1x8x{n}", "ppss" + "oooo", True)], None),
    ("yolov8", yolov8, HD, INPUT, [("output0", "1x8x{n}", "ppss" + "oooo", True)], 0),
    ("yolo26", yolo26, HD, INPUT, [("output0", "1x{n}x6", "ppppoc", False)], None),
    ("yolo26", yolo26, HD, INPUT, [("output0", "1x{n}x6", "ppppoc", False)], 1),
]
# Rows, data type, one value in so many is special, thresholds of score and overlap, most people.
FEW = (0, "FP32", 0, 0.25, 0.65, 12)
RANDOM = (40, "FP32", 0, 0.5, 0.3, 8)
HALVES = (40, "FP16", 0, 0.5, 0.3, 8)
ADVERSARIAL = (400, "FP32", 40, 0.25, 0.45, 12)
HOSTILE = (60, "FP16", 9, 0.0, 1.0, 12)
# everything above the threshold, as many rows as YOLOv7-Pose has at 960×960
EVERYTHING = (57375, "FP32", 0, 0.0, 0.65, 16)


def rows_of(shape, letters, by_column):
    dims = [int(dim) for dim in shape.split("x")]
    return int(np.prod(dims)) // len(letters)


def cases():
    for kind in (FEW, RANDOM, HALVES, ADVERSARIAL, HOSTILE):
        for layout in LAYOUTS:
            yield layout, None, kind
        for *layout, wanted in DETECTORS:
            yield layout, -1 if wanted is None else wanted, kind
    yield LAYOUTS[0], None, EVERYTHING


def golden():
    lines = []
    for seed, ((name, decode, frame, size, outputs), wanted, kind) in enumerate(cases(), 1):
        rows, datatype, every, threshold, iou, most = kind
        case = {"decode": decode, "letterbox": Letterbox(frame, size), "threshold": threshold, "iou": iou, "most": most}
        case["class"] = None if wanted in (None, -1) else wanted
        what = "pose" if wanted is None else "boxes"
        lines.append(
            f"case {what} {name} class={'-' if case['class'] is None else wanted} frame={frame[0]}x{frame[1]} "
            f"input={size[0]}x{size[1]} threshold={threshold} iou={iou} most={most} seed={seed} every={every}"
        )
        tensors = []
        for part, (output, shape, letters, by_column) in enumerate(outputs):
            shape = shape.format(n=rows)
            count = rows_of(shape, letters, by_column)
            values = table(1000 * seed + part, count, letters, every)
            with np.errstate(all="ignore"):
                tensors.append(values.astype(np.float16).astype(F) if datatype == "FP16" else values)
            lines.append(f"output {output} {datatype} {shape} {letters} {'columns' if by_column else 'rows'}")
        with np.errstate(all="ignore"):
            for numbers in (poses if what == "pose" else objects)(case, tensors):
                lines.append("found " + " ".join(f"{F(number).view(np.uint32):08x}" for number in numbers))
    return "\n".join(lines) + "\n"


def main():
    text = golden()
    if sys.argv[1:] == ["--check"]:
        if GOLDEN.read_text() != text:
            sys.exit(f"{GOLDEN} is not current: run {sys.argv[0]}")
    else:
        GOLDEN.write_text(text)


main()
