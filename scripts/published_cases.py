"""What became of one published program: its runs, its diagnosis, and whether the diagnosis names the accepted cause."""

import csv
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CASES = Path("experiments/published")
SAME_R2 = 1e-3
SAME_GAIN = 0.02  # tenfolds of error, as docs/diagnosis.md has it
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}  # 95 %, by number of seeds

# Keys of one family mend the same fault. A key that is not here is a family of its own.
FAMILIES = {
    "last layer, loss and labels": (
        "model.output", "model.outputs", "loss.kind", "loss.from", "loss.pairing", "loss.huber_delta", "data.labels",
    ),
    "optimizer": ("optimizer.", "loss.reduction"),
    "scaling": ("data.scale_",),
    "rows and batches": ("batch.", "data.holdout", "data.target"),
    "length of training": ("train.epochs", "train.steps"),
    "regularisation": ("loss.l1", "loss.l2", "optimizer.weight_decay", "model.dropout"),
    "number of units": ("model.hidden",),
    "activations": ("model.activation",),
    "normalisation": ("model.norm",),
    "initial values": ("model.init", "model.bias"),
}  # fmt: skip

# Findings of the search: what did better when it was tried.
SEARCHED = {
    "rate-too-high", "rate-too-low", "too-few-steps", "too-many-steps", "plain-descent", "bounded-units", "few-units", "noisy-batches",
}  # fmt: skip

HELPFUL = ("needed", "one way", "helps")
USELESS = ("no difference", "hurts")


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def family(key: str) -> str:
    """The family with the longest entry that the key begins with; of optimizer.weight_decay that is regularisation."""
    matches = [(len(prefix), name) for name, keys in FAMILIES.items() for prefix in keys if key.startswith(prefix)]
    return max(matches)[1] if matches else key


def misfit(program: str, *words: object) -> str:
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"published: {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


@dataclass
class Ended:
    runs: list[dict[str, str]]  # of one variant, a run each seed

    @property
    def fits(self) -> int:
        return sum(run["outcome"] == "fits" for run in self.runs)

    @property
    def share(self) -> float:
        return self.fits / len(self.runs)

    @property
    def most_fit(self) -> bool:
        return 2 * self.fits > len(self.runs)

    @property
    def fails(self) -> bool:
        return 2 * self.fits < len(self.runs)

    @property
    def r2(self) -> float:
        """The median over the seeds; −∞ of a run that is not finite."""
        values = [float(run["r2"]) for run in self.runs]
        return statistics.median(-math.inf if math.isnan(value) else value for value in values)

    def __str__(self) -> str:
        outcomes = [run["outcome"] for run in self.runs]
        counts = sorted({(-outcomes.count(name), name) for name in outcomes})
        return ", ".join(f"{name} {-count}/{len(outcomes)}" for count, name in counts)

    def median(self, figure: str) -> float | None:
        values = [float(run[figure]) for run in self.runs if figure in run]
        return statistics.median(values) if values else None

    def closeness(self) -> dict[str, float]:
        """Tenfolds of error below a constant's, per seed: 0 of what is no better or not finite, 6 at most."""

        def close(run: dict[str, str]) -> float:
            r2 = float(run["r2"])
            return -0.5 * math.log10(max(1 - r2, 1e-12)) if r2 > 0 else 0.0

        return {run["seed"]: close(run) for run in self.runs}

    @property
    def worthless(self) -> bool:
        """Whether most runs are no better than a constant, or diverge."""
        return 2 * sum(run["outcome"] in ("constant", "diverged") for run in self.runs) > len(self.runs)

    def gain_over(self, other: "Ended") -> tuple[float, float]:
        """Student's 95 % interval of the mean gain over the seeds that both have."""
        ours, theirs = self.closeness(), other.closeness()
        gains = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
        if len(gains) < 2:
            return -math.inf, math.inf
        half = STUDENT[min(len(gains), 10)] * statistics.stdev(gains) / math.sqrt(len(gains))
        return statistics.mean(gains) - half, statistics.mean(gains) + half

    def gains_over(self, other: "Ended") -> bool:
        """Whether the gain is clearly over 5 % of the error. What is no better than a constant gains nothing."""
        return not self.worthless and self.gain_over(other)[0] > SAME_GAIN

    def same_as(self, other: "Ended") -> bool:
        low, high = self.gain_over(other)
        return (self.worthless and other.worthless) or (-SAME_GAIN <= low and high <= SAME_GAIN)


def changes(before: dict, after: dict) -> dict[str, tuple]:
    """The settings that differ between two resolved configurations, by section.key: (before, after)."""

    def flat(config: dict) -> dict[str, object]:
        return {f"{section}.{key}": plain(value) for section, inner in config.items() for key, value in inner.items()}

    def plain(value: object) -> object:
        """One value for a list that has the same value for every layer."""
        return value[0] if isinstance(value, list) and value and all(one == value[0] for one in value) else value

    def widths(config: dict[str, object], source: dict) -> dict[str, object]:
        return {**config, "model.hidden": source["model"]["hidden"]}

    old, new = widths(flat(before), before), widths(flat(after), after)
    keys = sorted(old.keys() | new.keys())
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def direction(key: str, change: tuple) -> int | None:
    """1 for more, −1 for less, `None` for what is no number."""

    def size(value: object) -> float | None:
        if isinstance(value, list) and value and all(isinstance(one, (int, float)) for one in value):
            return sum(value) if key == "model.hidden" else sum(value) / len(value)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    old, new = map(size, change)
    return None if old is None or new is None or old == new else (1 if new > old else -1)


