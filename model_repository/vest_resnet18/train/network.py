"""ResNet18 in PyTorch, with torchvision's layout and names of weights, and narrower or shallower ones of its kind."""

import torch
from torch import nn

from . import LABELS

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as in config.pbtxt


class Block(nn.Module):
    """Two 3×3 convolutions, with `middle` channels between them, and a shortcut."""

    def __init__(self, inputs, outputs, stride, middle):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, middle, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet(nn.Module):
    """FP32 [n,3,h,w], normalised RGB, to logits [n,labels].

    `width` 64, two blocks a stage and as many channels between a block's convolutions as behind them are ResNet18;
    `inner` is the share of those channels that a pruned network has.
    """

    def __init__(self, width=64, blocks=(2, 2, 2, 2), inner=1.0, labels=len(LABELS)):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for stage, count in enumerate(blocks):
            layers = []
            for block in range(count):
                outputs = width << stage
                layers.append(Block(channels, outputs, 2 if stage and not block else 1, round(outputs * inner)))
                channels = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.stages = len(blocks)
        self.fc = nn.Linear(channels, labels)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


def pruned(net, inner):
    """A ResNet18 with the strongest channels inside each block of another one, by the L1 norm of their filters."""
    small = ResNet(inner=inner)
    state = net.state_dict()
    for name, module in small.named_modules():
        if not isinstance(module, Block):
            continue
        weights = state[f"{name}.conv1.weight"]
        kept = weights.abs().sum((1, 2, 3)).topk(module.bn1.num_features).indices.sort().values
        state[f"{name}.conv1.weight"] = weights[kept]
        state[f"{name}.conv2.weight"] = state[f"{name}.conv2.weight"][:, kept]
        for values in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.bn1.{values}"] = state[f"{name}.bn1.{values}"][kept]
    small.load_state_dict(state)
    return small


def normalize(crops):
    """Crops RGB UINT8 [n,h,w,3] as the network's input."""
    planes = torch.as_tensor(crops).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (planes - mean) / std


def logits(net, crops, batch=256):
    """The network's logits for crops RGB UINT8 [n,h,w,3], FP32 [n,labels]."""
    net.eval()
    with torch.no_grad():
        return torch.cat([net(normalize(crops[i : i + batch])) for i in range(0, len(crops), batch)])
