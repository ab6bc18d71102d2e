"""Makes a network of the cost of YOLOv7-w6-pose with random weights, to measure with where the real ones are not at hand.

Run by scripts/make-yolov7. The network has the layers, the parameters, the arithmetic and the tensors of the real one
(export with `--grid`), and a batch of any size. What it finds means nothing: PEOPLE boxes that stand on a grid, so that
later steps of a pipeline have as much to do as with real people.

The layers are a plain list (`w6()`), from which parameters and operations are counted without any package, and the ONNX
file and the PyTorch module of bench/gpu are made.
"""

import argparse
import math
import pathlib
import sys
from typing import NamedTuple

REPOSITORY = pathlib.Path(__file__).parent.parent / "model_repository"
JOINTS = 17
COLUMNS = 6 + 3 * JOINTS
# Anchor boxes, width and height in pixels, by stride.
ANCHORS = {
    8: [(19, 27), (44, 40), (38, 94)],
    16: [(96, 68), (86, 152), (180, 137)],
    32: [(140, 301), (303, 264), (238, 542)],
    64: [(436, 615), (739, 380), (925, 792)],
}
# What the real network has, and how far a made one may be from it. A multiplication and an addition are two operations.
PARAMETERS = 80.2e6
GFLOPS = {(640, 640): 101.6, (960, 960): 228.5}
TOLERANCE = 0.01
STEP = max(ANCHORS)  # sides are multiples of it

SEED = 7
# Of the standing people's boxes: the stride and the anchor, 86 by 152 pixels.
PERSON_STRIDE, PERSON_ANCHOR = 16, 1
# Logits: a candidate's objectness, what a person's is above it, and the class score and keypoints' confidence of all.
NOBODY, PERSON, SURE = -8.0, 10.0, 2.0
# Keeps a feature's variance at 1 behind SiLU and a kernel of mean 0 and norm 1: 1 / sqrt(Var(silu(x))), x ~ N(0, 1).
GAIN = 1.7868
# Norm of the last kernels: predictions stay near their biases, so boxes and keypoints are bounded.
LAST_GAIN = 0.05


class Tensor(NamedTuple):
    """A feature map: `channels` planes of the input's size divided by `stride`."""

    name: str
    channels: int
    stride: int


