"""The article's base case: the models in this process by ONNX Runtime, without Triton; a thread a model and queues between."""

import pathlib
import time

import numpy as np
import onnxruntime

import decoders
import letterbox
from frame import Frame
from letterbox import Letterbox
from meter import cpu_of, threads
from stages import Stages
from vests import Crops


class ModelError(Exception):
    """Models that cannot be loaded."""


class Model:
    """A model of the repository, with the CPU time that it takes: the calling thread's in its runs, and its pool's."""

    def __init__(self, folder, name, count):
        path = pathlib.Path(folder, name, "1", "model.onnx")
        if not path.is_file():
            raise ModelError(f"{path}: no such model; give the folder of a model repository with --models")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = count
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A pool that spins takes the processor from the other models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        before = threads()
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.pool = threads() - before if count > 1 else set()
        self.names = [one.name for one in self.session.get_inputs()]
        self.spent = 0.0

    def run(self, *tensors):
        used = time.thread_time()
        (output,) = self.session.run(None, dict(zip(self.names, tensors)))
        self.spent += time.thread_time() - used
        return output

    def cpu(self):
        return self.spent + sum(cpu_of(thread) for thread in self.pool)


class Tensor:
    """A tensor in this process's memory."""

    def __init__(self, form):
        self.array = np.zeros(*form)


class Runner:
    def __init__(self, options, video, floor, meter):
        self.video = video
        self.letterbox = Letterbox(video.size)
        names = ["person_detector", "person_crop", "movenet_lightning", "person_join", "vest_resnet18"]
        self.models = [Model(options.models, name, options.threads) for name in names]
        self.detector, self.crop, self.network, self.join, self.classifier = self.models
        meter.model_cpu = lambda: sum(model.cpu() for model in self.models)
        self.crops = Crops()
        works = [self.detect, self.pose, self.vest, floor.finish]
        frames = [Frame(video.size, Tensor(letterbox.FLOATS)) for _ in range(options.frames or len(works) + 2)]
        self.stages = Stages(frames, self.read, works, meter)
        self.start, self.wait, self.stop = self.stages.start, self.stages.wait, self.stages.stop

    def read(self, frame):
        if not self.video.read(frame):
            return False
        self.letterbox.write_floats(frame.image, frame.tensor.array)
        return True

    def detect(self, frame):
        frame.people = self.detector.run(frame.tensor.array)  # not people yet: the boxes for the next thread

    def pose(self, frame):
        detections = frame.people
        crops = self.crop.run(frame.tensor.array, detections)
        poses = self.join.run(detections, self.network.run(crops))
        frame.people = decoders.of_poses(poses[0], self.letterbox)

    def vest(self, frame):
        if len(frame.people):
            logits = self.classifier.run(self.crops.cut(frame.image, frame.people.boxes))
            frame.people.vests = decoders.softmax(logits)
