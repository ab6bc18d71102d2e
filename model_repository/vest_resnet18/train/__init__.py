"""The recipe of `vest_resnet18`: crops of people with painted vests, a ResNet18, its calibration, its figures.

Run by scripts/train-vest. The modules in the order of the work: `clips` (videos and their split), `pose` (people and
crops), `paint` (vests and clothes), `samples` (training crops), `network`, `fit`, `export` (ONNX),
`trials` and `report` (figures).
"""

LABELS = ("none", "red", "orange", "yellow", "green", "blue", "purple", "white")
CROP = 64  # width and height of the network's input, in pixels
