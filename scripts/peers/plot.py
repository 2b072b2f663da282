"""Draws scaling.csv and memory.csv as small multiples: scaling.svg and scaling.png."""

import csv
import math
from dataclasses import dataclass

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402
from processes import OUT  # noqa: E402

TIME, MEMORY = "#0072B2", "#D55E00"  # of Okabe and Ito's palette; told apart in grey too


@dataclass
class Panel:
    file: str
    what: str
    title: str
    x: str
    y: str
    """The label; a total is the time of a step times the steps."""
    linear: bool = False


PANELS = [
    Panel("scaling", "lanes", "Models in a stack", "models", "µs per step and model"),
    Panel("scaling", "width", "Width", "units in each of 2 hidden layers", "µs per step and model"),
    Panel("scaling", "depth", "Depth", "hidden layers of 40 units", "µs per step and model"),
    Panel("scaling", "batch", "Batch", "samples in a batch", "µs per step and model"),
    Panel("scaling", "steps", "Steps, 1 model", "steps", "total time, s"),
    Panel("memory", "steps", "Memory by steps", "steps", "peak memory, MiB"),
    Panel("memory", "lanes", "Memory by models", "models in one stack", "peak memory, MiB", linear=True),
]


def read(name: str) -> list[dict[str, str]]:
    path = OUT / f"{name}.csv"
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


def plain(value: float, _position: object = None) -> str:
    """A tick's number as people write it: 0.01, 40, 1000, 10⁵."""
    return f"$10^{{{math.log10(value):.0f}}}$" if value >= 1e4 and math.log10(value).is_integer() else f"{value:g}"


def set_scale(axes: Axes, values: list[float]) -> None:
    """A logarithmic y axis of a decade at least, so that noise looks small, with as many numbers as fit."""
    low, high = min(values) / 1.2, max(values) * 1.2
    widen = max(1.0, 10.0 / (high / low)) ** 0.5
    low, high = low / widen, high * widen
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high / low < 60 else (1,)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_yticks([t for d in decades for f in factors if low <= (t := f * 10.0**d) <= high])


def draw(axes: Axes, panel: Panel, rows: list[dict[str, str]]) -> None:
    x = [float(row["value"]) for row in rows]
    if panel.file == "memory":
        peaks = [float(row["peak_mib"]) for row in rows]
        axes.plot(x, peaks, "s-", color=MEMORY, markersize=4)
        axes.set_ylim(0, max(peaks) * 1.2)
    else:
        total = panel.y.startswith("total")
        scale = [float(row["value"]) / 1e6 if total else 1.0 for row in rows]
        low, middle, high = (
            [float(row[column]) * s for row, s in zip(rows, scale)] for column in ("min", "us_per_step_per_model", "max")
        )
        axes.fill_between(x, low, high, color=TIME, alpha=0.25, linewidth=0)
        axes.plot(x, middle, "o-", color=TIME, markersize=4)
        set_scale(axes, low + high)
    if panel.linear:
        axes.set_xlim(0, max(x) * 1.05)
        axes.set_xticks([tick for tick in x if tick == 1 or tick > max(x) / 10])
    else:
        axes.set_xscale("log")
        axes.set_xticks(x)
    axes.set_title(panel.title, loc="left", fontsize=9, fontweight="bold")
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(plain))
        axis.set_minor_locator(NullLocator())
    axes.grid(True, which="major", color="0.88", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def run() -> None:
    """Draws those panels for which there are measurements."""
    files = {name: read(name) for name in ("scaling", "memory")}
    panels = [(p, [row for row in files[p.file] if row["what"] == p.what]) for p in PANELS]
    panels = [(panel, rows) for panel, rows in panels if rows]
    plt.rcParams.update({"font.size": 8, "svg.fonttype": "none", "svg.hashsalt": "misfit"})
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    figure, grid = plt.subplots(lines, columns, figsize=(2.7 * columns, 2.4 * lines), squeeze=False, layout="constrained")
    for axes, found in zip(grid.flat, panels):
        draw(axes, *found)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
        axes.text(0, 1, "Medians; the bands go\nfrom the lowest to the highest\nof the repetitions.", va="top")
    for kind in ("svg", "png"):
        figure.savefig(OUT / f"scaling.{kind}", dpi=200, metadata={"Date": None} if kind == "svg" else None)
    plt.close(figure)
