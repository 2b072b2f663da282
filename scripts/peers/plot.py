"""Draws scaling.csv and memory.csv as small multiples: scaling.svg and scaling.png."""

import csv
from dataclasses import dataclass

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: E402
from processes import OUT  # noqa: E402

TIME, MEMORY = "#0072B2", "#D55E00"  # of Okabe and Ito's palette; told apart in grey too


@dataclass
class Panel:
    file: str
    what: str
    title: str
    x: str
    y: str
    """The label; "Total time" multiplies by the steps and the models."""


PANELS = [
    Panel("scaling", "lanes", "Models in a stack", "models", "µs per step and model"),
    Panel("scaling", "width", "Width", "units in each of 2 hidden layers", "µs per step and model"),
    Panel("scaling", "depth", "Depth", "hidden layers of 40 units", "µs per step and model"),
    Panel("scaling", "batch", "Batch", "samples in a batch", "µs per step and model"),
    Panel("scaling", "steps", "Steps, 1 model", "steps", "total time, s"),
    Panel("memory", "steps", "Memory by steps", "steps", "peak memory, MiB"),
    Panel("memory", "lanes", "Memory by models", "models in one stack", "peak memory, MiB"),
]


def read(name: str) -> list[dict[str, str]]:
    path = OUT / f"{name}.csv"
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


def plain(value: float, _position: object = None) -> str:
    """A tick's number as people write it: 0.01, 40, 1000, 10⁶."""
    if value >= 1e5:
        return f"$10^{{{round(len(f'{value:.0f}')) - 1}}}$"
    return f"{value:g}"


def draw(axes: Axes, panel: Panel, rows: list[dict[str, str]]) -> None:
    x = [float(row["value"]) for row in rows]
    if panel.file == "memory":
        axes.plot(x, [float(row["peak_mib"]) for row in rows], "s-", color=MEMORY, markersize=4)
        axes.set_ylim(bottom=50)
    else:
        total = panel.y.startswith("total")
        scale = [float(row["value"]) / 1e6 if total else 1.0 for row in rows]
        low, middle, high = (
            [float(row[column]) * s for row, s in zip(rows, scale)] for column in ("min", "us_per_step_per_model", "max")
        )
        axes.fill_between(x, low, high, color=TIME, alpha=0.25, linewidth=0)
        axes.plot(x, middle, "o-", color=TIME, markersize=4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(panel.title, loc="left", fontsize=9, fontweight="bold")
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    if len(x) <= 6 and max(x) <= 6:
        axes.set_xticks(x)
    axes.yaxis.set_major_formatter(FuncFormatter(plain))
    axes.xaxis.set_major_formatter(FuncFormatter(plain))
    axes.xaxis.set_minor_formatter(NullFormatter())
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
        axes.set_visible(False)
    for kind in ("svg", "png"):
        figure.savefig(OUT / f"scaling.{kind}", dpi=200, metadata={"Date": None} if kind == "svg" else None)
    plt.close(figure)
