"""Small vest networks: pruned ones, trained again, and a student of the ResNet18."""

import numpy as np
import torch

from train import export, fit
from train.__main__ import NONE_OFFSET
from train.network import ResNet, logits, pruned

SEED = 17


def prune(net, inner, crops, labels, calibration, path):
    """Keeps a share of each block's inner channels, trains the rest again and writes it."""
    small = pruned(net, inner)
    fit.train(small, crops, labels, 1, SEED, report=print)
    return finish(small, calibration, path)


def distil(net, width, blocks, crops, labels, calibration, path):
    """A narrow and shallow network that learns the ResNet18's probabilities along with the labels."""
    student = ResNet(width, blocks)
    net.eval()

    def teacher(x):
        with torch.no_grad():
            return net(x)

    fit.train(student, crops, labels, 2, SEED, teacher=teacher, report=print)
    return finish(student, calibration, path)


def finish(net, calibration, path):
    """Calibrates and writes a network as the ResNet18 was."""
    scale = fit.temperature(logits(net, calibration.crops), torch.as_tensor(np.asarray(calibration.labels)))
    export.write(net, scale, NONE_OFFSET, path)
    export.verify(net, path, calibration.crops[:256])
    return path