@dataclass
class Fix:
    """What an accepted fix changes, beside what a diagnosis changes."""

    name: str
    changed: dict[str, tuple]

    def agrees(self, key: str, ours: dict[str, tuple]) -> bool:
        """Whether the diagnosis changes the key too, and a number in the same direction. Rates of two optimizers are not compared."""
        if key not in ours:
            return False
        if key.startswith("optimizer.") and ("optimizer.kind" in self.changed or "optimizer.kind" in ours):
            return True
        theirs, mine = direction(key, self.changed[key]), direction(key, ours[key])
        return theirs is None or mine is None or theirs == mine

    def same_keys(self, ours: dict[str, tuple]) -> bool:
        return all(self.agrees(key, ours) for key in self.changed)

    @property
    def families(self) -> set[str]:
        return {family(key) for key in self.changed}

    def family_named(self, name: str, ours: dict[str, tuple]) -> bool:
        return any(family(key) == name and (key not in self.changed or self.agrees(key, ours)) for key in ours)


@dataclass
class Diagnosis:
    asked: Ended
    findings: list[dict[str, str]]
    kind: str  # "enough", "perhaps enough", "best", or "" where nothing was chosen
    chosen: list[str]  # the fixes of the chosen set
    ended: Ended | None
    sets: list[dict[str, tuple]]  # what each set that is called so changes, the chosen first
    seconds: float

    @property
    def ours(self) -> dict[str, tuple]:
        return self.sets[0] if self.sets else {}

    def of(self, *verdicts: str) -> list[dict[str, str]]:
        return [finding for finding in self.findings if finding["verdict"] in verdicts]

    @property
    def named(self) -> list[str]:
        return list(dict.fromkeys(f["finding"] for f in self.findings if f["severity"] not in ("note", "refuted", "open")))

    @property
    def false_alarms(self) -> list[str]:
        return list(dict.fromkeys(finding["finding"] for finding in self.of(*USELESS)))


def diagnose(program: str | None, file: Path, folder: Path) -> Diagnosis | None:
    """Of a program that is None the folder is read as it is; `None` where it is not complete."""
    manifest, watch = folder / "manifest.json", folder.with_suffix(".seconds")

    def complete() -> bool:
        return manifest.exists() and json.loads(manifest.read_text(encoding="utf-8")).get("status") == "complete"

    if program:
        before = 0.0 if complete() or not watch.exists() else float(watch.read_text())
        began = time.monotonic()
        said = misfit(program, "diagnose", file, "--hide-fixes", "--out", folder)
        if not watch.exists() or "\n0 runs in " not in said:
            watch.write_text(f"{before + time.monotonic() - began:.2f}\n")
    elif not complete():
        return None
    configs = {v["name"]: v["config"] for v in json.loads(manifest.read_text(encoding="utf-8"))["variants"]}
    ran = rows(folder / "runs.csv")
    baseline = next(iter(configs))

    def of(name: str) -> Ended:
        return Ended([run for run in ran if run["variant"] == name])

    effects = rows(folder / "effects.csv")
    found = [(effect["kind"], effect["fixes"]) for effect in effects if effect["kind"] in ("enough", "perhaps_enough", "best")]
    found = [(kind.replace("_", " "), name) for kind, name in found if name and name in configs]
    return Diagnosis(
        of(baseline),
        rows(folder / "findings.csv"),
        found[0][0] if found else "",
        found[0][1].split("+") if found else [],
        of(found[0][1]) if found else None,
        [changes(configs[baseline], configs[name]) for kind, name in found if kind == found[0][0]],
        float(watch.read_text()) if watch.exists() else math.nan,
    )


