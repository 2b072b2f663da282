"""Makes difficulty.md and difficulty.svg of the results of experiments/difficulty.toml: difficulty.py RESULTS DOCS."""

import csv
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from textwrap import wrap

import difficulty_plot
from difficulty_cell import Cell, Run

DEPTHS = {1: "one", 2: "two", 3: "three"}


def numbers(text: str) -> list[float]:
    """Those of a list in a swept column, whose commas are semicolons: `{ polynomial = [-1; 0; 2] }`."""
    return [float(part) for part in text[text.index("[") + 1 : text.index("]")].split(";")]


def read(folder: Path) -> list[Cell]:
    def rows(name: str) -> list[dict[str, str]]:
        with (folder / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    health = {(row["variant"], row["seed"]): row for row in rows("health.csv")}
    cells: dict[tuple[int, tuple[int, ...]], Cell] = {}
    for row in rows("runs.csv"):
        found = health[row["variant"], row["seed"]]
        degree = len(numbers(row["data.target"])) - 1
        hidden = tuple(int(width) for width in numbers(row["model.hidden"]))
        most = int(float(found["most_pieces"]))
        cell = cells.setdefault((degree, hidden), Cell(degree, hidden, most, []))
        measured = (float(found[name]) for name in ("pieces", "pieces_rmse", "most_pieces_rmse", "target_std"))
        cell.runs.append(Run(row["outcome"], float(row["test_rmse"]), *measured))
    return sorted(cells.values(), key=lambda cell: (cell.degree, cell.depth, cell.hidden))


def short(value: float) -> str:
    """Two significant digits."""
    if value >= 9.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.95 else f"{value:.2g}".replace("e-0", "e-")


def whole_number(value: float) -> str:
    return f"{value:.0f}"


def spread(values: Iterable[float], write: Callable[[float], str] = short) -> str:
    values = list(values)
    low, high = write(min(values)), write(max(values))
    return low if low == high else f"{low.removesuffix(' %')} to {high}"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0095 else f"{100 * share:.1g} %"


def table(header: list[str], rows: Iterable[list[str]], left: int = 1) -> list[str]:
    """In Markdown; the first columns to the left, the others to the right."""
    rule = ["---" if at < left else "---:" for at in range(len(header))]
    return ["| " + " | ".join(line) + " |" for line in [header, rule, *rows]]


def by_depth(cells: list[Cell]) -> list[str]:
    bent = [cell for cell in cells if cell.degree > 1]
    degrees = sorted({cell.degree for cell in bent})

    def row(depth: int) -> list[str]:
        here = [cell for cell in bent if cell.depth == depth]
        ratios = [median(cell.ratio for cell in here if cell.degree == degree) for degree in degrees]
        shares = spread((cell.share for cell in here), percent)
        initial = spread(cell.pieces / cell.initial for cell in here)
        return [str(depth), shares, f"{initial} ×", *(f"{short(ratio)} ×" for ratio in ratios)]

    header = ["hidden layers", "share of the possible pieces", "pieces over Σnᵢ + 1"]
    return table(header + [f"degree {degree}" for degree in degrees], map(row, sorted({cell.depth for cell in bent})))


def whole(cells: list[Cell]) -> list[str]:
    def row(cell: Cell) -> list[str]:
        best, most = cell.of(lambda run: run.pieces_rmse), cell.of(lambda run: run.most_rmse)
        times, most_times = ((short(cell.ratio), short(cell.most_ratio)) if cell.degree > 1 else ("–", "–"))
        pieces = [str(cell.most_pieces), f"{cell.pieces:.0f}", percent(cell.share)]
        errors = [short(cell.rmse), short(best), times, short(most), most_times]
        return [str(cell.degree), cell.network, *pieces, *errors, cell.outcomes]

    header = ["degree", "network", "pieces possible", "used", "share", "test RMSE", "best with those used", "times that"]
    return table([*header, "best with all possible", "times that", "outcome"], map(row, cells), left=2)


def used(cells: list[Cell]) -> str:
    largest = max(cells, key=lambda cell: cell.most_pieces)
    same = [cell.pieces for cell in cells if cell.hidden == largest.hidden]
    deep = (f"with {DEPTHS[d]} {spread((c.share for c in cells if c.depth == d), percent)}" for d in (2, 3))
    return (
        "**Training hardly uses the pieces that depth makes possible.** Networks with one hidden layer end with "
        f"{spread((c.share for c in cells if c.depth == 1), percent)} of their possible pieces, {', '.join(deep)}. "
        f"{largest.network} could have {largest.most_pieces} and has {spread(same, whole_number)}. The number of pieces "
        f"in use goes with the number of units: it is {spread(cell.pieces / cell.initial for cell in cells)} times Σnᵢ + 1."
    )


def distance(cells: list[Cell]) -> str:
    ratios = [cell.ratio for cell in cells]
    near = sum(ratio <= 2 for ratio in ratios)
    far = max(cells, key=lambda cell: cell.ratio)
    return (
        f"**The error after training is {spread(ratios)} times that of the best fit with the same number of pieces.** The "
        f"median is {short(median(ratios))}. The factor is 2 or less in {near} of {len(ratios)} cases, and largest for "
        f"{far.network} on degree {far.degree}. With many pieces the best error falls with the square of their number: a "
        "factor of 2 is what 0.71 times as many pieces leave, if they are placed best."
    )


def one_or_two_layers(cells: list[Cell]) -> str:
    degree = max(cell.degree for cell in cells)
    here = {cell.hidden: cell for cell in cells if cell.degree == degree}
    pairs = [(here[(2 * n,)], here[(n, n)]) for n in (4, 8, 16, 32)]
    ends = (f"{one.network} ends at {short(one.rmse)}, {two.network} at {short(two.rmse)}" for one, two in pairs)
    return (
        f"**The same number of units in one layer and in two** gives these test RMSEs at degree {degree}: {'; '.join(ends)}. "
        "Two layers have more weights."
    )


def outcomes(cells: list[Cell]) -> str:
    runs = [run for cell in cells for run in cell.runs]
    failed = [cell for cell in cells if any(run.outcome != "fits" for run in cell.runs)]
    degrees = sorted({cell.degree for cell in failed})
    where = [f"{', '.join(c.network for c in failed if c.degree == degree)} (degree {degree})" for degree in degrees]
    text = f"**{sum(run.outcome == 'fits' for run in runs)} of {len(runs)} runs fit** (R² ≥ 0.99)."
    if failed:
        text += f" At least one seed does not fit with {'; '.join(where)}."
    shallow = [cell for cell in failed if cell.depth == 1]
    if shallow:
        # R² 0.99.
        able = sum(cell.of(lambda run: run.most_rmse / run.target_std) <= 0.1 for cell in shallow)
        text += f" {len(shallow)} of these networks have one hidden layer. In {able} of them the best fit with all"
        text += " pieces has R² ≥ 0.99."
    return text


def straight_line(cells: list[Cell]) -> str:
    return (
        "**A straight line (degree 1) needs one piece.** Training leaves "
        f"{spread((cell.pieces for cell in cells), whole_number)} with small bends: the test RMSE is "
        f"{spread(cell.rmse for cell in cells)}."
    )


def paragraph(text: str, first: str = "") -> list[str]:
    return wrap(text, 120, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)


def page(cells: list[Cell]) -> str:
    bent = [cell for cell in cells if cell.degree > 1]
    seen = [used(bent), distance(bent), one_or_two_layers(bent), outcomes(cells)]
    seen.append(straight_line([cell for cell in cells if cell.degree == 1]))
    lines = [
        "<!-- Made by scripts/difficulty: change that, not this. -->",
        "",
        "# How hard is it?",
        "",
        *paragraph(
            "A ReLU network with one input consists of straight pieces. How many of its possible pieces does it use after "
            "training, and how far is it from the best fit with that many pieces? The targets are the Chebyshev polynomials "
            "T₁ to T₆ on [−1, 1], which all range from −1 to 1. The networks have one to three hidden layers of 4 to 64 "
            "units. [The experiment](../experiments/difficulty.toml) works: it has no fault to fix. This command runs it "
            "and makes this page again, in about a minute on two cores:"
        ),
        "",
        "```sh",
        "scripts/difficulty",
        "```",
        "",
        *paragraph(
            f"Figures are medians over {len(cells[0].runs)} seeds, and errors are measured on 1000 evenly spaced points. "
            "Pieces are counted exactly on [−1, 1], however small a bend is. A network with layers of n₁, n₂, … units has "
            "at most Π(nᵢ + 1) pieces. With random biases it begins with about Σnᵢ + 1 (Hanin & Rolnick 2019). Here biases "
            "begin at 0, so it begins with 2. “Best” is the lowest RMSE of any fit with that many straight pieces, even "
            "one that jumps. One hidden layer can be any continuous function with its possible pieces. The pieces of "
            "several layers depend on each other, so their best may be out of reach."
        ),
        "",
        *(line for text in seen for line in paragraph(text, "- ")),
        "",
        "![Pieces in use against possible pieces; test RMSE divided by that of the best fit, against the degree](difficulty.svg)",
        "",
        *paragraph("Degrees 2 and above. The degrees of a network are side by side, in the order of their colours."),
        "",
        "## By depth",
        "",
        *paragraph(
            "Degrees 2 and above. Under each degree is the test RMSE divided by that of the best fit with the pieces in use, "
            "as the median over the networks."
        ),
        "",
        *by_depth(cells),
        "",
        "## All networks",
        "",
        *paragraph(
            "“Times that” is the median of the ratios of the runs, because each run has its own number of pieces. One piece "
            "fits degree 1 without error."
        ),
        "",
        *whole(cells),
        "",
        "<!-- The end of what scripts/difficulty makes. -->",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    results, docs = map(Path, sys.argv[1:3])
    cells = read(results)
    print("\n".join(whole(cells)))
    (docs / "difficulty.md").write_text(page(cells), encoding="utf-8")
    difficulty_plot.draw(cells, docs / "difficulty.svg")


if __name__ == "__main__":
    main()
