"""Medians, tables on standard output, CSV files beside them."""

import csv
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from processes import OUT


@dataclass
class Spread:
    """A median with the lowest and highest of the repetitions."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Iterable[float]) -> "Spread":
        values = list(values)
        return Spread(statistics.median(values), min(values), max(values))

    def numbers(self) -> list[str]:
        return [short(value) for value in (self.median, self.low, self.high)]


@dataclass
class Target:
    """What the project wants of itself, and what this run shows. A benchmark is no test: nothing fails by it."""

    what: str
    wanted: float
    measured: float
    at_most: bool = False
    unit: str = "×"

    def row(self) -> list[str]:
        met = self.measured <= self.wanted if self.at_most else self.measured >= self.wanted
        sign = "<" if self.at_most else "≥"
        return [self.what, f"{sign} {self.wanted:g} {self.unit}", f"{short(self.measured)} {self.unit}", "met" if met else "not met"]


def short(value: float) -> str:
    """Three significant digits and no exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints columns, the first to the left and the others to the right."""
    lines = [list(map(str, line)) for line in [header, *rows]]
    widths = [max(len(line[at]) for line in lines) for at in range(len(header))]
    print(f"\n{title}\n")
    for line in lines:
        cells = [c.ljust(w) if at == 0 else c.rjust(w) for at, (c, w) in enumerate(zip(line, widths))]
        print(" " + "  ".join(cells).rstrip())
    sys.stdout.flush()


def write_csv(name: str, header: str, rows: Iterable[Sequence[object]]) -> None:
    """`header` as it stands in the file; numbers are written as they read back."""
    with open(OUT / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
