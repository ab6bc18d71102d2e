"""The parts of a top-down pose model: a detector finds people, a network finds the keypoints of each.

Tensors: `rows` [people,6] are left, top, right, bottom in pixels of the image, score and class. What the graphs' tensors mean
is said in model_repository/README.md.
"""

import numpy as np
from onnx import helper

from onnx_graph import FLOAT, INT64, Config, Graph

JOINTS = 17
MAX_PEOPLE = 20

# YOLOX-nano
STRIDES = [8, 16, 32]
DETECTION_COLUMNS = [2, 2, 1, 80]  # offset in the cell, logarithm of the size in cells, objectness, COCO's classes
PERSON = 0
LEAST_SCORE = 0.4
IOU_THRESHOLD = 0.5

# Room around a person's box in the crop, as a share of the box's longer side; beyond it the crop is black, so that a
# neighbour's arms are not in it. bench/pose/compare.py shows what that is good for.
MARGIN = Config("movenet_lightning").number("shopfloor.input.margin")

# MoveNet SinglePose
MOVENET_STRIDE = 4
MOVENET_DISTANCE = 1.8  # a heat is divided by its distance in cells plus this
SUREST = 10  # keypoints whose confidence is a part of the score


def person_detector(network):
    """YOLOX-nano, and its cells as rows."""
    g = Graph("person_detector")
    images = g.input("images", FLOAT, [1, 3, "height", "width"])
    rows = detect(g, images, network)
    g.output(g.Unsqueeze(rows, g.integers(0)), "output", FLOAT, [1, "rows", 6])
    return g


def pose_network(name, size, network):
    """MoveNet SinglePose, and its heat maps as keypoints."""
    g = Graph(name)
    crops = g.input("crops", FLOAT, ["people", 3, size, size])
    g.output(keypoints(g, crops, size, network), "keypoints", FLOAT, ["people", JOINTS, 3])
    return g


def person_crop(size):
    """The people of an image as the pose network sees them."""
    g = Graph("person_crop")
    image = g.input("image", FLOAT, [1, 3, "height", "width"])
    detections = g.input("detections", FLOAT, [1, "rows", 6])
    g.output(crop(g, image, g.Squeeze(detections, g.integers(0)), size), "crops", FLOAT, ["rows", 3, size, size])
    return g


def person_join(size):
    """Boxes and keypoints in crops become poses in the image."""
    g = Graph("person_join")
    detections = g.input("detections", FLOAT, [1, "rows", 6])
    points = g.input("keypoints", FLOAT, ["rows", JOINTS, 3])
    g.output(join(g, g.Squeeze(detections, g.integers(0)), points, size), "poses", FLOAT, [1, "rows", 57])
    return g


def fused(name, detector, size, network):
    """The whole in one graph, whose people cannot be batched with those of other images: bench/pose/fused compares both."""
    g = Graph(name)
    images = g.input("images", FLOAT, [1, 3, "height", "width"])
    rows = detect(g, images, detector)
    points = keypoints(g, crop(g, images, rows, size), size, network.renamed("pose/"))
    g.output(join(g, rows, points, size), "output", FLOAT, [1, "rows", 57])
    return g


