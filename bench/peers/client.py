"""The application that shopfloor's elements replace, in Python: decode, letterbox, infer, read the people. Nothing is drawn.

Tuned for little CPU time: one thread of OpenCV's, the image is scaled before its colours are converted, pixels are written
into the memory of the request, several requests are in flight, and frames are decoded between them without another thread.

Prints {"cpu": CPU seconds a frame, "rate": frames a second, "people": people found} as JSON. The mode `decode` only decodes,
without converting to BGR: what is to be subtracted.
"""

import argparse
import asyncio
import json
import resource
import time

import cv2
import numpy as np
import tritonclient.grpc.aio as grpcclient

import slots

WIDTH, HEIGHT = 640, 480
CROP = 64
SCORE, IOU = 0.45, 0.65
MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
STD = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Video:
    """The first frames of a file."""

    def __init__(self, path, frames):
        self.capture = cv2.VideoCapture(path)
        self.left = frames

    def read(self):
        self.left -= 1
        return self.capture.read()[1] if self.left >= 0 else None

    def skip(self):
        """Decodes a frame without converting it."""
        self.left -= 1
        return self.left >= 0 and self.capture.grab()


def letterbox(frame):
    """The frame scaled to fit, its offset in the tensor, and the scale."""
    height, width = frame.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    scaled = cv2.resize(frame, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_LINEAR)
    left, top = (WIDTH - scaled.shape[1]) // 2, (HEIGHT - scaled.shape[0]) // 2
    return scaled, left, top, scale


class Ensemble:
    """One request a frame."""

    async def open(self, client, transport, number):
        self.client = client
        self.slot = await slots.make(client, transport, "frame", [1, HEIGHT, WIDTH, 3], "UINT8", number)

    async def close(self):
        await self.slot.close(self.client)

    async def people(self, frame):
        scaled, left, top, scale = letterbox(frame)
        height, width = scaled.shape[:2]
        part = self.slot.array[0, top : top + height, left : left + width]
        if part.flags.c_contiguous:
            cv2.cvtColor(scaled, cv2.COLOR_BGR2RGB, dst=part)
        else:
            part[...] = scaled[..., ::-1]
        result = await self.client.infer("worker_ensemble", [self.slot.filled()])
        count = int(result.as_numpy("count")[0])
        offset = np.array([left, top], np.float32)
        boxes = (result.as_numpy("boxes")[:count].reshape(count, 2, 2) - offset) / scale
        points = (result.as_numpy("keypoints")[:count, :, :2] - offset) / scale
        return list(zip(boxes, points, result.as_numpy("vests")[:count].argmax(axis=1)))


class Decoupled:
    """A request for the poses, and one for the people's vests."""

    async def open(self, client, transport, number):
        self.client = client
        self.slot = await slots.make(client, transport, "images", [1, 3, HEIGHT, WIDTH], "FP32", number)

    async def close(self):
        await self.slot.close(self.client)

    async def people(self, frame):
        scaled, left, top, scale = letterbox(frame)
        height, width = scaled.shape[:2]
        for channel in range(3):
            part = self.slot.array[0, channel, top : top + height, left : left + width]
            np.multiply(scaled[..., 2 - channel], np.float32(1 / 255), out=part)
        result = await self.client.infer("person_pose", [self.slot.filled()])
        rows = result.as_numpy("output")[0]
        rows = rows[rows[:, 4] * rows[:, 5] >= SCORE]
        if not len(rows):
            return []
        offset = np.array([left, top], np.float32)
        corner = (rows[:, :2] - rows[:, 2:4] / 2 - offset) / scale
        boxes = np.concatenate([corner, rows[:, 2:4] / scale], axis=1)
        kept = np.asarray(cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 4].tolist(), SCORE, IOU)).flatten()
        boxes, rows = boxes[kept], rows[kept]
        points = (rows[:, 6:].reshape(-1, 17, 3)[:, :, :2] - offset) / scale
        vests = await self.vests(frame, boxes)
        return list(zip(boxes, points, vests))

    async def vests(self, frame, boxes):
        crops = np.empty([len(boxes), 3, CROP, CROP], np.float32)
        limits = np.array([frame.shape[1], frame.shape[0]])
        for crop, (x, y, width, height) in zip(crops, boxes):
            left, top = np.clip([x, y], 0, limits - 1).astype(int)
            right, bottom = np.clip([x + width, y + height], [left + 1, top + 1], limits).astype(int)
            person = cv2.resize(frame[top:bottom, left:right], (CROP, CROP), interpolation=cv2.INTER_LINEAR)
            crop[...] = person.transpose(2, 0, 1)[::-1]
        crops *= 1 / 255
        crops -= MEAN
        crops /= STD
        request = grpcclient.InferInput("input", list(crops.shape), "FP32")
        request.set_data_from_numpy(crops)
        result = await self.client.infer("vest_resnet18", [request])
        return result.as_numpy("logits").argmax(axis=1)


async def infer(options, frames):
    """Infers so many frames and returns the number of people."""
    client = grpcclient.InferenceServerClient(options.server)
    video = Video(options.video, frames)
    people = 0

    async def worker(number):
        nonlocal people
        model = {"ensemble": Ensemble, "decoupled": Decoupled}[options.mode]()
        await model.open(client, options.transport, number)
        try:
            while (frame := video.read()) is not None:
                found = await model.people(frame)  # before the sum is read: another worker adds to it meanwhile
                people += len(found)
        finally:
            await model.close()

    await asyncio.gather(*(worker(number) for number in range(options.in_flight)))
    await client.close()
    return people


def run(options, frames):
    if options.mode != "decode":
        return asyncio.run(infer(options, frames))
    video = Video(options.video, frames)
    while video.skip():
        pass
    return 0


def main(options):
    cv2.setNumThreads(1)
    run(options, 10)  # imports and first calls are no part of a frame
    began, used = time.monotonic(), cpu()
    people = run(options, options.frames)
    seconds, used = time.monotonic() - began, cpu() - used
    print(json.dumps({"cpu": used / options.frames, "rate": options.frames / seconds, "people": people}))


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--server", required=True, help="HOST:PORT")
parser.add_argument("--video", required=True)
parser.add_argument("--mode", choices=["decode", "ensemble", "decoupled"], required=True)
parser.add_argument("--transport", choices=["wire", "shared-memory"], required=True)
parser.add_argument("--in-flight", type=int, required=True)
parser.add_argument("--frames", type=int, required=True)
main(parser.parse_args())
