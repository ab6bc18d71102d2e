"""Reads MoveNet SinglePose as published for TensorFlow.js: convolutions up to its four heads, which topdown.py decodes.

What the published graph does before and after, resizing and decoding, is left out. Tensors are planes (NCHW), as everywhere here.
"""

import base64
import json

import numpy as np

from onnx_graph import FLOAT, Graph, Network

PREFIX = "StatefulPartitionedCall/"
START = PREFIX + "sub_1"  # an image of values from -1 to 1
HEADS = ["kpt_heatmap_0/conv2d_5", "kpt_regress_0/conv2d_6", "center_0/conv2d_4", "kpt_offset_0/conv2d_7"]


def read(folder, name):
    """The network of movenet-NAME.json and its weights in a folder: from [n,3,side,side] to the heads' planes."""
    model = json.loads((folder / f"movenet-{name}.json").read_text())
    weights = dict(read_weights(folder, model["weightsManifest"]))
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    graph = Graph(name)
    tensors = {START: graph.input("image", FLOAT, ["n", 3, "side", "side"])}

    def convert(name):
        if name not in tensors:
            node = nodes[name]
            tensors[name] = OPERATORS[node["op"]](graph, node, convert, weights)
        return tensors[name]

    ends = [convert(f"{PREFIX}{head}/BiasAdd") for head in HEADS]
    for end in ends:
        graph.output(end, f"head_{end}", FLOAT, None)
    return Network.between(graph.proto(), "image", ends)


def read_weights(folder, manifest):
    """Names and values of the weights that are numbers of 16 bits; the others belong to what is left out."""
    for group in manifest:
        data, at = b"".join((folder / path).read_bytes() for path in group["paths"]), 0
        for weight in group["weights"]:
            kind = np.dtype(weight.get("quantization", weight)["dtype"])
            count = int(np.prod(weight["shape"]))
            if kind == np.float16:
                yield weight["name"], np.frombuffer(data, kind, count, at).reshape(weight["shape"])
            at += count * kind.itemsize


def convolution(graph, node, convert, weights):
    source, kernel, *bias = node["input"]
    kernel, of_each_plane = weights[kernel], "Depthwise" in node["op"]
    # from height, width, inputs, outputs
    planes = kernel.transpose(2, 3, 0, 1) if of_each_plane else kernel.transpose(3, 2, 0, 1)
    if of_each_plane:
        planes = planes.reshape(-1, 1, *kernel.shape[:2])
    inputs = [convert(source), widened(graph, planes), *(widened(graph, weights[name]) for name in bias)]
    attributes = node["attr"]
    output = graph.Conv(
        *inputs,
        strides=[int(stride) for stride in attributes["strides"]["list"]["i"][1:3]],
        group=len(planes) if of_each_plane else 1,
        auto_pad={"SAME": "SAME_UPPER", "VALID": "VALID"}[text(attributes["padding"])],
    )
    for fused in attributes.get("fused_ops", {"list": {}})["list"].get("s", []):
        output = ACTIVATIONS[text({"s": fused})](graph, output)
    return output


def widened(graph, values):
    """Weights of 16 bits in the file, which ONNX Runtime widens once, when it loads it."""
    return graph.Cast(graph.constant(values, np.float16), to=FLOAT)


def text(attribute):
    return base64.b64decode(attribute["s"]).decode()


def addition(graph, node, convert, _):
    return graph.Add(*map(convert, node["input"]))


def doubling(graph, node, convert, _):
    """Every resize of the network doubles height and width."""
    scales = graph.constant([1, 1, 2, 2])
    return graph.Resize(convert(node["input"][0]), "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


ACTIVATIONS = {
    "BiasAdd": lambda graph, tensor: tensor,  # the convolution adds it
    "Relu": lambda graph, tensor: graph.Relu(tensor),
    "Relu6": lambda graph, tensor: graph.Clip(tensor, graph.constant(0), graph.constant(6)),
}
OPERATORS = {
    "_FusedConv2D": convolution,
    "FusedDepthwiseConv2dNative": convolution,
    "DepthwiseConv2dNative": convolution,
    "AddV2": addition,
    "ResizeBilinear": doubling,
}
