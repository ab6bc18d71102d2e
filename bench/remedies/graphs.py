"""Changes of ONNX files: weights made whole, INT8 by calibration."""

import pathlib
import tempfile

import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime import quantization
from onnxruntime.quantization import shape_inference


def whole(model):
    """FP16 weights with a Cast become FP32 weights, which tools expect."""
    graph = model.graph
    stored = {weights.name: weights for weights in graph.initializer}
    nodes = []
    for node in graph.node:
        weights = stored.get(node.input[0]) if node.op_type == "Cast" else None
        if weights is None or weights.data_type != TensorProto.FLOAT16:
            nodes.append(node)
            continue
        values = numpy_helper.to_array(weights).astype("float32")
        weights.CopyFrom(numpy_helper.from_array(values, node.output[0]))
    del graph.node[:]
    graph.node.extend(nodes)
    return model


class Inputs(quantization.CalibrationDataReader):
    """Tensors for the calibration, one after the other."""

    def __init__(self, name, tensors):
        self.feeds = iter([{name: tensor} for tensor in tensors])

    def get_next(self):
        return next(self.feeds, None)


def quantize(source, target, tensors, operators):
    """INT8 weights for each channel and INT8 activations, by the range that the tensors cause."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        expanded, prepared = pathlib.Path(folder, "whole.onnx"), pathlib.Path(folder, "prepared.onnx")
        onnx.save(whole(onnx.load(str(source))), str(expanded))
        shape_inference.quant_pre_process(str(expanded), str(prepared), skip_symbolic_shape=True)
        name = onnx.load(str(prepared)).graph.input[0].name
        quantization.quantize_static(
            str(prepared),
            str(target),
            Inputs(name, tensors),
            op_types_to_quantize=operators,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    return target
