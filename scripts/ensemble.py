"""Makes the parts of the model repository that are not trained: the ensembles, and the ONNX graphs of their steps.

Run by scripts/make-ensemble. Thresholds, sizes and limits come from the configurations of the networks, so that an
ensemble does what `poseparse` and `tritoninfer` do between the same models. What the graphs' tensors mean is said in
model_repository/README.md.
"""

import argparse
import dataclasses
import sys

import numpy as np
from onnx import TensorProto, helper

import networks
import topdown
from onnx_graph import REPOSITORY, Config, Graph

VEST = "vest_resnet18"
JOINTS = 17
POSE_COLUMNS = [2, 2, 1, 1, 3 * JOINTS]  # YOLOv7-Pose's rows: centre, size, objectness, class score, keypoints
PERSON_COLUMNS = [4, 1, 3 * JOINTS]  # a person's edges, score, keypoints
IOU_THRESHOLD = 0.65  # that of people::decode::DecodeOptions; a test holds the two together
FLOAT_MAX = np.finfo(np.float32).max


@dataclasses.dataclass
class Step:
    """A step of an ensemble: its model, and the ensemble's tensors that are its inputs and outputs."""

    model: str
    inputs: dict
    outputs: dict


# From `images` to `output`, the tensors of every pose model.
TOP_DOWN = [
    Step("person_detector", {"images": "images"}, {"output": "detections"}),
    Step("person_crop", {"image": "images", "detections": "detections"}, {"crops": "crops"}),
    Step("movenet_lightning", {"crops": "crops"}, {"keypoints": "keypoints"}),
    Step("person_join", {"detections": "detections", "keypoints": "keypoints"}, {"poses": "output"}),
]


@dataclasses.dataclass
class Workers:
    """An ensemble that finds people with a pose model and classifies their vests. A pose model that is an ensemble, too, is replaced
    by its steps, since each of them is then queued once instead of twice."""

    name: str
    pose: str
    pose_steps: list | None = None

    @property
    def detect(self):
        """The step that has the pose model's threshold."""
        return self.name.replace("ensemble", "detect")

    def steps(self):
        pose = self.pose_steps or [Step(self.pose, {"images": "images"}, {"output": "output"})]
        people = ["boxes", "scores", "keypoints", "count"]
        return [
            Step("worker_normalize", {"frame": "frame"}, {"image": "image"}),
            *(step_in_workers(step) for step in pose),
            Step(self.detect, {"poses": "poses"}, {name: name for name in people}),
            Step("worker_crop", {"image": "image", "boxes": "boxes"}, {"crops": "vest_crops"}),
            Step(VEST, {"input": "vest_crops"}, {"logits": "logits"}),
            Step("worker_softmax", {"logits": "logits"}, {"vests": "vests"}),
        ]


def step_in_workers(step):
    """A pose model's step with the tensors' names of the ensemble, whose `keypoints` are those of the people found."""
    rename = {"images": "image", "output": "poses", "keypoints": "crop_keypoints"}
    names = lambda tensors: {name: rename.get(tensor, tensor) for name, tensor in tensors.items()}
    return Step(step.model, names(step.inputs), names(step.outputs))


WORKERS = [
    Workers("worker_ensemble", "person_pose", TOP_DOWN),
    Workers("worker_ensemble_movenet", "movenet_multipose"),
    Workers("worker_ensemble_yolov7", "yolov7_pose"),
]


def ensemble(name, comment, inputs, outputs, steps, parameters):
    """The text of an ensemble's config.pbtxt."""

    def tensors(tensors):
        return ",\n".join(f'  {{ name: "{name}" data_type: {kind} dims: [ {dims} ] }}' for name, kind, dims in tensors)

    def step(step):
        maps = [f'      input_map {{ key: "{key}" value: "{tensor}" }}' for key, tensor in step.inputs.items()]
        maps += [f'      output_map {{ key: "{key}" value: "{tensor}" }}' for key, tensor in step.outputs.items()]
        lines = "\n".join([f'      model_name: "{step.model}"', "      model_version: -1", *maps])
        return f"    {{\n{lines}\n    }}"

    steps = ",\n".join(step(each) for each in steps)
    keys = "".join(
        f'parameters {{ key: "shopfloor.{key}" value {{ string_value: "{value}" }} }}\n' for key, value in parameters.items()
    )
    return f"""\
# {comment}
# The tensors are described in ../README.md. Made by scripts/make-ensemble.
name: "{name}"
platform: "ensemble"
max_batch_size: 0

input [
{tensors(inputs)}
]
output [
{tensors(outputs)}
]

ensemble_scheduling {{
  step [
{steps}
  ]
}}

{keys}"""


