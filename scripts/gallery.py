"""The gallery's table: gallery.py MISFIT FOLDER TABLE.md

For every experiments/gallery/*.toml: how the variants "asked" and "accepted" end, what `misfit diagnose --hide-fixes` finds
with the file's fixes hidden, and whether the smallest set that it calls enough contains the accepted fix, or fits as well.
"""

import csv
import re
import statistics
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

GALLERY = Path("experiments/gallery")
WANTED = 11
SAME = 1e-3


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def keys(table: dict) -> set[str]:
    """The section.key of each setting of a patch."""
    return {f"{section}.{key}" for section, inner in table.items() for key in inner}


@dataclass
class Ended:
    outcome: str  # "fits 6/6"
    fits: int
    r2: float  # median

    @staticmethod
    def of(runs: list[dict[str, str]]) -> "Ended":
        outcomes = [run["outcome"] for run in runs]
        counts = sorted({(-outcomes.count(name), name) for name in outcomes})
        text = ", ".join(f"{name} {-count}/{len(runs)}" for count, name in counts)
        return Ended(text, outcomes.count("fits"), statistics.median(float(run["r2"]) for run in runs))


@dataclass
class Case:
    name: str
    title: str
    asked: Ended
    accepted: Ended
    accepted_fixes: list[str]
    findings: list[dict[str, str]]
    enough: list[str]  # fixes of the smallest set, or none
    enough_ended: Ended | None
    contained: list[str]
    missing: list[str]
    seconds: float

    @property
    def as_good(self) -> bool:
        ours, theirs = self.enough_ended, self.accepted
        return ours is not None and ours.fits >= max(theirs.fits, 1) and ours.r2 >= theirs.r2 - SAME

    @property
    def verdict(self) -> str:
        if not self.enough:
            neither = "" if self.accepted.fits else ", and the accepted fix is not"
            return "**missed**: nothing was found to be enough" + neither
        if not self.missing:
            return "sets the same keys"
        if self.as_good:
            found = f"sets the keys of {', '.join(self.contained)}; " if self.contained else ""
            r2 = [f"{ended.r2 + 0.0:.4f}".replace("-0.0000", "0.0000") for ended in (self.enough_ended, self.accepted)]
            better = "is as good" if self.accepted.fits else "fits, which the accepted fix alone does not"
            return f"{found}{better}: R² {r2[0]}, the accepted fix's {r2[1]}"
        return f"**missed**: {', '.join(self.missing)}"

    @property
    def hit(self) -> bool:
        return not self.verdict.startswith("**")


def misfit(program: str, *words: object) -> float:
    began = time.monotonic()
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"gallery: {' '.join(map(str, words))}: {done.stderr.strip()}")
    return time.monotonic() - began


def diagnose(program: str, file: Path, folder: Path) -> Case:
    with open(file, "rb") as opened:
        experiment = tomllib.load(opened)
    name = file.stem
    run_folder, folder = folder / f"{name}-run", folder / f"{name}-diagnosis"
    misfit(program, "run", file, "--variant", "asked", "--variant", "accepted", "--out", run_folder, "--fresh")
    seconds = misfit(program, "diagnose", file, "--hide-fixes", "--out", folder, "--fresh")
    variants = {v["name"]: v for v in experiment["variant"]}
    ran = rows(run_folder / "runs.csv")
    asked, accepted = (Ended.of([r for r in ran if r["variant"] == v]) for v in ("asked", "accepted"))
    findings = rows(folder / "findings.csv")
    sets = [effect["fixes"] for effect in rows(folder / "effects.csv") if effect["kind"] in ("enough", "perhaps_enough", "best")]
    enough = sets[0].split("+") if sets and sets[0] else []
    tried = [run for run in rows(folder / "runs.csv") if enough and run["variant"] == sets[0]]
    # What each fix that misfit found sets, as findings.csv says it: "name: key = value; key = value".
    patches = dict(finding["fix"].split(": ", 1) for finding in findings if finding["fix"])
    changed = {key for fix in enough for key in re.findall(r"(\w+\.\w+) = ", patches.get(fix, ""))}
    fixes = variants["accepted"]["fixes"]
    has = {fix: keys(experiment["fix"][fix]["set"]) <= changed for fix in fixes}
    return Case(
        name,
        experiment["title"],
        asked,
        accepted,
        fixes,
        findings,
        enough,
        Ended.of(tried) if tried else None,
        [fix for fix in fixes if has[fix]],
        [fix for fix in fixes if not has[fix]],
        seconds,
    )


