"""Writes a network as ONNX with FP16 weights, and compares the file with the network."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from . import CROP, LABELS
from .network import normalize
from .pose import session

OPSET = 13
SMALL = 256  # constants of fewer elements, such as biases, stay FP32


def write(net, temperature, none_offset, path):
    """The temperature, and what is added to the logit of "none", are folded into the last layer: outputs stay logits."""
    net.eval()
    with torch.no_grad():
        net.fc.weight /= temperature
        net.fc.bias /= temperature
        net.fc.bias[LABELS.index("none")] += none_offset
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        net,
        torch.zeros(2, 3, CROP, CROP),
        str(path),
        opset_version=OPSET,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}},
    )
    model = halve(onnx.load(str(path)))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def halve(model):
    """Stores large weights in FP16, each with a Cast that runtimes fold when they load the model."""
    graph = model.graph
    casts = []
    for weights in graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < SMALL:
            continue
        stored = f"{weights.name}_fp16"
        casts.append(helper.make_node("Cast", [stored], [weights.name], to=TensorProto.FLOAT))
        weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def verify(net, path, crops, tolerance=0.1):
    """Raises unless the file and the network agree on crops UINT8 [n,CROP,CROP,3]; returns the largest difference."""
    net.eval()
    x = normalize(crops)
    with torch.no_grad():
        expected = net(x).numpy()
    found = session(path, 1).run(["logits"], {"input": x.numpy()})[0]
    difference = float(np.abs(found - expected).max())
    if not difference <= tolerance:
        raise ValueError(f"{path}: logits differ from the network's by {difference:.3f}; FP16 explains {tolerance}")
    return difference
