"""Curves of results, drawn with matplotlib."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Blue, vermilion, bluish green, reddish purple: told apart by those who see few colours too (Okabe & Ito 2008).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: Variants that are drawn if none are named.
_PANELS = 6
#: What grows beyond so many times where it began leaves through the top.
_MOST_GROWTH = 100.0


class Runs(Protocol):
    """Runs of variants over their seeds, and the curves of these."""

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]: ...

    @property
    def runs(self) -> "pd.DataFrame": ...

    @property
    def curves(self) -> "pd.DataFrame": ...

    def variants(self) -> list[str]: ...


def curves(results: Runs, columns: Sequence[str], variants: Iterable[str] | None, beside: Runs | None) -> "Figure":
    """What `Results.plot` says."""
    import matplotlib.pyplot as plt

    sides = [results] if beside is None else [results, beside]
    named = [variants] if isinstance(variants, str) else None if variants is None else list(variants)
    shared = [name for name in results.variants() if all(name in side.variants() for side in sides)]
    for name in named or []:
        if name not in shared:
            raise ValueError(f"variant {name!r}: has no runs in {results.folder}, which has {', '.join(shared)}")
    for column in columns:
        if any(column not in side.curves for side in sides):
            there = ", ".join(results.curves.columns[3:])
            raise ValueError(f"column {column!r}: is not in curves.csv, which has {there}")
    drawn = named or shared[:_PANELS]
    if not drawn:
        raise ValueError(f"{results.folder}: has no variant to draw")
    wide = min(len(drawn), 3)
    high = -(-len(drawn) // wide)
    figure = plt.figure(figsize=(4.6 * wide + 0.4, 3.4 * high), layout="constrained", FigureClass=_figure_class())
    axes = list(figure.subplots(high, wide, squeeze=False).flat)
    for variant, axis in zip(drawn, axes):
        _panel(axis, sides, columns, variant)
    for unused in axes[len(drawn) :]:
        unused.remove()
    if named is None and len(shared) > len(drawn):
        left = len(shared) - len(drawn)
        figure.supxlabel(f"{left} more variants are not drawn: plot(variants=[…]) draws them", fontsize=9)
    return figure


def _panel(axis: "Axes", sides: list[Runs], columns: Sequence[str], variant: str) -> None:
    import numpy as np

    axis.set_title(textwrap.fill(variant, 40, break_long_words=True), fontsize=10)
    tables = {
        (side, column): _by_seed(results, variant, column) for side, results in enumerate(sides) for column in columns
    }
    everything = np.concatenate([table.to_numpy().ravel() for table in tables.values()])
    finite = everything[np.isfinite(everything)]
    if not finite.size:
        axis.text(0.5, 0.5, "no finite value at any step", transform=axis.transAxes, ha="center")
        axis.set(xlabel="step (updates)", ylabel=_unit(sides[0], columns, variant))
        return
    share = all(column in ("accuracy", "dead_units") for column in columns)
    began = max(abs(float(start)) for table in tables.values() for start in table.iloc[0] if np.isfinite(start))
    top = min(float(finite.max()), max(_MOST_GROWTH * began, float(finite.min())))
    out_of_sight = top * 100 if top > 0 else float(finite.max()) + 1
    for (side, column), table in tables.items():
        colour = _COLOURS[(side if len(sides) > 1 and len(columns) == 1 else columns.index(column)) % len(_COLOURS)]
        dashed = side if len(sides) > 1 else columns.index(column)  # Where one line lies on another, both are seen.
        look: dict[str, Any] = {"color": colour, "linestyle": "--" if dashed else "-"}
        low, middle, high = (_quantile(table, rank).clip(max=out_of_sight) for rank in (0.25, 0.5, 0.75))
        runs = sides[side].runs
        of = runs[runs["variant"] == variant]
        lost = of[of["outcome"] == "diverged"]["seed"]
        label = column.replace("_", " ") if len(columns) > 1 or len(sides) == 1 else ""
        label = f"{sides[side].folder.name}: {label}".rstrip(": ") if len(sides) > 1 else label
        axis.fill_between(table.index, low, high, color=colour, alpha=0.2, linewidth=0)
        axis.plot(table.index, middle, label=f"{label}, {len(of)} {'seed' if len(of) == 1 else 'seeds'}", **look)
        if len(lost):
            ends = list(_last_seen(table, lost))
            axis.plot(
                [step for step, _ in ends],
                [min(value, top) for _, value in ends],
                "X",
                color=colour,
                zorder=3,
                clip_on=False,
                label=f"{len(lost)} of {len(of)} diverged" if column == columns[0] else None,
            )
    axis.set(xlabel="step (updates)", ylabel=_unit(sides[0], columns, variant))
    if not share:
        positive = finite[finite > 0]
        if finite.min() > 0:
            axis.set_yscale("log")
            axis.set_ylim(finite.min() / 1.5, top * 1.5)
        elif positive.size:  # A logarithm has no place for 0 and below: even there, by powers of ten above.
            axis.set_yscale("symlog", linthresh=float(positive.min()))
            axis.set_ylim(min(0.0, 1.5 * finite.min()), top * 1.5 if top > 0 else None)
    axis.legend(fontsize=8)


def _by_seed(results: Runs, variant: str, column: str) -> Any:
    """A column of a variant's curves: a row a step, a column a seed. Infinite is what is not finite.

    Runs are logged at different steps once one has stopped early: between two rows, and after its end, a run is where
    it was.
    """
    import numpy as np

    of = results.curves[results.curves["variant"] == variant]
    missing = column in ("accuracy", "dead_units")  # Here NaN says that there is none.
    values = of[column] if missing else of[column].where(np.isfinite(of[column]), np.inf)
    return of.assign(value=values).pivot(index="step", columns="seed", values="value").ffill()


def _quantile(table: Any, share: float) -> Any:
    """Over the seeds, with linear interpolation; what lies between two infinities is infinite too."""
    import numpy as np

    ranks = np.sort(table.to_numpy(), axis=1)
    place = (ranks.shape[1] - 1) * share
    first, part = int(place), place - int(place)
    if part == 0:
        return ranks[:, first]
    below, above = ranks[:, first], ranks[:, first + 1]
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(above), np.inf, below + part * (above - below))


def _last_seen(table: Any, seeds: Iterable[int]) -> Iterator[tuple[int, float]]:
    """Where each of these runs was last finite, if it ever was."""
    import numpy as np

    for seed in seeds:
        finite = table[seed][np.isfinite(table[seed])]
        if len(finite):
            yield int(finite.index[-1]), float(finite.iloc[-1])


def _unit(results: Runs, columns: Sequence[str], variant: str) -> str:
    """What the axis shows, in which units."""
    known = (told["config"] for told in results.manifest.get("variants", []) if told["name"] == variant)
    config: dict[str, Any] = next(known, {})
    if all(column.endswith("_loss") for column in columns):
        loss = config.get("loss", {})
        kind = loss.get("kind", "torchscript" if "torchscript" in loss else "")
        scaled = config.get("data", {}).get("scale_target", 1.0) != 1.0
        return f"loss ({kind}{', of scaled targets' if scaled else ''})".replace(" ()", "")
    units = {
        "test_rmse": "test RMSE (target's units; of classes of their probabilities)",
        "grad_norm": "norm of the gradient",
        "update_ratio": "norm of the update / norm of the parameters",
        "dead_units": "share of hidden units that are dead",
        "accuracy": "share of test rows predicted rightly",
    }
    if "accuracy" in results.runs and columns[0] == "test_rmse":
        scored = results.runs[results.runs["variant"] == variant]["accuracy"].notna().any()
        units["test_rmse"] = f"test RMSE ({'of the probabilities' if scored else 'target’s units'})"
    return units.get(columns[0], ", ".join(columns)) if len(columns) == 1 else ", ".join(columns)


def _figure_class() -> Any:
    """A figure that a notebook shows once, be it the value of a cell or not."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    from ._program import in_notebook

    class Curves(Figure):
        def _ipython_display_(self) -> None:
            if not in_notebook():
                print(self)
                return
            plt.close(self)  # Else pyplot shows it once more at the end of the cell.
            self.__dict__["_ipython_display_"] = None  # From here on it is shown as any figure is.
            import_module("IPython.display").display(self)
            del self.__dict__["_ipython_display_"]

    return Curves