def table(head: list[str], lines: list[list[str]]) -> str:
    ruled = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in ruled)


def other_tools() -> str:
    """What is known of other tools, kept by hand beside the cases."""
    text = (GALLERY / "README.md").read_text(encoding="utf-8")
    return text[text.index("## What other tools reported") :]


def document(cases: list[Case]) -> str:
    def found(case: Case) -> str:
        named = [f["finding"] for f in case.findings if f["severity"] not in ("note", "refuted")]
        refuted = [f["finding"] for f in case.findings if f["severity"] == "refuted"]
        text = ", ".join(dict.fromkeys(named)) or "–"
        return text + (f"; refuted: {', '.join(dict.fromkeys(refuted))}" if refuted else "")

    lines = [
        [
            f"[{case.name}](../experiments/gallery/{case.name}.toml)",
            case.asked.outcome,
            f"{' + '.join(case.accepted_fixes)}: {case.accepted.outcome}",
            found(case),
            f"{' + '.join(case.enough)}: {case.enough_ended.outcome}" if case.enough_ended else "–",
            case.verdict,
        ]
        for case in cases
    ]
    hits = [case for case in cases if case.hit]
    refuted = sum(f["severity"] == "refuted" for case in cases for f in case.findings)
    fixed = sum(bool(f["fix"]) for case in cases for f in case.findings)
    said = [f["evidence"] for case in cases for f in case.findings]
    findings = len(said)
    nowhere = sum("gained nothing where" in text for text in said)
    untried = sum("no fix of it was tried" in text for text in said)
    misses = [f"- {case.name}: {case.verdict.replace('**', '')}" for case in cases if not case.hit]
    head = ["case", "as asked", "accepted fix", "findings", "smallest set that misfit finds enough, or the best", "beside the accepted fix, it"]
    return "\n\n".join(
        [
            "# The gallery, diagnosed",
            "This page is made by `scripts/gallery`. It has twelve training set-ups that failed, as their authors published them "
            "([experiments/gallery](../experiments/gallery/README.md)). Each was diagnosed by `misfit diagnose --hide-fixes`, which "
            "hides the file's fixes. The table shows the findings whose fix matters according to the measurement, and those that were "
            "refuted.",
            table(head, lines),
            f"In {len(hits)} of {len(cases)}, the smallest set contains the accepted fix (it sets all of its keys) or is "
            "as good (it fits on as many seeds, with a median R² at most 0.001 lower). "
            f"{fixed} of {findings} findings suggest a fix that was measured over all seeds; refuted among these: {refuted}. Among "
            f"the others, {nowhere} had a fix that gained nothing in a trial, and {untried} had a fix that was not tried. "
            "The rest are symptoms without a fix of their own. The longest "
            f"diagnosis took {max(case.seconds for case in cases):.0f} s, all of them {sum(case.seconds for case in cases):.0f} s.",
            "Misses:\n\n" + "\n".join(misses) if misses else "No misses.",
            other_tools().strip(),
        ]
    ) + "\n"


def main() -> None:
    program, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    cases = []
    for file in sorted(GALLERY.glob("*.toml")):
        cases.append(diagnose(program, file, folder))
        print(f"{cases[-1].name}: {cases[-1].seconds:.1f} s, {cases[-1].verdict}", file=sys.stderr, flush=True)
    out.write_text(document(cases), encoding="utf-8")
    hits = sum(case.hit for case in cases)
    print(f"{hits} of {len(cases)}: {out}")
    sys.exit(hits < WANTED)


main()
