"""A step of the article's application in Triton's Python backend: `pose`, `crop` or `vest`, by the parameter `step`.

Tensors are passed as DLPack: they stay on the device, and none goes through NumPy, whose version 2 this Triton's Python
backend answers with empty tensors.
"""

import json
import sys

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        value = lambda key: parameters[key]["string_value"]
        sys.path.insert(0, value("folder"))
        import engine

        self.people = engine.PEOPLE
        self.step = getattr(self, value("step"))
        self.engine = engine.open_engine(value("engine"), value("net"), int(value("side")))
        if value("engine") == "torch":
            import torch as arrays

            self.join = arrays.cat
            self.device = self.engine.device
        else:
            import numpy as arrays

            self.join = arrays.concatenate
        self.read = arrays.from_dlpack
        self.engine.warm_up()

    def execute(self, requests):
        """The requests of a batch as one."""
        names = [tensor.name() for tensor in requests[0].inputs()]
        inputs = {name: [self.read(pb_utils.get_input_tensor_by_name(r, name)) for r in requests] for name in names}
        counts = [len(part) for part in inputs[names[0]]]
        batch = {name: self.on_device(parts[0] if len(parts) == 1 else self.join(parts)) for name, parts in inputs.items()}
        name, output = self.step(**batch)
        self.engine.wait()
        responses, first = [], 0
        for count in counts:
            part = output[first : first + count]
            first += count
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor.from_dlpack(name, part)]))
        return responses

    def on_device(self, tensor):
        return tensor.to(self.device) if hasattr(self, "device") else tensor

    def pose(self, frame):
        return "people", self.engine.pose(frame)

    def crop(self, frame, people):
        crops = self.engine.crops(frame, people)
        return "crops", crops.reshape(len(crops), *crops.shape[1:])

    def vest(self, crops):
        flat = crops.reshape(-1, *crops.shape[2:])
        vests = self.engine.vests(flat)
        return "vests", vests.reshape(len(crops), self.people, vests.shape[1])
