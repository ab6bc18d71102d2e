"""The networks of the article's application, with random weights, run by PyTorch: on a GPU as fast as it can without Triton.

The pose network is made from the layers of scripts/yolov7.py, in FP16 on a GPU, one CUDA graph for each batch size. The same
engine is measured alone and inside Triton's Python backend, so that their ratio is the cost of Triton. `Standin` has the same
methods without PyTorch; it is for dry runs of the scripts, its figures mean nothing.
"""

import pathlib
import sys
import threading

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import yolov7  # noqa: E402

PEOPLE = 6
CROP = 64
VESTS = 8
BATCHES = (1, 2, 4, 8)
NETS = {"w6": 1, "nano": 8}  # the divisor of the channels


KINDS = ("torch", "standin")


def has_gpu(kind):
    """Whether an engine of this kind runs on a GPU."""
    if kind != "torch":
        return False
    import torch

    return torch.cuda.is_available()


def open_engine(kind, net, side):
    """`kind`: torch or standin. Frames are UINT8 [n,side,side,3]."""
    return Torch(NETS[net], side) if kind == "torch" else Standin(side)


class Standin:
    """The engine's methods, on NumPy arrays, with next to no work."""

    def __init__(self, side):
        self.side = side

    def pose(self, frames):
        """People of frames [n,side,side,3] as rows [n,PEOPLE,57] of YOLOv7-Pose's layout."""
        people = np.zeros((len(frames), PEOPLE, yolov7.COLUMNS), np.float32)
        people[:, :, 0] = (np.arange(PEOPLE) + 0.5) / PEOPLE * self.side
        people[:, :, 1], people[:, :, 2], people[:, :, 3] = self.side / 2, 86, 152
        people[:, :, 4] = frames[:, 0, 0, 0, None] / 255
        return people

    def crops(self, frames, people):
        """Each person's box as [n,PEOPLE,3,CROP,CROP], from 0 to 1."""
        return np.stack([crop(frame, rows) for frame, rows in zip(frames, people)])

    def vests(self, crops):
        """Probabilities [n,VESTS] of crops [n,3,CROP,CROP]."""
        return np.full((len(crops), VESTS), 1 / VESTS, np.float32)

    def warm_up(self):
        pass

    def wait(self):
        pass

    def frames(self, count):
        """Frames of noise where the engine takes them from."""
        return np.random.default_rng(0).integers(0, 256, (count, self.side, self.side, 3), np.uint8)


def crop(frame, people):
    """The crops [PEOPLE,3,CROP,CROP] of one frame, as a client of decoupled models makes them: the nearest pixels."""
    steps = (np.arange(CROP) + 0.5) / CROP - 0.5
    crops = np.empty((len(people), 3, CROP, CROP), np.float32)
    for made, (x, y, width, height) in zip(crops, people[:, :4]):
        columns = np.clip(x + steps * width, 0, frame.shape[1] - 1).astype(int)
        lines = np.clip(y + steps * height, 0, frame.shape[0] - 1).astype(int)
        made[...] = frame[lines[:, None], columns].transpose(2, 0, 1) / np.float32(255)
    return crops


class Torch:
    """PyTorch on the first GPU, or on the CPU where there is none. Methods take and return tensors of the device."""

    def __init__(self, divisor, side):
        import torch

        self.torch = torch
        torch.set_grad_enabled(False)
        torch.manual_seed(yolov7.SEED)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.side = side
        half = torch.float16 if self.device.type == "cuda" else torch.float32
        options = {"device": self.device, "dtype": half, "memory_format": torch.channels_last}
        self.pose_network = pose_network(torch, divisor, side).to(**options).eval().requires_grad_(False)
        self.vest_network = resnet18(torch).to(**options).eval().requires_grad_(False)
        self.dtype = half
        self.turn = threading.Lock()
        self.graphs = {}

    def pose(self, frames):
        return self.run("pose", self.pose_of, frames)

    def vests(self, crops):
        return self.run("vests", self.vests_of, crops)

    def pose_of(self, frames):
        images = frames.permute(0, 3, 1, 2).to(self.dtype).contiguous(memory_format=self.torch.channels_last) / 255
        rows = self.pose_network(images).float()
        best = (rows[:, :, 4] * rows[:, :, 5]).topk(PEOPLE).indices
        return rows.gather(1, best[:, :, None].expand(-1, -1, rows.shape[2]))

    def vests_of(self, crops):
        crops = crops.to(self.dtype).contiguous(memory_format=self.torch.channels_last)
        return self.vest_network(crops).float().softmax(1)

    def crops(self, frames, people):
        torch, side = self.torch, self.side
        images = frames.permute(0, 3, 1, 2).float() / 255
        steps = ((torch.arange(CROP, device=self.device) + 0.5) / CROP - 0.5)[None, None]
        x = (people[:, :, 0:1] + steps * people[:, :, 2:3]) * 2 / side - 1
        y = (people[:, :, 1:2] + steps * people[:, :, 3:4]) * 2 / side - 1
        shape = (len(frames), PEOPLE, CROP, CROP)
        grid = torch.stack([x[:, :, None, :].expand(shape), y[:, :, :, None].expand(shape)], -1)
        crops = torch.nn.functional.grid_sample(images, grid.flatten(1, 2), align_corners=False)
        return crops.unflatten(2, (PEOPLE, CROP)).transpose(1, 2).contiguous()

    def run(self, name, function, x):
        """By a CUDA graph of the next larger batch, which saves the launches of some hundred kernels; on a CPU directly."""
        x = x.to(self.device, non_blocking=True)
        largest = BATCHES[-1] * (PEOPLE if name == "vests" else 1)
        if self.device.type == "cpu" or len(x) > largest:
            return function(x)
        unit = largest // BATCHES[-1]
        batch = next(unit * batch for batch in BATCHES if unit * batch >= len(x))
        with self.turn:
            if (name, batch) not in self.graphs:
                self.graphs[name, batch] = self.capture(function, x, batch)
            graph, entry, exit_ = self.graphs[name, batch]
            entry[: len(x)].copy_(x)
            graph.replay()
            return exit_[: len(x)].clone()

    def capture(self, function, x, batch):
        torch = self.torch
        entry = torch.zeros((batch, *x.shape[1:]), dtype=x.dtype, device=self.device)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                function(entry)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = function(entry)
        return graph, entry, out

    def warm_up(self):
        """Makes all graphs, while no other thread uses the device."""
        for batch in BATCHES:
            frames = self.frames(batch)
            self.vests(self.crops(frames, self.pose(frames)).flatten(0, 1))
        self.wait()

    def frames(self, count):
        """Frames of noise on the device."""
        torch = self.torch
        return torch.randint(0, 256, (count, self.side, self.side, 3), dtype=torch.uint8, device=self.device)

    def wait(self):
        """Until the device has done everything."""
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()


