"""Results folders: their CSVs as tables of pandas or polars, and how they look in a notebook."""

import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from . import _program, _toml

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped, import-not-found, unused-ignore]
    import polars as pl
    from matplotlib.figure import Figure

    from ._repair import Lines, Repaired

#: Columns that are texts, whatever a cell of theirs looks like.
_TEXTS = frozenset(
    "variant outcome engine kind kinks predicted_shares class_shares fixes finding severity evidence fix verdict "
    "check replaced_by remarks rules".split()
)
#: What writes a table that not every folder has.
_MADE_BY = {"effects": "diagnose", "findings": "diagnose", "verdicts": "diagnose", "checks": "check"}
#: Variants that are listed in a notebook at most.
_MOST_LISTED = 40


class Results:
    """A results folder. Its tables are read when they are first asked for, and kept.

    Floats are exact to the last bit, and NaN, inf and -inf are what they are in the CSVs. Texts, classes among them,
    are Python's `str` in columns of the dtype `object`, under every version of pandas; a class that was not predicted
    is NaN.
    """

    def __init__(self, folder: "str | os.PathLike[str]", text: str | None = None) -> None:
        #: The folder.
        self.folder = Path(folder)
        #: What the program printed when it made these results; None where they were only read.
        self.text = text
        self._tables: dict[str, Any] = {}
        if not (self.folder / "runs.csv").is_file():
            what = "has no runs.csv" if self.folder.is_dir() else "is no folder"
            raise FileNotFoundError(f"{self.folder}: {what}: expected a results folder, as misfit.run writes it")

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """`manifest.json`: what was run, with every variant's settings; empty where there is none."""
        path = self.folder / "manifest.json"
        return cast(dict[str, Any], json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.manifest.get("name", self.folder.name))

    @property
    def title(self) -> str:
        """The experiment's title."""
        return str(self.manifest.get("title", self.name))

    @property
    def runs(self) -> "pd.DataFrame":
        """One row a run: how it ended, its errors, its fixes and swept settings."""
        return self._table("runs")

    @property
    def curves(self) -> "pd.DataFrame":
        """One row a run and logged step: losses, error, gradient."""
        return self._table("curves")

    @property
    def predictions(self) -> "pd.DataFrame":
        """One row a run and test point: inputs, target, prediction."""
        return self._table("predictions")

    @property
    def health(self) -> "pd.DataFrame":
        """One row a run: gradients by layer, saturated units, what simple predictors reach, …"""
        return self._table("health")

    @property
    def effects(self) -> "pd.DataFrame":
        """Of a diagnosis, one row an effect: what each fix buys."""
        return self._table("effects")

    @property
    def findings(self) -> "pd.DataFrame":
        """Of a diagnosis, one row a finding: what the rules found, and what trying the fix showed."""
        return self._table("findings")

    @property
    def verdicts(self) -> "pd.DataFrame":
        """Of a diagnosis, one row a fix: needed, one way, helps, no difference, hurts, cannot be told."""
        return self._table("verdicts")

    @property
    def checks(self) -> "pd.DataFrame":
        """Of checks, one row a measurement of one: passes, fails, tells, cannot be told, left out."""
        return self._table("checks")

    @cached_property
    def settings(self) -> "pd.DataFrame":
        """One row a variant: `variant`, its `fixes`, and each of its settings with all defaults filled in.

        Lists are texts, as an experiment file spells them. To join:
        `results.runs.merge(results.settings, on="variant")`.
        """
        import pandas as pd

        table = pd.DataFrame(self._settings())
        for name in table:
            if table[name].dtype.kind not in "biuf":
                table[name] = table[name].astype(object)
        return table

    def polars(self) -> "Polars":
        """The same tables as polars frames: `results.polars().curves`."""
        return Polars(self)

    def report(self) -> Path:
        """Writes `report.html` and `plots/` into the folder: one page for the browser. Returns its path."""
        return Path(_program.answer(["report", os.fspath(self.folder)], progress=False)["page"])

    def plot(self, *columns: str, variants: Iterable[str] | None = None, beside: "Results | None" = None) -> "Figure":
        """Curves over the steps, a panel a variant: the median over the seeds, and a band between the quartiles.

        `columns` are those of `curves.csv`; without any the training loss and the test loss are drawn. What is not
        finite counts as infinite: a band may leave through the top, and a cross marks where a run that diverged was
        last seen. A run that stopped early stays where it was. `variants` says which are drawn, else the first six are.
        `beside` draws other results of the same variants, dashed.
        """
        from ._plot import curves

        return curves(self, columns or ("train_loss", "test_loss"), variants, beside)

    def repaired(self, model: Any, optimizer: Any = None) -> "Repaired":
        """The user's model and optimizer with the fixes that a diagnosis found to be enough."""
        from ._repair import repaired

        return repaired(self, model, optimizer)

    def lines(self) -> "Lines":
        """The lines of code that make the fixes, in the user's framework."""
        from ._repair import lines

        return lines(self)

    def __repr__(self) -> str:
        return f"<misfit.Results {os.fspath(self.folder)!r}: {len(self.runs)} runs>"

    def __str__(self) -> str:
        return self.text if self.text is not None else text_table(*self._outcomes())

    def _repr_html_(self) -> str:
        parts = [f"<b>{escape(self.title)}</b>", html_table(*self._outcomes())]
        if self.text is not None and any((self.folder / f"{name}.csv").is_file() for name in ("verdicts", "checks")):
            parts = [f"<pre>{escape(self.text)}</pre>"]  # A diagnosis says more than its table of outcomes.
        elif (self.folder / "verdicts.csv").is_file():
            parts.append(html_table(list(self.verdicts), self.verdicts.itertuples(index=False)))
        elif (self.folder / "checks.csv").is_file():
            parts.append(html_table(list(self.checks), self.checks.itertuples(index=False)))
        parts.append(f"<code>{escape(os.fspath(self.folder))}</code>")
        return "\n".join(parts)

    def variants(self) -> list[str]:
        """The variants that have runs, in the order of the experiment."""
        there = set(self.runs["variant"])
        told = [variant["name"] for variant in self.manifest.get("variants", []) if variant["name"] in there]
        return told + sorted(there - set(told))

    def _outcomes(self) -> tuple[list[str], list[list[str]]]:
        """How the variants ended: heads and rows of a table."""
        runs = self.runs
        scored = "accuracy" in runs and bool(runs["accuracy"].notna().any())
        measure, word = ("accuracy", "test accuracy") if scored else ("test_rmse", "test RMSE")
        other = {"test_rmse": "test RMSE"} if scored else {}
        other |= {"train_rmse": "training RMSE", "r2": "R²"}
        other = {column: head for column, head in other.items() if column in runs}
        rows = []
        for variant in self.variants()[:_MOST_LISTED]:
            of = runs[runs["variant"] == variant]
            counts = of["outcome"].value_counts()
            outcomes = ", ".join(f"{outcome} {count}/{len(of)}" for outcome, count in counts.items())
            # A run whose error is no number is infinitely far off.
            worst = float("-inf") if scored else float("inf")
            values = sorted(of[measure].fillna(worst))
            row = [variant, outcomes, _short(median(values)), f"{_short(values[0])} … {_short(values[-1])}"]
            for column in other:
                row.append(_short(median(of[column].fillna(float("-inf") if column == "r2" else float("inf")))))
            rows.append(row)
        if len(self.variants()) > _MOST_LISTED:
            more = len(self.variants()) - _MOST_LISTED
            rows.append([f"and {more} more, in .runs", *[""] * (3 + len(other))])
        return ["variant", "outcome", f"{word}, median", "lowest … highest", *other.values()], rows

    def _path(self, name: str) -> Path:
        path = self.folder / f"{name}.csv"
        if not path.is_file():
            cure = f": misfit.{_MADE_BY[name]} writes it" if name in _MADE_BY else ": these results are not whole"
            raise FileNotFoundError(f"{self.folder}: has no {name}.csv{cure}")
        return path

    def _columns(self, name: str, path: Path) -> dict[str, bool]:
        """The columns of a table, each with whether it holds texts."""
        with path.open(encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file), [])
        if name != "predictions":
            return {column: column in _TEXTS for column in columns}
        texts = {"variant"}
        for table in self.manifest.get("tables", []):
            texts |= {put["name"] for put in table["inputs"] if put.get("categories")}
            if table.get("classes"):
                texts |= {"target", "prediction"}
        # An input that has the name of another column has input_ before it.
        inputs = texts - {"variant"}
        return {column: column in texts or re.sub("^(input_)+", "", column) in inputs for column in columns}

    def _table(self, name: str) -> Any:
        if name not in self._tables:
            self._tables[name] = self._read(name)
        return self._tables[name]

    def _read(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        path = self._path(name)
        columns = self._columns(name, path)
        # Until version 3 pandas reads floats fast and may miss the last digit, unless it is told not to.
        exact = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
        table = pd.read_csv(
            path,
            dtype={column: object for column, text in columns.items() if text},
            keep_default_na=False,
            na_values={column: ["NaN"] if text else ["", "NaN"] for column, text in columns.items()},
            low_memory=False,
            **exact,
        )
        for column in table:
            if table[column].dtype.kind not in "biuf":
                table[column] = table[column].astype(object)
        return table

    def _settings(self) -> list[dict[str, Any]]:
        rows = []
        for variant in self.manifest.get("variants", []):
            fixes = " + ".join(variant.get("fixes", []))
            rows.append({"variant": variant["name"], "fixes": fixes, **dict(_flat(variant["config"]))})
        return rows


class Polars:
    """The tables of `Results` as polars frames: floats and texts exact, what is missing null."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._tables: "dict[str, pl.DataFrame]" = {}

    @property
    def runs(self) -> "pl.DataFrame":
        return self._table("runs")

    @property
    def curves(self) -> "pl.DataFrame":
        return self._table("curves")

    @property
    def predictions(self) -> "pl.DataFrame":
        return self._table("predictions")

    @property
    def health(self) -> "pl.DataFrame":
        return self._table("health")

    @property
    def effects(self) -> "pl.DataFrame":
        return self._table("effects")

    @property
    def findings(self) -> "pl.DataFrame":
        return self._table("findings")

    @property
    def verdicts(self) -> "pl.DataFrame":
        return self._table("verdicts")

    @property
    def checks(self) -> "pl.DataFrame":
        return self._table("checks")

    @property
    def settings(self) -> "pl.DataFrame":
        """As `Results.settings`; a setting that is a number here and a text there is spelt as a text in both."""
        import polars as pl

        rows = self._results._settings()
        columns: dict[str, None] = dict.fromkeys(name for row in rows for name in row)
        series = []
        for name in columns:
            values = [row.get(name) for row in rows]
            kinds = {float if type(value) is int else type(value) for value in values}
            if len(kinds - {type(None)}) > 1:
                values = [value if value is None or isinstance(value, str) else _toml.value(value) for value in values]
            series.append(pl.Series(name, values, strict=False))
        return pl.DataFrame(series)

    def _table(self, name: str) -> "pl.DataFrame":
        if name not in self._tables:
            self._tables[name] = self._read(name)
        return self._tables[name]

    def _read(self, name: str) -> "pl.DataFrame":
        import polars as pl

        path = self._results._path(name)
        texts = [column for column, text in self._results._columns(name, path).items() if text]
        # All rows are looked at, not only the first 100, before it is said what a column holds.
        table = pl.read_csv(path, infer_schema_length=None, schema_overrides=dict.fromkeys(texts, pl.String))
        # Of texts an empty cell is read as null, and NaN as a text.
        text = pl.col(texts).fill_null("")
        return table.with_columns(pl.when(text != "NaN").then(text)) if texts else table


def read(folder: "str | os.PathLike[str]") -> Results:
    """Reads a results folder, as `misfit run` writes it. No program and no libtorch is needed for that."""
    return Results(folder)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`{"train": {"steps": 50}}` as `("train.steps", 50)`."""
    for name, inner in tree.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{name}.")
        elif isinstance(inner, list):
            yield prefix + name, _toml.value(inner)
        else:
            yield prefix + name, inner


def _short(number: float) -> str:
    """A number in four digits, as the program's tables have them."""
    return f"{number:.4g}" if number == number else "–"


def html_table(heads: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table for a notebook. Whatever a name holds, none of it becomes markup."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(_cell(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text_table(heads: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """The same for a terminal."""
    lines = [list(heads), *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cell(cell: Any) -> str:
    if isinstance(cell, float):
        return _short(cell)
    if isinstance(cell, list):
        return ", ".join(map(_cell, cell))
    return "" if cell is None else str(cell)