def person_pose():
    """The configuration of the top-down pose model."""
    parameters = {
        "task": "pose",
        "input.size": "640x480",
        "input.fit": "letterbox",
        "input.pad": "0",
        "input.color": "rgb",
        "input.scale": "1/255",
        "output.layout": "yolov7-pose",
        "score-threshold": "0.45",
    }
    return ensemble(
        "person_pose",
        "Finds people and then the keypoints of each, with the tensors of YOLOv7-Pose.",
        [("images", "TYPE_FP32", "1, 3, -1, -1")],
        [("output", "TYPE_FP32", "1, -1, 57")],
        TOP_DOWN,
        parameters,
    )


def workers(workers):
    """The configuration of an ensemble of workers."""
    pose, labels = Config(workers.pose), Config(VEST).parameter("shopfloor.labels")
    width, height = pose.parameter("shopfloor.input.size").split("x")
    parameters = {"task": "people", "labels": labels}
    parameters |= {key: pose.parameter(f"shopfloor.{key}") for key in ("input.fit", "input.pad", "input.color")}
    return ensemble(
        workers.name,
        f"One request per frame: a letterboxed image in, people with their vests out, found by {workers.pose}.",
        [("frame", "TYPE_UINT8", f"1, {height}, {width}, 3")],
        [
            ("boxes", "TYPE_FP32", "-1, 4"),
            ("scores", "TYPE_FP32", "-1"),
            ("keypoints", "TYPE_FP32", f"-1, {JOINTS}, 3"),
            ("vests", "TYPE_FP32", f"-1, {len(labels.split(','))}"),
            ("count", "TYPE_INT64", "1"),
        ],
        workers.steps(),
        parameters,
    )


DETECT = """\
# A step of {ensemble}: decodes people from YOLOv7-Pose's layout, highest scores first: the score threshold of {pose},
# non-maximum suppression, at most the vest model's batch size. Made by scripts/make-ensemble.
name: "{name}"
backend: "onnxruntime"
max_batch_size: 0
instance_group [ {{ count: 1 kind: KIND_CPU }} ]

input [ {{ name: "poses" data_type: TYPE_FP32 dims: [ 1, -1, 57 ] }} ]
output [
  {{ name: "boxes" data_type: TYPE_FP32 dims: [ -1, 4 ] }},
  {{ name: "scores" data_type: TYPE_FP32 dims: [ -1 ] }},
  {{ name: "keypoints" data_type: TYPE_FP32 dims: [ -1, 17, 3 ] }},
  {{ name: "count" data_type: TYPE_INT64 dims: [ 1 ] }}
]

parameters {{ key: "intra_op_thread_count" value {{ string_value: "1" }} }}
"""


