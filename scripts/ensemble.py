"""Makes the ONNX graphs of `worker_ensemble`: what stands before, between and after its two networks.

Run by scripts/make-ensemble. Thresholds, sizes and limits come from the configurations of the networks, so that the
ensemble does what `poseparse` and `tritoninfer` do between the same two models. What the graphs' tensors mean is said in
model_repository/README.md.
"""

import argparse
import pathlib
import re
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # the first with that opset
REPOSITORY = pathlib.Path(__file__).parent.parent / "model_repository"
VEST = "vest_resnet18"
# The step that decodes people, and the pose network whose threshold it has: one for each ensemble. The others are shared.
DETECTORS = {"worker_detect": "movenet_multipose", "worker_detect_yolov7": "yolov7_pose"}

JOINTS = 17
POSE_COLUMNS = [2, 2, 1, 1, 3 * JOINTS]  # YOLOv7-Pose's rows: centre, size, objectness, class score, keypoints
PERSON_COLUMNS = [4, 1, 3 * JOINTS]  # a person's edges, score, keypoints
IOU_THRESHOLD = 0.65  # that of people::decode::DecodeOptions; a test holds the two together
FLOAT_MAX = np.finfo(np.float32).max


class Graph:
    """A graph in the making; tensors are known by their names."""

    def __init__(self, name):
        self.name = name
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []

    def input(self, name, element, shape):
        self.inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def output(self, tensor, name, element, shape):
        self.nodes.append(helper.make_node("Identity", [tensor], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, element, shape))

    def constant(self, values, element=np.float32):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, element), name))
        return name

    def integers(self, *values):
        return self.constant(values, np.int64)

    def split(self, tensor, columns):
        outputs = [f"split_{len(self.nodes)}_{i}" for i in range(len(columns))]
        self.nodes.append(helper.make_node("Split", [tensor, self.integers(*columns)], outputs, axis=1))
        return outputs

    def __getattr__(self, operator):
        """Any operator of ONNX, as a method from tensors and attributes to its one output."""

        def add(*inputs, **attributes):
            output = f"{operator}_{len(self.nodes)}".lower()
            self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
            return output

        return add

    def model(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, producer_name="shopfloor", ir_version=IR_VERSION, opset_imports=[opset])
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


class Config:
    """What the graphs need of a model's config.pbtxt."""

    def __init__(self, model):
        self.text = (REPOSITORY / model / "config.pbtxt").read_text()

    def find(self, pattern):
        return re.search(pattern, self.text).group(1)

    def number(self, key):
        return float(self.parameter(key))

    def channels(self, key):
        """A value for each of R, G, B, to be broadcast over an NCHW tensor."""
        return np.array(self.parameter(key).split(","), np.float32).reshape(1, 3, 1, 1)

    def parameter(self, key):
        return self.find(rf'key: "{re.escape(key)}" value {{ string_value: "([^"]*)"')


