"""Small vest networks: pruned ones, trained again, and a student of the ResNet18."""

import torch

from train import fit
from train.__main__ import finish
from train.network import ResNet, pruned

SEED = 17


def prune(net, inner, crops, labels, fold, path):
    """Keeps a share of each block's inner channels, trains the rest again, calibrates it on a fold and writes it."""
    small = pruned(net, inner)
    fit.train(small, crops, labels, 1, SEED, 1e-3, report=quietly)
    finish(small, fold, path)


def distil(net, width, blocks, crops, labels, fold, path):
    """A narrow and shallow network that learns the ResNet18's probabilities along with the labels."""
    student = ResNet(width, blocks)
    net.eval()

    def teacher(x):
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=fit.BFLOAT16):
            return net(x).float()

    fit.train(student, crops, labels, 3, SEED, 4e-3, teacher=teacher, report=quietly)
    finish(student, fold, path)


def quietly(line):
    """Prints a line of the training's report in ten."""
    if "00 of" in line:
        print(line, flush=True)
