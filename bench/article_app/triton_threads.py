"""Threads: one synchronous request at a time for each model, and queues between the stages."""

import tritonclient.grpc as grpcclient

import decoders
import letterbox
import server
from frame import Frame
from letterbox import Letterbox
from stages import Stages
from vests import Crops


class Threads:
    """`mode` is decoupled (the pose model, then the vest model) or ensemble (both in one request)."""

    def __init__(self, options, video, floor, meter):
        self.video = video
        self.letterbox = Letterbox(video.size)
        self.decoupled = options.mode == "decoupled"
        self.client = server.connect(options.server, server.DECOUPLED if self.decoupled else server.ENSEMBLE)
        name, form = ("images", letterbox.FLOATS) if self.decoupled else ("frame", letterbox.BYTES)
        self.write = self.letterbox.write_floats if self.decoupled else self.letterbox.write_bytes
        works = [self.pose, self.vest, floor.finish] if self.decoupled else [self.infer, floor.finish]
        # one for each thread, and one that waits
        count = options.frames or len(works) + 2
        self.frames = [Frame(video.size, server.tensor(name, form, options.transport, self.client)) for _ in range(count)]
        self.crops = Crops()
        self.stages = Stages(self.frames, self.read, works, meter)
        self.start, self.wait = self.stages.start, self.stages.wait

    def read(self, frame):
        if not self.video.read(frame):
            return False
        self.write(frame.image, frame.tensor.array)
        return True

    def infer(self, frame):
        result = self.client.infer("worker_ensemble", [frame.tensor.filled()])
        frame.people = decoders.of_ensemble(result, self.letterbox)

    def pose(self, frame):
        result = self.client.infer("person_pose", [frame.tensor.filled()])
        frame.people = decoders.of_poses(result.as_numpy("output")[0], self.letterbox)

    def vest(self, frame):
        if len(frame.people):
            crops = self.crops.cut(frame.image, frame.people.boxes)
            request = grpcclient.InferInput("input", crops.shape, "FP32")
            request.set_data_from_numpy(crops)
            result = self.client.infer("vest_resnet18", [request])
            frame.people.vests = decoders.softmax(result.as_numpy("logits"))

    def stop(self):
        self.stages.stop()
        for frame in self.frames:
            frame.tensor.close()
