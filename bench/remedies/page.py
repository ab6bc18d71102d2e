"""The results as a table, a page and a plot."""

import csv
import dataclasses
import math

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "remedies", "svg.fonttype": "none", "font.size": 9})
from matplotlib import pyplot  # noqa: E402  after the choice of its backend

from train.report import save  # noqa: E402


COLORS = ("#1f6fb4", "#c0504d")


@dataclasses.dataclass
class Row:
    """One model: its costs, and its quality in the three measures of HEADS, nan where one does not apply."""

    part: str
    name: str
    remedy: str
    ms: float
    megabytes: float
    memory: float
    quality: float
    second: float
    third: float

    def cells(self):
        costs = f"{self.ms:.2f}", f"{self.megabytes:.2f}", f"{self.memory:.0f}"
        return self.name, self.remedy, *costs, *("–" if math.isnan(x) else f"{x:.3f}" for x in (self.quality, self.second, self.third))


COSTS = "MB, file", "MB, memory"
HEADS = {
    "vest": ("model", "remedy", "CPU-ms a crop", *COSTS, "right on the demo clip", "none without vests", "right on vtest"),
    "pose": ("model", "remedy", "CPU-ms a frame", *COSTS, "F1 of people", "recall", "error of arms, p90"),
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
    figure, panels = pyplot.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    for axes, (part, heads) in zip(panels, HEADS.items()):
        shown = sorted((row for row in rows if row.part == part), key=lambda row: row.ms)
        names = sorted({row.name for row in shown}) if part == "pose" else [""]
        for number, row in enumerate(shown, 1):
            color = COLORS[names.index(row.name) if part == "pose" else 0]
            axes.plot(row.ms, row.quality, "o", color=color, markersize=5 + row.megabytes**0.5)
            axes.annotate(number, (row.ms, row.quality), textcoords="offset points", xytext=(7, 5), fontsize=8)
        key = "\n".join(f"{number}  {row.remedy}" for number, row in enumerate(shown, 1))
        axes.text(1.02, 1, key, transform=axes.transAxes, va="top", fontsize=7, linespacing=1.5)
        for name, color in zip(names, COLORS):
            if name:
                axes.plot([], [], "o", color=color, label=name)
                axes.legend(loc="lower right", fontsize=7, frameon=False)
        axes.set(xlabel=heads[2], ylabel=heads[5], title=f"{part}; area: the file's size")
        axes.set_xlim(0, 1.1 * max(row.ms for row in shown))
        axes.set_ylim(min(row.quality for row in shown) - 0.03, 1)
        axes.grid(alpha=0.2)
    save(figure, path)