def normalize():
    """A frame's bytes become what the pose network sees: planes of values from 0 to 1."""
    g = Graph("worker_normalize")
    frame = g.input("frame", TensorProto.UINT8, [1, "height", "width", 3])
    planes = g.Cast(g.Transpose(frame, perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    # a product, as tritoninfer has it: a quotient would differ in the last bit
    image = g.Mul(planes, g.constant(np.float32(1) / np.float32(255)))
    g.output(image, "image", TensorProto.FLOAT, [1, 3, "height", "width"])
    return g


def detect(workers):
    """A pose network's rows become people: those above the threshold, each once, the best first.

    The same as PoseLayout::Yolov7Pose.decode of the crate people, but for the letterbox. Ensembles do not split batches,
    and a step that gets no rows fails: so there are at most as many people as the vest network's batch holds, and nobody
    is a row of zeros. `count` says how many rows are people.
    """
    g = Graph(workers.detect)
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
    threshold = g.constant(Config(workers.pose).number("shopfloor.score-threshold"))
    sound = g.Concat(finite, g.GreaterOrEqual(score, threshold), g.Greater(area, g.constant(0)), axis=1)
    sound = g.ReduceMin(g.Cast(sound, to=TensorProto.INT32), axes=[1], keepdims=0)
    people = g.Compress(people, g.Cast(sound, to=TensorProto.BOOL), axis=0)

    boxes, scores, _ = g.split(people, PERSON_COLUMNS)
    limit = g.integers(Config(VEST).max_batch_size())
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
    # Pixels' centres, and as many samples as make an average where a person is larger than the crop: tritoninfer's way.
    crops = g.RoiAlign(
        image,
        boxes,
        first_picture,
        output_height=height,
        output_width=width,
        sampling_ratio=0,
        coordinate_transformation_mode="half_pixel",
    )
    mean, std = vest.channels("shopfloor.input.mean"), vest.channels("shopfloor.input.std")
    crops = g.Div(g.Sub(sharpened(g, crops, boxes, [width, height]), g.constant(mean)), g.constant(std))
    g.output(crops, "crops", TensorProto.FLOAT, ["rows", 3, height, width])
    return g


BLUR = 1 / 8  # half the variance, in square pixels of the image, of linear interpolation halfway between two pixels


def sharpened(g, crops, boxes, size):
    """The crops [rows,3,height,width] without what they lose to being sampled twice, first for the letterbox and then from it.

    Linear interpolation at a fraction f between two pixels spreads a point by f (1 - f) square pixels, which is 1/4 at most.
    Half of that times the second derivative is subtracted, in each direction: the second difference between the crop's pixels,
    over the square of their size in pixels of the image. Filtering crops costs a sixth of filtering the image. A crop's pixel that
    is smaller than the image's counts as large, since the difference between interpolated pixels is no derivative.
    """
    left_top, right_bottom = g.split(boxes, [2, 2])
    pixel = g.Max(g.Div(g.Sub(right_bottom, left_top), g.constant(size)), g.constant(1))
    weights = g.split(g.Div(g.constant(BLUR), g.Mul(pixel, pixel)), [1, 1])
    end = np.iinfo(np.int64).max
    total = crops
    for axis, weight in zip((3, 2), weights):
        pads = np.zeros((2, 4), np.int64)
        pads[:, axis] = 1
        padded = g.Pad(crops, g.integers(*pads.flatten()), mode="edge")
        before = g.Slice(padded, g.integers(0), g.integers(-2), g.integers(axis))
        after = g.Slice(padded, g.integers(2), g.integers(end), g.integers(axis))
        difference = g.Sub(g.Mul(crops, g.constant(2)), g.Add(before, after))
        total = g.Add(total, g.Mul(difference, g.Reshape(weight, g.integers(-1, 1, 1, 1))))
    return total


def softmax():
    """The vest network's logits become probabilities."""
    g = Graph("worker_softmax")
    logits = g.input("logits", TensorProto.FLOAT, ["rows", "labels"])
    g.output(g.Softmax(logits, axis=1), "vests", TensorProto.FLOAT, ["rows", "labels"])
    return g


def generated():
    """Every generated file, as its path in the repository and its bytes. A file's sources come before it."""
    yield "person_pose/config.pbtxt", person_pose().encode()
    detector, pose = networks.DETECTOR, networks.LIGHTNING
    graphs = [
        topdown.person_detector(detector.committed()),
        topdown.pose_network(pose.model, pose.size, pose.committed()),
        topdown.person_crop(pose.size),
        topdown.person_join(pose.size),
        normalize(),
        crop(),
        softmax(),
    ]
    for each in WORKERS:
        yield f"{each.name}/config.pbtxt", workers(each).encode()
        yield f"{each.detect}/config.pbtxt", DETECT.format(ensemble=each.name, pose=each.pose, name=each.detect).encode()
        graphs.append(detect(each))
    for graph in graphs:
        yield f"{graph.name}/1/model.onnx", graph.model()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail where a file is not current")
    check = parser.parse_args().check
    stale = []
    for name, made in generated():
        path = REPOSITORY / name
        if path.exists() and path.read_bytes() == made:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made)
    print(f"{'not current' if check else 'written'}: {', '.join(stale) or 'none, all are current'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