def detect(g, images, network):
    """People in an image [1,3,height,width] of RGB from 0 to 1 as rows, the best first, at least one: nobody is a row of zeros,
    since the steps that follow in an ensemble need a batch."""
    (raw,) = g.include(network, images)
    shape = g.Shape(images)
    places, strides = [], []
    for stride in STRIDES:
        height = g.Div(g.Slice(shape, g.integers(2), g.integers(3)), g.integers(stride))
        width = g.Div(g.Slice(shape, g.integers(3), g.integers(4)), g.integers(stride))
        places.append(cells(g, height, width))
        count = g.Concat(g.Mul(height, width), g.integers(1), axis=0)
        strides.append(g.Expand(g.constant([[stride]]), count))
    places, strides = g.Concat(*places, axis=0), g.Concat(*strides, axis=0)
    offset, size, objectness, classes = g.split(g.Squeeze(raw, g.integers(0)), DETECTION_COLUMNS)
    centre = g.Mul(g.Add(offset, places), strides)
    half = g.Mul(g.Mul(g.Exp(size), strides), g.constant(0.5))
    boxes = g.Concat(g.Sub(centre, half), g.Add(centre, half), axis=1)
    score = g.Mul(objectness, g.Gather(classes, g.integers(PERSON), axis=1))
    kept = g.NonMaxSuppression(
        g.Unsqueeze(boxes, g.integers(0)),
        g.Unsqueeze(g.Transpose(score, perm=[1, 0]), g.integers(0)),
        g.integers(MAX_PEOPLE),
        g.constant([IOU_THRESHOLD]),
        g.constant([LEAST_SCORE]),
    )
    kept = g.Gather(kept, g.constant(2, np.int64), axis=1)  # of batch, class and box
    rows = g.Gather(g.Concat(boxes, score, axis=1), kept, axis=0)
    missing = g.Max(g.Sub(g.integers(1), g.Shape(kept)), g.integers(0))
    nobody = g.ConstantOfShape(g.Concat(missing, g.integers(5), axis=0))
    rows = g.Concat(rows, nobody, axis=0)
    return g.Pad(rows, g.integers(0, 0, 0, 1))  # the class is 0


def cells(g, height, width):
    """The x and y of each cell of a grid, row by row: [cells,2]."""
    shape = g.Concat(height, width, axis=0)
    axes = []
    for count, axis in ((width, 0), (height, 1)):
        end = g.Squeeze(count, g.integers(0))
        line = g.Range(g.constant(0, np.int64), end, g.constant(1, np.int64))
        plane = g.Expand(g.Unsqueeze(line, g.integers(axis)), shape)
        axes.append(g.Reshape(plane, g.integers(-1, 1)))
    return g.Cast(g.Concat(*axes, axis=1), to=FLOAT)


def placement(g, rows):
    """Where the crop of each row is: the origin [people,2] and the side [people,1] of the square in the image, and the part of it
    that the person's box with its margin fills, [people,2]."""
    left_top, right_bottom, _ = g.split(rows, [2, 2, 2])
    size = g.Sub(right_bottom, left_top)
    longer = g.ReduceMax(size, axes=[1], keepdims=1)
    content = g.Add(size, g.Mul(longer, g.constant(2 * MARGIN)))
    side = g.Max(g.ReduceMax(content, axes=[1], keepdims=1), g.constant(1))  # nobody's box is empty
    centre = g.Mul(g.Add(left_top, right_bottom), g.constant(0.5))
    origin = g.Sub(centre, g.Mul(side, g.constant(0.5)))
    return origin, side, g.Div(content, side)


