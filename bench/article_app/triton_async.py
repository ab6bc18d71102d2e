"""asyncio: several requests in flight; between them, one thread decodes, decodes outputs, and draws in the frames' order."""

import asyncio
import collections
import threading

import tritonclient.grpc as grpcclient
import tritonclient.grpc.aio as aio

import decoders
import letterbox
import server
from frame import Frame
from letterbox import Letterbox
from stages import join
from vests import Crops

IN_FLIGHT = 3  # two keep two processors busy unless they meet at one model; more only wait longer: README.md


class Async:
    """`mode` is decoupled (the pose model, then the vest model) or ensemble (both in one request)."""

    def __init__(self, options, video, floor, meter):
        self.address = options.server
        self.video, self.floor, self.meter = video, floor, meter
        self.letterbox = Letterbox(video.size)
        decoupled = options.mode == "decoupled"
        client = server.connect(options.server, server.DECOUPLED if decoupled else server.ENSEMBLE)
        name, form = ("images", letterbox.FLOATS) if decoupled else ("frame", letterbox.BYTES)
        self.write = self.letterbox.write_floats if decoupled else self.letterbox.write_bytes
        self.people = self.decoupled if decoupled else self.ensemble
        count = options.frames or IN_FLIGHT
        self.frames = [Frame(video.size, server.tensor(name, form, options.transport, client)) for _ in range(count)]
        self.crops = Crops()
        self.stopping = False
        self.thread = threading.Thread(target=self.run, name="asyncio", daemon=True)
        self.start, self.wait = self.thread.start, self.thread.join

    def run(self):
        try:
            asyncio.run(self.loop())
        except Exception as error:
            self.meter.fail(error)

    async def loop(self):
        self.client = aio.InferenceServerClient(self.address)
        free, pending = list(self.frames), collections.deque()
        try:
            while True:
                while free and not self.stopping and self.video.read(free[-1]):
                    frame = free.pop()
                    self.write(frame.image, frame.tensor.array)
                    pending.append((frame, asyncio.create_task(self.people(frame))))
                    await asyncio.sleep(0)  # sends it
                if not pending:
                    return
                frame, task = pending.popleft()
                await task
                self.floor.finish(frame)
                free.append(frame)
        finally:
            for _, task in pending:
                task.cancel()
            await self.client.close()

    async def ensemble(self, frame):
        result = await self.client.infer("worker_ensemble", [frame.tensor.filled()])
        frame.people = decoders.of_ensemble(result, self.letterbox)

    async def decoupled(self, frame):
        result = await self.client.infer("person_pose", [frame.tensor.filled()])
        people = frame.people = decoders.of_poses(result.as_numpy("output")[0], self.letterbox)
        if len(people):
            crops = self.crops.cut(frame.image, people.boxes)
            request = grpcclient.InferInput("input", crops.shape, "FP32")
            request.set_data_from_numpy(crops)  # copies them, so that the next frame's may be cut
            result = await self.client.infer("vest_resnet18", [request])
            people.vests = decoders.softmax(result.as_numpy("logits"))

    def stop(self):
        self.stopping = True
        join([self.thread])
        for frame in self.frames:
            frame.tensor.close()
