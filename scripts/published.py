"""The table of published programs: published.py MISFIT FOLDER TABLE.md

Runs every program that experiments/published/index-*.csv states, each into its folder in FOLDER, and writes how it ends as
asked and with the accepted fix. What is complete in FOLDER is not run again; the same command resumes.
"""

import csv
import os
import statistics
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

CASES = Path("experiments/published")
DIGITS = 4


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@dataclass
class Ended:
    runs: list[dict[str, str]]  # of one variant, a run each seed

    @property
    def fits(self) -> int:
        return sum(run["outcome"] == "fits" for run in self.runs)

    @property
    def most_fit(self) -> bool:
        return 2 * self.fits > len(self.runs)

    @property
    def fails(self) -> bool:
        return 2 * self.fits < len(self.runs)

    def __str__(self) -> str:
        outcomes = [run["outcome"] for run in self.runs]
        counts = sorted({(-outcomes.count(name), name) for name in outcomes})
        return ", ".join(f"{name} {-count}/{len(outcomes)}" for count, name in counts)

    def median(self, figure: str) -> float | None:
        values = [float(run[figure]) for run in self.runs if figure in run]
        return statistics.median(values) if values else None


@dataclass
class Case:
    row: dict[str, str]  # of the index
    file: Path
    variants: dict[str, Ended]
    published: list[dict]

    @property
    def asked(self) -> Ended:
        return self.variants["asked"]

    @property
    def accepted(self) -> Ended:
        return self.variants["accepted"]

    @property
    def also(self) -> list[str]:
        """The variants that go beyond the accepted fix, and how they end."""
        return [f"{name} ({ended})" for name, ended in self.variants.items() if name.startswith("accepted-")]

    def figures(self) -> str:
        def ours(entry: dict) -> str:
            ended = self.variants.get(entry["variant"])
            value = ended.median(entry["figure"]) if ended else None
            return "–" if value is None else number(value)

        return "; ".join(f"{e['variant']} {e['figure']}: {number(e['value'])}, ours {ours(e)}" for e in self.published)


def number(value: float) -> str:
    return f"{value:.{DIGITS}g}"


def index() -> list[dict[str, str]]:
    found = [row for file in sorted(CASES.glob("index-*.csv")) for row in rows(file)]
    twice = sorted({row["id"] for row in found if sum(other["id"] == row["id"] for other in found) > 1})
    if twice:
        sys.exit(f"published: in the index twice: {', '.join(twice)}")
    return found


def run(program: str, row: dict[str, str], folder: Path) -> Case:
    file = Path(os.path.normpath(CASES / row["file"]))
    out = folder / row["id"]
    done = subprocess.run([program, "run", str(file), "--out", str(out)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"published: {file}: {done.stderr.strip()}")
    with open(file, "rb") as opened:
        experiment = tomllib.load(opened)
    ran = rows(out / "runs.csv")
    names = [variant["name"] for variant in experiment["variant"]]
    variants = {name: Ended([one for one in ran if one["variant"] == name]) for name in names}
    return Case(row, file, variants, experiment.get("published", []))


def table(head: list[str], lines: list[list[str]]) -> str:
    ruled = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in ruled)


def listed(title: str, lines: list[str]) -> str:
    return f"## {title}\n\n" + ("\n".join(f"- {line}" for line in lines) if lines else "None.")


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})" if whole else "none"


def document(found: list[dict[str, str]], cases: list[Case], out: Path) -> str:
    def link(case: Case) -> str:
        return f"[{case.file.stem}]({os.path.relpath(case.file, out.parent)})"

    def why(case: Case) -> str:
        text = case.row["why"] or "not known"
        return text[0].upper() + text[1:]

    def beyond(case: Case) -> str:
        also = f" Beyond it: {', '.join(case.also)}." if case.also else ""
        return f"{link(case)}: {case.accepted}. {why(case)}.{also}"

    stated = [row for row in found if row["stated"] != "no"]
    exact = sum(row["stated"] == "exact" for row in stated)
    dense = [row for row in found if not row.get("needs")]
    dense_stated = sum(row["stated"] != "no" for row in dense)
    as_reported = [case for case in cases if case.asked.fails]
    mended = [case for case in as_reported if case.accepted.most_fit]
    head = ["case", "fault", "as asked", "as reported", "accepted fix", "with it", "mends", "published", "substituted"]
    lines = [
        [
            link(case),
            case.row["fault"],
            str(case.asked),
            "yes" if case.asked.fails else "**no**",
            case.row["accepted"],
            str(case.accepted),
            "yes" if case.accepted.most_fit else "**no**",
            case.figures() or "–",
            case.row["substitution"] or "–",
        ]
        for case in cases
    ]
    return "\n\n".join(
        [
            "# Published programs",
            f"Made by `scripts/published`: {len(found)} programs that were published as failing, most of them in benchmarks of "
            "fault localisation ([experiments/published](../experiments/published/README.md)), run as they were asked and with "
            "the fix that was accepted.",
            "\n".join(
                [
                    f"- {len(stated)} of {len(found)} are stated: {exact} exactly, {len(stated) - exact} with a substitution. "
                    f"{len(found) - len(stated)} are not.",
                    f"- Of those that need no convolution, recurrence or embedding {share(dense_stated, len(dense))} are stated.",
                    f"- {share(len(as_reported), len(cases))} fail as reported: fewer than half of the seeds fit.",
                    f"- Of these the accepted fix mends {share(len(mended), len(as_reported))}: most seeds fit.",
                ]
            ),
            "Each outcome is counted over the seeds; [outcomes](experiments.md#outcomes) says what they mean. Published figures "
            "stand beside our median over the seeds.",
            table(head, lines),
            listed("Not as reported", [f"{link(c)}: {c.asked}. {why(c)}." for c in cases if not c.asked.fails]),
            listed("Not mended by the accepted fix", [beyond(c) for c in cases if not c.accepted.most_fit]),
            listed("Not stated", [f"{row['id']}: {row['why'] or 'not known'}" for row in found if row["stated"] == "no"]),
        ]
    ) + "\n"


def main() -> None:
    program, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    found, cases = index(), []
    for row in found:
        if row["stated"] != "no":
            began = time.monotonic()
            cases.append(run(program, row, folder))
            case = cases[-1]
            print(f"{row['id']}: {time.monotonic() - began:.1f} s, {case.asked}; {case.accepted}", file=sys.stderr, flush=True)
    out.write_text(document(found, cases, out), encoding="utf-8")
    print(f"{len(cases)} of {len(found)}: {out}")


main()
