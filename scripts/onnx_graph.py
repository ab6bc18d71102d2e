"""ONNX graphs in the making, and the parts of the model repository that they are made from."""

import hashlib
import pathlib
import re

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # the first with that opset
REPOSITORY = pathlib.Path(__file__).parent.parent / "model_repository"

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


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

    def split(self, tensor, columns, axis=1):
        outputs = [f"split_{len(self.nodes)}_{i}" for i in range(len(columns))]
        self.nodes.append(helper.make_node("Split", [tensor, self.integers(*columns)], outputs, axis=axis))
        return outputs

    def top(self, tensor, count):
        """The `count` largest values of each row."""
        output = f"top_{len(self.nodes)}"
        self.nodes.append(helper.make_node("TopK", [tensor, self.integers(count)], [output, f"{output}_places"], axis=1))
        return output

    def include(self, network, tensor):
        """The outputs of a network whose input is `tensor`."""
        self.nodes.append(helper.make_node("Identity", [tensor], [network.input]))
        self.nodes.extend(network.nodes)
        self.constants.extend(network.weights)
        return network.outputs

    def __getattr__(self, operator):
        """Any operator of ONNX, as a method from tensors and attributes to its one output."""

        def add(*inputs, **attributes):
            output = f"{operator}_{len(self.nodes)}".lower()
            self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
            return output

        return add

    def proto(self):
        return helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.constants)

    def model(self):
        graph = self.proto()
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, producer_name="shopfloor", ir_version=IR_VERSION, opset_imports=[opset])
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


class Network:
    """A trained network inside a graph: nodes and weights from one input to some outputs.

    Tensors are named `network/NUMBER` in the order of the nodes, so that the network can be found again in a model that was
    made with it, and so that the same network always has the same bytes.
    """

    INPUT = "network/input"

    def __init__(self, nodes, weights, outputs, entry=INPUT):
        self.nodes, self.weights, self.outputs, self.input = nodes, weights, outputs, entry

    def renamed(self, prefix):
        """The same with other names of tensors, for a graph with several networks."""
        name = lambda tensor: tensor and tensor.replace("network/", prefix, 1)
        nodes = []
        for node in self.nodes:
            nodes.append(helper.make_node(node.op_type, map(name, node.input), map(name, node.output)))
            nodes[-1].attribute.extend(node.attribute)
        weights = [numpy_helper.from_array(numpy_helper.to_array(weight), name(weight.name)) for weight in self.weights]
        return Network(nodes, weights, [name(output) for output in self.outputs], name(self.input))

    @classmethod
    def between(cls, graph, start, ends):
        """The part of a graph that computes `ends` from `start`, both names of tensors."""
        makers = {output: node for node in graph.node for output in node.output}
        values = {weight.name: weight for weight in graph.initializer}
        needed, open_ends = set(), list(ends)
        while open_ends:
            tensor = open_ends.pop()
            if tensor not in needed and tensor not in (start, ""):
                needed.add(tensor)
                open_ends.extend(makers[tensor].input if tensor in makers else [])
        names, nodes = {start: cls.INPUT, "": ""}, []
        for name in [name for name in values if name in needed]:
            names[name] = f"network/{len(names)}"
        for node in graph.node:
            if not needed.intersection(node.output):
                continue
            for output in node.output:
                names.setdefault(output, f"network/{len(names)}")
            renamed = helper.make_node(node.op_type, [names[i] for i in node.input], [names[o] for o in node.output])
            renamed.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
            nodes.append(renamed)
        weights = []
        for name, weight in values.items():
            if name in needed:
                weights.append(numpy_helper.from_array(numpy_helper.to_array(weight), names[name]))
        return cls(nodes, weights, [names[end] for end in ends])

    @classmethod
    def of_model(cls, model):
        """The network in a model of the repository."""
        graph = onnx.load(REPOSITORY / model / "1" / "model.onnx").graph
        nodes = [node for node in graph.node if node.output[0].startswith("network/") and node.output[0] != cls.INPUT]
        weights = [weight for weight in graph.initializer if weight.name.startswith("network/")]
        inside = {name for node in nodes for name in node.input}
        ends = [output for node in nodes for output in node.output if output not in inside]
        return cls(nodes, weights, sorted(ends, key=lambda end: int(end.removeprefix("network/"))))

    def digest(self):
        """SHA-256 of nodes and weights."""
        digest = hashlib.sha256()
        for part in [*self.nodes, *self.weights]:
            digest.update(part.SerializeToString(deterministic=True))
        return digest.hexdigest()


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

    def max_batch_size(self):
        return int(self.find(r"max_batch_size: (\d+)"))