def pose_network(torch, divisor, side):
    """The module of scripts/yolov7.py's layers, from images [n,3,side,side] to rows [n,N,57]."""
    network, heads = yolov7.w6(divisor)
    last_use = {tensor.name: layer for layer in network.layers for tensor in layer.inputs}
    functional = torch.nn.functional

    class Pose(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convs = torch.nn.ModuleDict()
            for layer in yolov7.convolutions(network):
                outputs, inputs, kernel, _ = layer.weights()
                conv = torch.nn.Conv2d(
                    inputs * layer.groups, outputs, kernel, layer.step, kernel // 2, groups=layer.groups
                )
                weights = torch.randn_like(conv.weight)
                weights -= weights.mean((1, 2, 3), keepdim=True)
                gain = yolov7.GAIN if layer.activation else yolov7.LAST_GAIN
                conv.weight.copy_(weights * gain / weights.square().sum((1, 2, 3), keepdim=True).sqrt())
                conv.bias.zero_()
                self.convs[layer.output.name] = conv
            for stride, anchors in yolov7.ANCHORS.items():
                cells = side // stride
                y, x = torch.meshgrid(torch.arange(cells), torch.arange(cells), indexing="ij")
                places = torch.stack([x, y], -1).reshape(-1, 2).repeat(len(anchors), 1)
                self.register_buffer(f"cells_{stride}", places.float() - 0.5)
                self.register_buffer(f"anchors_{stride}", torch.tensor(anchors).repeat_interleave(cells**2, 0).float())

        def forward(self, images):
            values = {network.image.name: images}
            for layer in network.layers:
                inputs = [values[tensor.name] for tensor in layer.inputs]
                values[layer.output.name] = self.apply_layer(layer, inputs)
                for tensor in layer.inputs:
                    if last_use[tensor.name] is layer:
                        values.pop(tensor.name, None)
            return torch.cat([values[head.name] for head in heads], 1)

        def apply_layer(self, layer, inputs):
            if layer.kind == "conv":
                x = self.convs[layer.output.name](inputs[0])
                return functional.silu(x, inplace=True) if layer.activation else x
            if layer.kind == "slices":
                return functional.pixel_unshuffle(inputs[0], 2)
            if layer.kind == "concat":
                return torch.cat(inputs, 1)
            if layer.kind == "pool":
                return functional.max_pool2d(inputs[0], layer.kernel, 1, layer.kernel // 2)
            if layer.kind == "upsample":
                return functional.interpolate(inputs[0], scale_factor=2)
            return self.rows(layer.output.stride, *inputs)

        def rows(self, stride, boxes, keypoints):
            cells, anchors = getattr(self, f"cells_{stride}"), getattr(self, f"anchors_{stride}")
            flat = lambda x, values: x.unflatten(1, (3, values)).flatten(3).transpose(2, 3).flatten(1, 2)
            boxes = flat(boxes, 6).sigmoid()
            joints = flat(keypoints, 3 * yolov7.JOINTS).unflatten(2, (yolov7.JOINTS, 3))
            centre = (2 * boxes[:, :, :2] + cells) * stride
            size = (2 * boxes[:, :, 2:4]).square() * anchors
            points = (2 * joints[..., :2] + cells[:, None]) * stride
            joints = torch.cat([points, joints[..., 2:].sigmoid()], -1).flatten(2)
            return torch.cat([centre, size, boxes[:, :, 4:], joints], 2)

    return Pose()


def resnet18(torch):
    """ResNet18 for VESTS classes."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs, step):
            super().__init__()
            self.first = nn.Conv2d(inputs, outputs, 3, step, 1)
            self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)
            self.aside = nn.Conv2d(inputs, outputs, 1, step) if step > 1 else nn.Identity()

        def forward(self, x):
            return (self.second(self.first(x).relu()) + self.aside(x)).relu()

    blocks = [nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for outputs in (64, 128, 256, 512):
        blocks += [Block(inputs, outputs, 1 if outputs == 64 else 2), Block(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, VESTS))