def normalize():
    """A frame's bytes become what the pose network sees: planes of values from 0 to 1."""
    g = Graph("worker_normalize")
    frame = g.input("frame", TensorProto.UINT8, [1, "height", "width", 3])
    planes = g.Cast(g.Transpose(frame, perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    # a product, as tritoninfer has it: a quotient would differ in the last bit
    image = g.Mul(planes, g.constant(np.float32(1) / np.float32(255)))
    g.output(image, "image", TensorProto.FLOAT, [1, 3, "height", "width"])
    return g


def detect(name, pose):
    """The rows of the network `pose` become people: those above the threshold, each once, the best first.

    The same as PoseLayout::Yolov7Pose.decode of the crate people, but for the letterbox. Ensembles do not split batches,
    and a step that gets no rows fails: so there are at most as many people as the vest network's batch holds, and nobody
    is a row of zeros. `count` says how many rows are people.
    """
    g = Graph(name)
    poses = g.input("poses", TensorProto.FLOAT, [1, "candidates", sum(POSE_COLUMNS)])
    candidates = g.Squeeze(poses, g.integers(0))
    centre, size, objectness, class_score, keypoints = g.split(candidates, POSE_COLUMNS)
    half = g.Mul(size, g.constant(0.5))
    left_top, right_bottom = g.Sub(centre, half), g.Add(centre, half)
    score = g.Mul(objectness, class_score)
    people = g.Concat(left_top, right_bottom, score, keypoints, axis=1)

    area = g.ReduceProd(g.Max(g.Sub(right_bottom, left_top), g.constant(0)), axes=[1], keepdims=1)
    # neither infinite nor not a number
    finite = g.LessOrEqual(g.Abs(g.Concat(candidates, area, axis=1)), g.constant(FLOAT_MAX))
    threshold = g.constant(Config(pose).number("shopfloor.score-threshold"))
    sound = g.Concat(finite, g.GreaterOrEqual(score, threshold), g.Greater(area, g.constant(0)), axis=1)
    sound = g.ReduceMin(g.Cast(sound, to=TensorProto.INT32), axes=[1], keepdims=0)
    people = g.Compress(people, g.Cast(sound, to=TensorProto.BOOL), axis=0)

    boxes, scores, _ = g.split(people, PERSON_COLUMNS)
    limit = g.integers(int(Config(VEST).find(r"max_batch_size: (\d+)")))
    kept = g.NonMaxSuppression(
        g.Unsqueeze(boxes, g.integers(0)),
        g.Unsqueeze(g.Transpose(scores, perm=[1, 0]), g.integers(0)),
        limit,
        g.constant([IOU_THRESHOLD]),
    )
    kept = g.Gather(kept, g.constant(2, np.int64), axis=1)  # of batch, class and box
    count = g.Shape(kept)
    missing = g.Max(g.Sub(g.integers(1), count), g.integers(0))
    nobody = g.ConstantOfShape(g.Concat(missing, g.integers(sum(PERSON_COLUMNS)), axis=0))
    rows = g.Concat(g.Gather(people, kept, axis=0), nobody, axis=0)

    boxes, scores, keypoints = g.split(rows, PERSON_COLUMNS)
    g.output(boxes, "boxes", TensorProto.FLOAT, ["rows", 4])
    g.output(g.Squeeze(scores, g.integers(1)), "scores", TensorProto.FLOAT, ["rows"])
    keypoints = g.Reshape(keypoints, g.integers(-1, JOINTS, 3))
    g.output(keypoints, "keypoints", TensorProto.FLOAT, ["rows", JOINTS, 3])
    g.output(count, "count", TensorProto.INT64, [1])
    return g


def crop():
    """Each person's box, stretched to what the vest network sees."""
    vest = Config(VEST)
    height, width = map(int, vest.find(r'name: "input" data_type: TYPE_FP32 dims: \[ 3, (\d+, \d+) \]').split(", "))
    g = Graph("worker_crop")
    image = g.input("image", TensorProto.FLOAT, [1, 3, "height", "width"])
    boxes = g.input("boxes", TensorProto.FLOAT, ["rows", 4])
    first_picture = g.ConstantOfShape(g.Shape(boxes, end=1), value=helper.make_tensor("zero", TensorProto.INT64, [1], [0]))
    sharp = g.Conv(g.Pad(image, g.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="edge"), g.constant(sharpening()), group=3)
    # Pixels' centres, and as many samples as make an average where a person is larger than the crop: tritoninfer's way.
    crops = g.RoiAlign(
        sharp,
        boxes,
        first_picture,
        output_height=height,
        output_width=width,
        sampling_ratio=0,
        coordinate_transformation_mode="half_pixel",
    )
    mean, std = vest.channels("shopfloor.input.mean"), vest.channels("shopfloor.input.std")
    crops = g.Div(g.Sub(crops, g.constant(mean)), g.constant(std))
    g.output(crops, "crops", TensorProto.FLOAT, ["rows", 3, height, width])
    return g


def sharpening():
    """What the crops lose to being sampled twice, first for the letterbox and then from it.

    Linear interpolation at a fraction f between two pixels spreads a point by f (1 - f) square pixels, which is 1/4 at
    most; a kernel of (-s, 1 + 2 s, -s) takes 2 s back. On the demo video this keeps vests' probabilities within 0.06 of
    those of crops from the frame itself; without it, ambiguous people change their vest.
    """
    s = 1 / 8
    row = np.array([-s, 1 + 2 * s, -s])
    return np.tile(np.outer(row, row), (3, 1, 1, 1))


def softmax():
    """The vest network's logits become probabilities."""
    g = Graph("worker_softmax")
    logits = g.input("logits", TensorProto.FLOAT, ["rows", "labels"])
    g.output(g.Softmax(logits, axis=1), "vests", TensorProto.FLOAT, ["rows", "labels"])
    return g


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail where a graph is not current")
    check = parser.parse_args().check
    stale = []
    for graph in (normalize(), *(detect(*names) for names in DETECTORS.items()), crop(), softmax()):
        path, made = REPOSITORY / graph.name / "1" / "model.onnx", graph.model()
        if path.exists() and path.read_bytes() == made:
            continue
        stale.append(graph.name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made)
    print(f"{'not current' if check else 'written'}: {', '.join(stale) or 'none, all are current'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