def crop(g, image, rows, size):
    """Each person's box with its margin, letterboxed on black: what tritoninfer makes of it, too."""
    origin, side, part = placement(g, rows)
    first_picture = g.ConstantOfShape(g.Shape(rows, end=1), value=helper.make_tensor("zero", INT64, [1], [0]))
    crops = g.RoiAlign(
        image,
        g.Concat(origin, g.Add(origin, side), axis=1),
        first_picture,
        output_height=size,
        output_width=size,
        sampling_ratio=0,
        coordinate_transformation_mode="half_pixel",
    )
    distance = np.abs((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5)[None]
    inside = g.LessOrEqual(g.constant(distance[None]), g.Unsqueeze(g.Mul(part, g.constant(0.5)), g.integers(2)))
    columns, lines = g.split(g.Cast(inside, to=FLOAT), [1, 1])  # [people,1,size] each
    mask = g.Mul(g.Unsqueeze(columns, g.integers(1)), g.Unsqueeze(lines, g.integers(3)))
    return g.Mul(crops, mask)




def keypoints(g, crops, size, network):
    """The pose in each crop [people,3,size,size] of RGB from 0 to 1: [people,17,3] of x and y in pixels of the crop, confidence.

    The decoding is that of MoveNet's published graph: the person nearest to the centre, and of each keypoint's heat map the
    cell that is both hot and near to where the person's centre expects it.
    """
    n = size // MOVENET_STRIDE
    # MoveNet's values are from -1 to 1; cells are decoded with their channels last.
    heads = g.include(network, g.Sub(g.Mul(crops, g.constant(2)), g.constant(1)))
    heat, regression, centre, offset = (g.Transpose(head, perm=[0, 2, 3, 1]) for head in heads)
    heat = g.Sigmoid(heat)
    y, x = np.mgrid[0:n, 0:n].astype(np.float32)
    nearness = 1 / (np.hypot(y - n / 2, x - n / 2) + MOVENET_DISTANCE)
    centred = g.Mul(g.Sigmoid(centre), g.constant(nearness[None, :, :, None]))
    person = g.ArgMax(g.Reshape(centred, g.integers(-1, n * n)), axis=1, keepdims=1)  # [people,1]
    of_person = g.GatherND(g.Reshape(regression, g.integers(-1, n * n, 2 * JOINTS)), person, batch_dims=1)
    expected = g.Add(
        g.Reshape(of_person, g.integers(-1, JOINTS, 2)), g.Unsqueeze(cell(g, person, n, axis=1), g.integers(1))
    )
    expected_y, expected_x = g.split(expected, [1, 1], axis=2)
    dy = g.Sub(g.constant(y[None, :, :, None]), g.Reshape(expected_y, g.integers(-1, 1, 1, JOINTS)))
    dx = g.Sub(g.constant(x[None, :, :, None]), g.Reshape(expected_x, g.integers(-1, 1, 1, JOINTS)))
    distance = g.Add(g.Sqrt(g.Add(g.Mul(dy, dy), g.Mul(dx, dx))), g.constant(MOVENET_DISTANCE))
    near = g.Reshape(g.Div(heat, distance), g.integers(-1, n * n, JOINTS))
    best = g.ArgMax(near, axis=1, keepdims=1)  # [people,1,17]
    confidence = g.GatherElements(g.Reshape(heat, g.integers(-1, n * n, JOINTS)), best, axis=1)
    both = g.Expand(g.Unsqueeze(best, g.integers(3)), g.integers(1, 1, 1, 2))
    fine = g.GatherElements(g.Reshape(offset, g.integers(-1, n * n, JOINTS, 2)), both, axis=1)
    coarse = cell(g, g.Reshape(best, g.integers(-1, JOINTS, 1)), n, axis=2)
    point = g.Mul(g.Add(coarse, g.Squeeze(fine, g.integers(1))), g.constant(MOVENET_STRIDE))
    point_y, point_x = g.split(point, [1, 1], axis=2)
    return g.Concat(point_x, point_y, g.Reshape(confidence, g.integers(-1, JOINTS, 1)), axis=2)


def cell(g, index, n, axis):
    """Row and column of cells with an index in a grid of n×n."""
    row, column = g.Div(index, g.integers(n)), g.Mod(index, g.integers(n))
    return g.Cast(g.Concat(row, column, axis=axis), to=FLOAT)


def join(g, rows, points, size):
    """Poses in YOLOv7-Pose's layout, [1,people,57]. The score is the geometric mean of the box's and the pose's."""
    origin, side, _ = placement(g, rows)
    left_top, right_bottom, score, _ = g.split(rows, [2, 2, 1, 1])
    centre = g.Mul(g.Add(left_top, right_bottom), g.constant(0.5))
    xy, confidence = g.split(points, [2, 1], axis=2)
    scale = g.Unsqueeze(g.Div(side, g.constant(size)), g.integers(1))
    xy = g.Add(g.Mul(xy, scale), g.Unsqueeze(origin, g.integers(1)))
    keypoints = g.Reshape(g.Concat(xy, confidence, axis=2), g.integers(-1, 3 * JOINTS))
    surest = g.top(g.Squeeze(confidence, g.integers(2)), SUREST)
    score = g.Sqrt(g.Mul(score, g.ReduceMean(surest, axes=[1], keepdims=1)))
    one = g.Add(g.Mul(score, g.constant(0)), g.constant(1))
    poses = g.Concat(centre, g.Sub(right_bottom, left_top), score, one, keypoints, axis=1)
    return g.Unsqueeze(poses, g.integers(0))
