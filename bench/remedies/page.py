"""The results as a table, a page and a plot."""

import csv
import dataclasses

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "remedies", "svg.fonttype": "none", "font.size": 9})
from matplotlib import pyplot  # noqa: E402  after the choice of its backend

from train.report import save  # noqa: E402


@dataclasses.dataclass
class Row:
    """One model. `quality` and `none` are shares; `unit` is what one run of `ms` is of."""

    part: str
    name: str
    remedy: str
    ms: float
    megabytes: float
    memory: float
    quality: float
    second: float

    def cells(self):
        costs = f"{self.ms:.2f}", f"{self.megabytes:.2f}", f"{self.memory:.0f}"
        return self.name, self.remedy, *costs, f"{self.quality:.3f}", f"{self.second:.3f}"


HEADS = {
    "vest": ("model", "remedy", "CPU-ms a crop", "MB, file", "MB, memory", "right on the demo clip", "none on sports2d"),
    "pose": ("model", "remedy", "CPU-ms a frame", "MB, file", "MB, memory", "F1 of people", "recall"),
}


def write(folder, rows, about):
    """remedies.csv, remedies.md and remedies.svg."""
    with (folder / "remedies.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in dataclasses.fields(Row)])
        writer.writerows(dataclasses.astuple(row) for row in rows)
    text = ["# The article's three remedies: quantisation, pruning, distillation; and smaller inputs\n\n", about]
    for part, heads in HEADS.items():
        text += [f"\n## {part.capitalize()}\n\n", f"| {' | '.join(heads)} |\n", "|---" * len(heads), "|\n"]
        text += [f"| {' | '.join(row.cells())} |\n" for row in rows if row.part == part]
    text.append("\n![quality over time](remedies.svg)\n")
    (folder / "remedies.md").write_text("".join(text))
    plot(folder / "remedies.svg", rows)


def plot(path, rows):
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for axes, (part, heads) in zip(panels, HEADS.items()):
        shown = [row for row in rows if row.part == part]
        for row in shown:
            axes.plot(row.ms, row.quality, "o", color="#1f6fb4", markersize=4 + row.megabytes**0.5)
            axes.annotate(row.remedy, (row.ms, row.quality), textcoords="offset points", xytext=(6, 4), fontsize=7)
        axes.set(xlabel=heads[2], ylabel=heads[5], title=f"{part}; the area is the file's size")
        axes.set_xlim(0, 1.3 * max(row.ms for row in shown))
        axes.set_ylim(min(row.quality for row in shown) - 0.03, 1)
        axes.grid(alpha=0.2)
    save(figure, path)