@dataclass
class Case:
    row: dict[str, str]  # of the index
    task: str  # "regression", "binary", "classes"
    file: Path
    variants: dict[str, Ended]
    fixes: dict[str, Fix]  # of the accepted variant
    causes: list[list[str]]  # alternatives: sets of accepted fixes that the experiment shows to be what mends
    published: list[dict]
    diagnosis: Diagnosis | None

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

    @property
    def helps(self) -> bool:
        return bool(self.fixes) and (self.accepted.most_fit or self.accepted.gains_over(self.asked))

    @property
    def idle_parts(self) -> list[str]:
        """The parts of the accepted fix that no cause has, where another part is one."""
        return [name for name in self.fixes if self.causes and not any(name in names for names in self.causes)]

    def families_named(self) -> list[list[bool]]:
        """For each alternative, whether the answer changes something of each family that it is of."""

        def of(names: list[str]) -> list[bool]:
            fixes = [self.fixes[name] for name in names]
            families = sorted(set().union(*(fix.families for fix in fixes)))
            return [any(fix.family_named(one, self.diagnosis.ours) for fix in fixes if one in fix.families) for one in families]

        return [of(names) for names in self.causes]

    @property
    def one_family(self) -> bool:
        return any(any(named) for named in self.families_named())

    @property
    def all_families(self) -> bool:
        return any(all(named) for named in self.families_named())

    @property
    def same_keys(self) -> bool:
        return any(all(self.fixes[name].same_keys(self.diagnosis.ours) for name in names) for names in self.causes)

    @property
    def another_way(self) -> bool:
        """Whether another of the smallest sets sets the same keys."""
        return any(all(self.fixes[name].same_keys(ours) for name in names) for names in self.causes for ours in self.diagnosis.sets[1:])

    @property
    def as_good(self) -> bool:
        """Whether the chosen set fits on as large a share of the seeds as the accepted fix, one at least, and as well."""
        ours = self.diagnosis.ended
        return ours is not None and ours.fits > 0 and ours.share >= self.accepted.share and ours.r2 >= self.accepted.r2 - SAME_R2

    @property
    def solved(self) -> bool:
        return self.all_families or self.as_good

    def figures(self) -> str:
        def ours(entry: dict) -> str:
            ended = self.variants.get(entry["variant"])
            value = ended.median(entry["figure"]) if ended else None
            return "–" if value is None else number(value)

        return "; ".join(f"{e['variant']} {e['figure']}: {number(e['value'])}, ours {ours(e)}" for e in self.published)


def number(value: float) -> str:
    return f"{value:.4g}"


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def causes(variants: dict[str, Ended], fixes: dict[str, list[str]], accepted: list[str], ended: Callable[[list[str]], Ended]) -> list[list[str]]:
    """The smallest sets of accepted fixes without which a variant, its other fixes made, does not do what it does with them.

    What it does: it mends the program, or, if no variant does, it is clearly better. `ended` says how a set of fixes ends.
    """
    asked = variants["asked"]
    tried = {name: end for name, end in variants.items() if name.startswith("accepted") and set(accepted) & set(fixes[name])}
    mending = [name for name, end in tried.items() if end.most_fit]
    found: list[list[str]] = []
    for name in mending or [name for name, end in tried.items() if end.gains_over(asked)]:
        parts = [fix for fix in fixes[name] if fix in accepted]

        def does(with_parts: tuple[str, ...], name: str = name) -> bool:
            end = ended([fix for fix in fixes[name] if fix in with_parts or fix not in accepted])
            return end.most_fit if mending else end.gains_over(asked) and not variants[name].gains_over(end)

        for size in range(len(parts) + 1):
            for some in itertools.combinations(parts, size):
                if not any(set(other) <= set(some) for other in found) and does(some):
                    if not some:
                        break
                    found.append(list(some))
            else:
                continue
            break
    return [one for one in found if not any(set(other) < set(one) for other in found)]


def read(program: str | None, row: dict[str, str], folder: Path) -> Case | None:
    """Runs and diagnoses a program of the index. Where `program` is None the folder is read as it is; `None` where a run is missing."""
    file = Path(os.path.normpath(CASES / row["file"]))
    out = folder / row["id"]
    if program:
        misfit(program, "run", file, "--out", out)
    elif not (out / "runs.csv").exists():
        return None
    with open(file, "rb") as opened:
        experiment = tomllib.load(opened)
    ran = rows(out / "runs.csv")
    named = {variant["name"]: variant.get("fixes", []) for variant in experiment["variant"]}
    variants = {name: Ended([run for run in ran if run["variant"] == name]) for name in named}
    configs = {v["name"]: v["config"] for v in json.loads((out / "manifest.json").read_text(encoding="utf-8"))["variants"]}
    differ = changes(configs["asked"], configs["accepted"])
    accepted = {}
    for name in named["accepted"]:
        keys = {f"{section}.{key}" for section, inner in experiment["fix"][name]["set"].items() for key in inner}
        changed = {key: change for key, change in differ.items() if key in keys}
        if changed:
            accepted[name] = Fix(name, changed)

    def ended(fixes: list[str]) -> Ended:
        """How a set of the file's fixes ends: as a variant that has it, or run by itself."""
        for name, theirs in named.items():
            if set(theirs) == set(fixes) and name in variants:
                return variants[name]
        some = folder / "parts" / row["id"] / "+".join(fixes)
        if program:
            sets = {f"{s}.{k}": v for fix in fixes for s, inner in experiment["fix"][fix]["set"].items() for k, v in inner.items()}
            settings = [f"{key}={toml(value)}" for key, value in sets.items()]
            misfit(program, "run", file, *settings, "--variant", "asked", "--out", some)
        return Ended(rows(some / "runs.csv"))

    try:
        shown = causes(variants, named, list(accepted), ended) if variants["asked"].fails else []
    except FileNotFoundError:
        return None
    found = diagnose(program, file, folder / "diagnosis" / row["id"])
    return Case(row, row["task"], file, variants, accepted, shown, experiment.get("published", []), found)