class Layer(NamedTuple):
    """One operation. `kind` is slices (space to depth), conv, concat, pool, upsample or head."""

    kind: str
    inputs: list
    output: Tensor
    kernel: int = 1
    step: int = 1
    groups: int = 1
    # Convolutions have a bias, in which the batch normalisation is folded; all but the last have SiLU behind them.
    activation: bool = True

    def weights(self):
        """The shape of a convolution's kernel."""
        return [self.output.channels, self.inputs[0].channels // self.groups, self.kernel, self.kernel]

    def multiplications(self, width, height):
        """Those of a convolution for one image."""
        outputs, inputs, rows, columns = self.weights()
        stride = self.output.stride
        return outputs * inputs * rows * columns * (width // stride) * (height // stride)


class Network:
    """Layers in the order of their execution, with a `divisor`-th of the channels that their methods are given."""

    def __init__(self, divisor):
        self.layers = []
        self.divisor = divisor
        self.image = Tensor("images", 3, 1)

    def add(self, kind, inputs, channels, stride, **options):
        output = Tensor(f"{kind}_{len(self.layers)}", channels, stride)
        self.layers.append(Layer(kind, inputs, output, **options))
        return output

    def slices(self, x):
        """Every second pixel of every second row, as four images of half the size."""
        return self.add("slices", [x], 4 * x.channels, 2 * x.stride)

    def conv(self, x, channels, kernel=1, step=1):
        return self.add("conv", [x], channels // self.divisor, x.stride * step, kernel=kernel, step=step)

    def depthwise(self, x):
        return self.add("conv", [x], x.channels, x.stride, kernel=3, groups=x.channels)

    def predict(self, x, channels):
        return self.add("conv", [x], channels, x.stride, activation=False)

    def concat(self, *tensors):
        return self.add("concat", list(tensors), sum(t.channels for t in tensors), tensors[0].stride)

    def pool(self, x, kernel):
        return self.add("pool", [x], x.channels, x.stride, kernel=kernel)

    def upsample(self, x):
        return self.add("upsample", [x], x.channels, x.stride // 2)

    def head(self, boxes, keypoints):
        return self.add("head", [boxes, keypoints], COLUMNS, boxes.stride)

    def chain(self, x, channels, count):
        """`count` 3×3 convolutions in a row: the output of each."""
        outputs = []
        for _ in range(count):
            x = self.conv(x, channels, 3)
            outputs.append(x)
        return outputs

    def stage(self, x, c):
        """The backbone's block: of a chain of four, every second output is used."""
        half = c // 2
        aside, begin = self.conv(x, half), self.conv(x, half)
        chain = self.chain(begin, half, 4)
        return self.conv(self.concat(chain[3], chain[1], begin, aside), c)

    def merge(self, x, c):
        """The neck's block: all outputs of a chain of four are used."""
        aside, begin = self.conv(x, c), self.conv(x, c)
        chain = self.chain(begin, c // 2, 4)
        return self.conv(self.concat(*reversed(chain), begin, aside), c)

    def pyramid(self, x, c):
        """Maxima over 5, 9 and 13 pixels beside the features themselves."""
        aside = self.conv(x, c)
        x = self.conv(self.conv(self.conv(x, c), c, 3), c)
        x = self.conv(self.concat(x, *(self.pool(x, kernel) for kernel in (5, 9, 13))), c)
        return self.conv(self.concat(self.conv(x, c, 3), aside), c)

    def outputs(self, x, channels):
        """A stride's predictions: box, objectness and class of three anchors; their keypoints."""
        x = self.conv(x, channels, 3)
        anchors = len(ANCHORS[x.stride])
        boxes = self.predict(x, anchors * 6)
        for _ in range(5):
            x = self.conv(self.depthwise(x), channels)
        return self.head(boxes, self.predict(self.depthwise(x), anchors * 3 * JOINTS))


def w6(divisor=1):
    """The layers of YOLOv7-w6-pose, and its heads for strides of 8 to 64 pixels; narrower ones with a divisor above 1."""
    n = Network(divisor)
    x = n.conv(n.slices(n.image), 64, 3)
    backbone = {}
    for c in (128, 256, 512, 768, 1024):
        x = n.stage(n.conv(x, c, 3, step=2), c)
        backbone[x.stride] = x
    x = n.pyramid(x, 512)
    down = {x.stride: x}
    for c in (384, 256, 128):
        above = n.upsample(n.conv(x, c))
        x = n.merge(n.concat(n.conv(backbone[above.stride], c), above), c)
        down[x.stride] = x
    up = [x]
    for c in (256, 384, 512):
        x = n.conv(x, c, 3, step=2)
        x = n.merge(n.concat(x, down[x.stride]), c)
        up.append(x)
    heads = [n.outputs(x, c) for x, c in zip(up, (256, 512, 768, 1024))]
    return n, heads


def convolutions(network):
    return [layer for layer in network.layers if layer.kind == "conv"]


def parameters(network):
    """Kernels and biases."""
    return sum(math.prod(layer.weights()) + layer.output.channels for layer in convolutions(network))


def gflops(network, width, height):
    """Of the convolutions, for one image."""
    return 2e-9 * sum(layer.multiplications(width, height) for layer in convolutions(network))


def rows(stride, width, height):
    """The candidates of a head: anchor by anchor, and of each the cells row by row."""
    return len(ANCHORS[stride]) * (width // stride) * (height // stride)


def candidates(width, height):
    """The rows of the output."""
    return sum(rows(stride, width, height) for stride in ANCHORS)


def far(found, expected):
    return abs(found - expected) > TOLERANCE * expected


def check(counted_parameters, counted_gflops, size):
    """Ends the program unless both are what the real network has."""
    if far(counted_parameters, PARAMETERS):
        sys.exit(f"{counted_parameters / 1e6:.1f} M parameters, expected {PARAMETERS / 1e6:.1f} M: a layer is wrong")
    expected = GFLOPS.get(size, GFLOPS[640, 640] * size[0] * size[1] / 640**2)
    if far(counted_gflops, expected):
        sys.exit(f"{counted_gflops:.1f} GFLOPs, expected {expected:.1f}: a layer is wrong")


def standing(width, height, people):
    """The rows, among those of their head, of people who stand side by side in the middle of the image."""
    columns, lines = width // PERSON_STRIDE, height // PERSON_STRIDE
    first = PERSON_ANCHOR * columns * lines + lines // 2 * columns
    return [first + (2 * person + 1) * columns // (2 * people) for person in range(people)]


class Maker:
    """Makes the ONNX graph of a network for images of one size."""

    def __init__(self, size, people, seed):
        # Only here, so that counting needs no packages.
        import numpy as np
        from ensemble import Graph

        self.np, self.size, self.people = np, size, people
        self.random = np.random.default_rng(seed)
        self.graph = Graph("yolov7_pose")

    def model(self, network, heads):
        from onnx import TensorProto

        width, height = self.size
        g = self.graph
        g.input(network.image.name, TensorProto.FLOAT, ["batch", 3, height, width])
        made = {network.image.name: network.image.name}
        for layer in network.layers:
            made[layer.output.name] = getattr(self, layer.kind)(layer, *(made[x.name] for x in layer.inputs))
        output = g.Concat(*(made[head.name] for head in heads), axis=1)
        g.output(output, "output", TensorProto.FLOAT, ["batch", candidates(width, height), COLUMNS])
        return g.model()

    def slices(self, _layer, x):
        return self.graph.SpaceToDepth(x, blocksize=2)

    def concat(self, _layer, *tensors):
        return self.graph.Concat(*tensors, axis=1)

    def upsample(self, _layer, x):
        return self.graph.Resize(x, "", self.graph.constant([1, 1, 2, 2]), mode="nearest")

    def pool(self, layer, x):
        kernel, border = layer.kernel, layer.kernel // 2
        return self.graph.MaxPool(x, kernel_shape=[kernel] * 2, pads=[border] * 4)

    def conv(self, layer, x):
        g, np = self.graph, self.np
        kernels = self.random.standard_normal(layer.weights(), np.float32)
        axes = (1, 2, 3)
        kernels -= kernels.mean(axes, keepdims=True)
        gain = GAIN if layer.activation else LAST_GAIN
        kernels *= gain / np.sqrt(np.square(kernels).sum(axes, keepdims=True))
        bias = np.zeros(layer.output.channels) if layer.activation else self.biases(layer.output.channels)
        border = layer.kernel // 2
        x = g.Conv(
            x,
            g.constant(kernels),
            g.constant(bias),
            kernel_shape=[layer.kernel] * 2,
            strides=[layer.step] * 2,
            pads=[border] * 4,
            group=layer.groups,
        )
        return g.Mul(x, g.Sigmoid(x)) if layer.activation else x

    def biases(self, channels):
        """Of a prediction, which is a box with its scores or keypoints, for each anchor."""
        boxes, points = [0, 0, 0, 0, NOBODY, -NOBODY], [0.5, 0.5, SURE] * JOINTS
        return self.np.tile(boxes, 3) if channels == 3 * len(boxes) else self.np.tile(points, 3)

    def head(self, layer, boxes, keypoints):
        """Logits to rows: pixels, and scores from 0 to 1."""
        g, np = self.graph, self.np
        stride = layer.output.stride
        columns, lines = (side // stride for side in self.size)
        cells = np.stack(np.meshgrid(np.arange(columns), np.arange(lines)), axis=-1).reshape(1, -1, 2)
        cells = np.tile(cells, (1, len(ANCHORS[stride]), 1))
        anchors = np.repeat(np.array(ANCHORS[stride]), columns * lines, axis=0)[None]
        bonus = np.zeros((1, rows(stride, *self.size), 1))
        if stride == PERSON_STRIDE:
            bonus[0, standing(*self.size, self.people)] = PERSON

        def places(x, cells):
            """(2 x - 0.5 + cell) × stride"""
            return g.Add(g.Mul(x, g.constant(2 * stride)), g.constant((cells - 0.5) * stride))

        def part(x, begin, end):
            return g.Slice(x, g.integers(begin), g.integers(end), g.integers(-1))

        boxes, keypoints = self.rows(boxes, 6, stride), self.rows(keypoints, 3 * JOINTS, stride)
        centre = places(g.Sigmoid(part(boxes, 0, 2)), cells)
        size = g.Mul(g.Sigmoid(part(boxes, 2, 4)), g.constant(2))
        size = g.Mul(g.Mul(size, size), g.constant(anchors))
        objectness = g.Sigmoid(g.Add(part(boxes, 4, 5), g.constant(bonus)))
        class_score = g.Sigmoid(part(boxes, 5, 6))
        joints = g.Reshape(keypoints, g.integers(0, -1, JOINTS, 3))
        points = places(part(joints, 0, 2), cells[:, :, None])
        joints = g.Concat(points, g.Sigmoid(part(joints, 2, 3)), axis=-1)
        keypoints = g.Reshape(joints, g.integers(0, -1, 3 * JOINTS))
        return g.Concat(centre, size, objectness, class_score, keypoints, axis=-1)

    def rows(self, x, values, stride):
        """[batch, anchors × values, lines, columns] to [batch, anchors × lines × columns, values]."""
        g = self.graph
        anchors = len(ANCHORS[stride])
        cells = rows(stride, *self.size) // anchors
        x = g.Transpose(g.Reshape(x, g.integers(0, anchors, values, cells)), perm=[0, 1, 3, 2])
        return g.Reshape(x, g.integers(0, anchors * cells, values))


def counted(path):
    """Parameters and GFLOPs of an ONNX file's convolutions, from its tensors' shapes."""
    import onnx

    model = onnx.load(path)
    sizes = {constant.name: list(constant.dims) for constant in model.graph.initializer}
    for constant in model.graph.initializer:
        # Shapes of convolutions follow from their kernels' shapes: inference is quick without the weights.
        if len(constant.dims) == 4:
            constant.ClearField("raw_data")
    shapes = {}
    for value in onnx.shape_inference.infer_shapes(model).graph.value_info:
        shapes[value.name] = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
    weights = operations = 0
    for node in (node for node in model.graph.node if node.op_type == "Conv"):
        kernel, bias = (sizes[name] for name in node.input[1:])
        weights += math.prod(kernel) + math.prod(bias)
        operations += 2 * math.prod(kernel) * math.prod(shapes[node.output[0]][2:])
    return weights, operations / 1e9


def adopted(path, size):
    """An export of the real network (`--grid --dynamic`) with the tensors of model_repository/yolov7_pose."""
    import onnx

    model = onnx.load(path)
    graph = model.graph

    def shape(value):
        return [d.dim_value if d.HasField("dim_value") else d.dim_param for d in value.type.tensor_type.shape.dim]

    found = ", ".join(f"{value.name} {shape(value)}" for value in [*graph.input, *graph.output])
    poses = [value for value in graph.output if len(shape(value)) == 3 and shape(value)[-1] == COLUMNS]
    if len(graph.input) != 1 or len(poses) != 1:
        sys.exit(f"{path} has {found}: expected one image and one output [n,N,{COLUMNS}]; export with --grid --dynamic")
    (image,), (pose,) = graph.input, poses
    if isinstance(shape(image)[0], int):
        sys.exit(f"{path} has {found}: the batch is fixed at {shape(image)[0]}; export with --grid --dynamic")
    rows = shape(pose)[1]
    if isinstance(rows, int) and rows != candidates(*size):
        sys.exit(f"{path} has {rows} candidates, expected {candidates(*size)}; give the --size that it was exported with")

    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["output" if name == pose.name else "images" if name == image.name else name for name in names]
    width, height = size
    value = onnx.helper.make_tensor_value_info
    image.CopyFrom(value("images", onnx.TensorProto.FLOAT, ["batch", 3, height, width]))
    output = value("output", onnx.TensorProto.FLOAT, ["batch", candidates(*size), COLUMNS])
    del graph.output[:]
    graph.output.append(output)
    return model.SerializeToString(deterministic=True)


def size(text):
    width, _, height = text.partition("x")
    sides = tuple(int(side) if side.isdecimal() else 0 for side in (width, height))
    if any(side <= 0 or side % STEP for side in sides):
        raise argparse.ArgumentTypeError(f"{text}: expected WIDTHxHEIGHT, both multiples of {STEP}, such as 640x640")
    return sides


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path, nargs="?", default=REPOSITORY / "yolov7_pose" / "1" / "model.onnx")
    parser.add_argument("--count", action="store_true", help="write nothing")
    parser.add_argument("--size", type=size, default=(640, 640))
    parser.add_argument("--from", type=pathlib.Path, dest="export")
    parser.add_argument("--divide", type=int, default=1, choices=(1, 2, 4, 8, 16))
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    if options.export:
        write(options.file, adopted(options.export, options.size))
        return
    network, heads = w6(options.divide)
    count = parameters(network), gflops(network, *options.size)
    if not options.count:
        write(options.file, Maker(options.size, options.people, options.seed).model(network, heads))
        count = counted(options.file)
    if options.divide == 1:
        check(*count, options.size)
    print(f"{count[0] / 1e6:.1f} M parameters, {count[1]:.1f} GFLOPs, {candidates(*options.size)} candidates")


def write(file, model):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model)
    print(f"written: {file}")


if __name__ == "__main__":
    main()
