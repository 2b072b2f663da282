"""Draws pieces used against pieces possible, and how far from the best fit training ends."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

from difficulty_cell import Cell  # noqa: E402

# Of viridis, dark to light, so that the order shows in grey and without colour vision.
DEGREES = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151"]
MARKERS = {1: "o", 2: "s", 3: "^"}
LAYERS = {1: "1 hidden layer", 2: "2 hidden layers", 3: "3 hidden layers"}
# By width, light to dark; told apart by their markers and labels too.
WIDTHS = {4: ("#E69F00", "o"), 8: ("#56B4E9", "s"), 16: ("#009E73", "^"), 32: ("#0072B2", "D"), 64: ("#000000", "v")}


def plain(value: float, _position: object = None) -> str:
    return f"{value:g}"


def log_axis(axis: object, ticks: list[float]) -> None:
    axis.set_ticks(ticks)
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(NullLocator())


def pieces(axes: Axes, cells: list[Cell]) -> None:
    degrees = sorted({cell.degree for cell in cells})
    colours = dict(zip(degrees, DEGREES))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.plot([4, 100], [4, 100], color="0.45", linewidth=0.9)
    axes.annotate("all that are possible", (72, 78), ha="right", va="center", color="0.3")
    for cell in {cell.hidden: cell for cell in cells}.values():
        width = 1.16
        axes.plot([cell.most_pieces / width, cell.most_pieces * width], [cell.initial] * 2, color="black", linewidth=1.3)
        axes.annotate(cell.network, (cell.most_pieces, 2.05), ha="center", va="bottom", rotation=90, color="0.25")
    for cell in cells:
        # Degrees side by side.
        place = cell.most_pieces * 1.045 ** (degrees.index(cell.degree) - (len(degrees) - 1) / 2)
        axes.plot(place, cell.pieces, MARKERS[cell.depth], color=colours[cell.degree], markersize=4.2, markeredgewidth=0)
    axes.set_xlim(3.9, 6500)
    axes.set_ylim(1.95, 100)
    log_axis(axes.xaxis, [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000])
    log_axis(axes.yaxis, [2, 5, 10, 20, 50, 100])
    axes.set_xlabel("pieces possible, Π(nᵢ + 1)")
    axes.set_ylabel("pieces used")
    axes.set_title("Pieces used of those possible", loc="left", fontsize=9, fontweight="bold")
    dots = [(f"degree {degree}", colour, "o") for degree, colour in colours.items()]
    dots += [(LAYERS[depth], "0.4", marker) for depth, marker in MARKERS.items()]
    shown = [plt.Line2D([], [], color=c, marker=m, linestyle="", markersize=4.5, label=label) for label, c, m in dots]
    shown.append(plt.Line2D([], [], color="black", linewidth=1.3, label="Σnᵢ + 1"))
    axes.legend(handles=shown, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def ratios(axes: Axes, depth: int, cells: list[Cell]) -> None:
    axes.set_yscale("log")
    axes.axhline(1, color="0.45", linewidth=0.9)
    for width, (colour, marker) in WIDTHS.items():
        line = [cell for cell in cells if cell.hidden == (width,) * depth]
        if line:
            x, y = [cell.degree for cell in line], [cell.ratio for cell in line]
            axes.plot(x, y, marker=marker, color=colour, markersize=4.2, linewidth=1.1, label=line[0].network)
    axes.set_xlabel("degree of the polynomial")
    axes.set_title(LAYERS[depth], loc="left", fontsize=9, fontweight="bold")
    axes.legend(loc="upper left", frameon=False, ncols=2 if depth == 1 else 1, columnspacing=1, handlelength=1.8)


def draw(cells: list[Cell], path: Path) -> None:
    """Without degree 1, which one piece fits."""
    cells = [cell for cell in cells if cell.degree > 1]
    plt.rcParams.update({"font.size": 8, "legend.fontsize": 7.5, "svg.fonttype": "none", "svg.hashsalt": "misfit"})
    figure = plt.figure(figsize=(7.4, 6.2), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.12, 1])
    pieces(upper.subplots(), cells)
    below = lower.subplots(1, len(MARKERS), sharey=True)
    for axes, depth in zip(below, MARKERS):
        ratios(axes, depth, [cell for cell in cells if cell.depth == depth])
        axes.set_xticks(sorted({cell.degree for cell in cells}))
    high = max(cell.ratio for cell in cells)
    below[0].set_ylim(0.9, high * 1.9)
    log_axis(below[0].yaxis, [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500) if tick < high * 1.9])
    below[0].set_ylabel("test RMSE over the RMSE of the\nbest fit with the pieces used")
    for axes in figure.get_axes():
        axes.grid(True, which="major", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=160)
    plt.close(figure)
