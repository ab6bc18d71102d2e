"""Figures of a model: accuracy by trial and label, confusion matrix, reliability; a table, plots and the model card."""

import csv
import dataclasses

import matplotlib
import numpy as np

from . import LABELS
from .network import normalize
from .pose import digest
from .trials import joined

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "vest_resnet18", "svg.fonttype": "none", "font.size": 9})
from matplotlib import pyplot  # noqa: E402  after the choice of its backend

BINS = 10
COLUMNS = ("trial", "crops", "frames", "right", "required", "verdict")
JUDGED = "Judged: `1/model.onnx` with the SHA-256 `{}…`."
BEGIN, END = "<!-- figures: written by scripts/train-vest -->\n", "<!-- end of figures -->\n"


@dataclasses.dataclass
class Result:
    """A model's probabilities FP32 [n,labels] for a trial."""

    trial: object
    probabilities: np.ndarray

    @property
    def chosen(self):
        return self.probabilities.argmax(1)

    @property
    def right(self):
        return float((self.chosen == self.trial.labels).sum() / (len(self.trial.labels) + self.trial.unseen))

    @property
    def missed(self):
        return self.trial.required is not None and self.right < self.trial.required

    def cells(self):
        required = self.trial.required
        verdict = "" if required is None else "MISSED" if self.missed else "met"
        shown = "" if required is None else f"{required:.2f}"
        return self.trial.name, len(self.trial.labels), self.trial.frames, f"{self.right:.4f}", shown, verdict


def pooled(name, results, required):
    """Several results as one."""
    trial = joined(name, [result.trial for result in results], required)
    trial.pooled = True
    return Result(trial, np.concatenate([result.probabilities for result in results]))


def judge(session, trial, batch=16):
    """Runs an ONNX model with the contract of config.pbtxt on a trial."""
    return Result(trial, softmax(infer(session, trial.crops, batch)))


def infer(session, crops, batch=16):
    """Logits FP32 [n,labels] of crops RGB UINT8."""
    batches = (normalize(crops[i : i + batch]).numpy() for i in range(0, len(crops), batch))
    return np.concatenate([session.run(["logits"], {"input": x})[0] for x in batches])


def softmax(logits):
    values = np.exp(logits - logits.max(1, keepdims=True))
    return values / values.sum(1, keepdims=True)


def confusion(results):
    """Counts [truth, chosen] over all results, each crop once."""
    counts = np.zeros((len(LABELS), len(LABELS)), int)
    for result in results:
        if result.trial.pooled:
            continue
        np.add.at(counts, (result.trial.labels, result.chosen), 1)
    return counts


def reliability(results):
    """For each bin of the highest probability: its mean, the share that is right, the number of crops; and the ECE."""
    results = [result for result in results if not result.trial.pooled]
    surest = np.concatenate([result.probabilities.max(1) for result in results])
    right = np.concatenate([result.chosen == result.trial.labels for result in results])
    bins = np.minimum((surest * BINS).astype(int), BINS - 1)
    rows = [(surest[bins == b].mean(), right[bins == b].mean(), int((bins == b).sum())) for b in sorted(set(bins))]
    error = sum(abs(mean - share) * count for mean, share, count in rows) / len(surest)
    return rows, float(error)


def plot_confusion(results, path):
    counts = confusion(results)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = pyplot.subplots(figsize=(5.6, 5.0), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if count:
                axes.text(j, i, count, ha="center", va="center", color="white" if shares[i, j] > 0.5 else "black")
    axes.set_xticks(range(len(LABELS)), LABELS, rotation=40)
    axes.set_yticks(range(len(LABELS)), LABELS)
    axes.set(xlabel="chosen", ylabel="truth", title=f"{counts.sum()} crops of frames that did not train")
    save(figure, path)


def plot_reliability(results, path):
    rows, error = reliability(results)
    mean, share, count = (np.array(column) for column in zip(*rows))
    figure, (axes, below) = pyplot.subplots(
        2, 1, figsize=(4.6, 5.2), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, label="perfectly calibrated")
    axes.plot(mean, share, "o-", color="#1f6fb4", label=f"measured, ECE {error:.3f}")
    axes.set(ylabel="share of crops that are right", xlim=(0, 1.02), ylim=(0, 1.02), title="Reliability")
    axes.legend(loc="upper left", frameon=False)
    below.bar(mean, count, width=0.05, color="#1f6fb4")
    below.set(xlabel="probability of the chosen label", ylabel="crops", yscale="log")
    save(figure, path)


def save(figure, path):
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    # matplotlib ends lines with blanks
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def write_table(path, results):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(result.cells() for result in results)


def labels_table(results):
    """Precision and recall of each label, as Markdown."""
    counts = confusion(results)
    lines = ["| label | crops | recall | precision |", "|---|---|---|---|"]
    for i, label in enumerate(LABELS):
        hits, crops, chosen = counts[i, i], counts[i].sum(), counts[:, i].sum()
        lines.append(f"| {label} | {crops} | {hits / max(crops, 1):.3f} | {hits / max(chosen, 1):.3f} |")
    return "\n".join(lines) + "\n"


def card(results, model):
    """What the model card says of a model's file, as Markdown."""
    head = "| trial | crops | frames | right | required | |\n|---|---|---|---|---|---|\n"
    lines = "".join(f"| {' | '.join(map(str, result.cells()))} |\n" for result in results)
    return "\n".join([head + lines, labels_table(results), JUDGED.format(digest(model)) + "\n"])


def update_card(path, text):
    """Replaces what stands between the marks of a model card."""
    card = path.read_text()
    head, rest = card.split(BEGIN)
    path.write_text(head + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])
