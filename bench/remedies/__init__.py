"""Quantisation, pruning, distillation and smaller inputs of the two networks, measured: run by scripts/remedies.

`graphs` changes ONNX files, `small` trains small vest networks, `cost` measures time and memory, `page` writes the
results. The recipe of the vest network, the package `train` of model_repository/vest_resnet18, provides crops and trials.
"""
