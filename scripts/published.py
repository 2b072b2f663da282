"""The table of published programs: published.py MISFIT FOLDER TABLE.md [--as-it-is]

Runs every program that experiments/published/index-*.csv states, each into its folder in FOLDER, and diagnoses it with the
accepted fix hidden, into FOLDER/diagnosis. Writes how it ends as asked and with the accepted fix, and what the diagnosis
finds of it. What is complete in FOLDER is not run again; the same command resumes. With --as-it-is nothing is run, and what
is not in FOLDER is left out.
"""

import math
import os
import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from published_cases import CASES, FAMILIES, HELPFUL, SEARCHED, USELESS, Case, read, rows

TASKS = ("regression", "binary", "classes")
TOOLS = ("UMLAUT", "AUTOTRAINER", "DeepLocalize", "DeepDiagnosis", "NeuraLint", "DeepFD", "DEFault", "deepmufl")
VERDICTS = ("cause", "detects", "misses")  # the best first
LIKELY = 1.96  # standard deviations: 95 %


def index() -> list[dict[str, str]]:
    files = sorted(CASES.glob("index-*.csv"))
    found = [{**row, "task": file.stem.removeprefix("index-")} for file in files for row in rows(file)]
    twice = sorted({row["id"] for row in found if sum(other["id"] == row["id"] for other in found) > 1})
    if twice:
        sys.exit(f"published: in the index twice: {', '.join(twice)}")
    return found


def other_tools() -> dict[str, dict[str, str]]:
    """By program and tool the best verdict of all sources."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows(CASES / "other-tools.csv"):
        known = found[row["id"]].get(row["tool"], VERDICTS[-1])
        found[row["id"]][row["tool"]] = min(known, row["verdict"], key=VERDICTS.index)
    return found


def table(head: list[str], lines: list[list[str]]) -> str:
    ruled = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in ruled)


def listed(title: str, lines: list[str]) -> str:
    return f"## {title}\n\n" + ("\n".join(f"- {line}" for line in lines) if lines else "None.")


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})" if whole else "none"


def interval(part: int, whole: int) -> str:
    """With Wilson's 95 % interval of the share."""
    if not whole:
        return "–"
    p, z2 = part / whole, LIKELY**2
    middle, half = (p + z2 / (2 * whole)), LIKELY * math.sqrt(p * (1 - p) / whole + z2 / (4 * whole**2))
    low, high = (middle - half) / (1 + z2 / whole), (middle + half) / (1 + z2 / whole)
    return f"{part} of {whole} ({p:.0%}; {abs(low):.0%} to {high:.0%})"


def link(case: Case, out: Path) -> str:
    return f"[{case.file.stem}]({os.path.relpath(case.file, out.parent)})"


def named(case: Case) -> str:
    """Whether the accepted cause is among what was found, in words."""
    if not case.fixes:
        return "no accepted fix"
    if not case.asked.fails:
        return "does not fail"
    if not case.causes:
        return "not shown to be one"
    if case.same_keys:
        return "yes, same keys"
    if case.all_families:
        return "yes, same family"
    return "in part" if case.one_family else "**no**"


def found(case: Case) -> str:
    """What the diagnosis calls enough, or the best, and how it ends."""
    it = case.diagnosis
    if it.ended is None:
        return "it fits" if it.asked.most_fit else "nothing"
    return f"{it.kind}: {' + '.join(it.chosen)} ({it.ended})"


def beside(case: Case, tools: dict[str, dict[str, str]]) -> str:
    by = {verdict: [tool for tool in TOOLS if tools[case.row["id"]].get(tool) == verdict] for verdict in VERDICTS}
    return "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in by.items() if names) or "–"


def by_task(cases: list[Case], *what: tuple[str, str]) -> str:
    """A line for each (name, property of a case): how many of the cases have it, by task and in all."""

    def line(text: str, name: str) -> list[str]:
        groups = [*([case for case in cases if case.task == task] for task in TASKS), cases]
        return [text, *(interval(sum(getattr(case, name) for case in group), len(group)) for group in groups)]

    return table(["", *TASKS, "all"], [line(text, name) for text, name in what])


def by_rule(cases: list[Case]) -> tuple[str, Counter, Counter]:
    """The findings with a fix that was measured, by rule; the counts of the rules' own and of the search's."""
    kinds = {"confirmed": HELPFUL, "no difference": ("no difference",), "hurts": ("hurts",), "cannot be told": ("cannot be told",)}
    counts: dict[str, Counter] = defaultdict(Counter)
    of_rules, of_search = Counter(), Counter()
    for case in cases:
        for finding in case.diagnosis.findings:
            rule = finding["finding"]
            kind = next((kind for kind, verdicts in kinds.items() if finding["verdict"] in verdicts), None)
            if kind:
                (of_search if rule in SEARCHED else of_rules)[kind] += 1
            elif "gained nothing where" in finding["evidence"]:
                kind = "gained nothing in a trial"
            elif "no fix of it was tried" in finding["evidence"]:
                kind = "not tried"
            if kind:
                counts[rule][kind] += 1
    heads = [*kinds, "gained nothing in a trial", "not tried"]
    order = sorted(counts, key=lambda rule: (rule in SEARCHED, -counts[rule]["confirmed"], rule))
    lines = [[rule, *(str(counts[rule][kind] or "–") for kind in heads)] for rule in order]
    return table(["finding", *heads], lines), of_rules, of_search


def comparison(cases: list[Case], tools: dict[str, dict[str, str]]) -> str:
    lines = []
    for tool in TOOLS:
        known = [case for case in cases if tool in tools[case.row["id"]]]
        said = Counter(tools[case.row["id"]][tool] for case in known)
        ours = [sum(getattr(case, name) for case in known) for name in ("one_family", "all_families", "same_keys")]
        lines.append([tool, str(len(known)), interval(said["cause"], len(known)), str(said["detects"]), str(said["misses"]), *map(str, ours)])
    head = ["tool", "programs", "names the cause", "detects", "misses", "misfit: one family", "every family", "same keys"]
    return table(head, lines)


def diagnoses(cases: list[Case], out: Path) -> str:
    tools = other_tools()
    shown = [case for case in cases if case.causes]
    idle = [case for case in cases if case.fixes and case.asked.fails and not case.helps]
    sound = [case for case in cases if not case.asked.fails]
    quiet = [case for case in sound if not case.diagnosis.of(*HELPFUL)]
    seconds = [case.diagnosis.seconds for case in cases if not math.isnan(case.diagnosis.seconds)]
    rules, of_rules, of_search = by_rule(cases)
    both = of_rules + of_search

    def precision(counts: Counter) -> str:
        return interval(counts["confirmed"], sum(counts.values()))

    def accepted(case: Case) -> str:
        return f"{case.row['accepted'] or '–'}: {case.accepted}"

    def missed(case: Case) -> str:
        causes = " or ".join(" + ".join(names) for names in case.causes)
        alone = "" if case.accepted.most_fit else f"; accepted: {case.accepted}"
        as_good = "; as good without it" if case.as_good else ""
        findings = ", ".join(case.diagnosis.named) or "none that is confirmed"
        return f"{link(case, out)} ({case.task}): the cause is {causes}{alone}. Found {found(case)}{as_good}. Findings: {findings}."

    def idly(case: Case) -> str:
        ours = case.diagnosis.ended
        than = f"misfit finds {found(case)}" if ours else "misfit finds nothing either"
        beyond = f" Beyond it: {', '.join(case.also)}." if case.also else ""
        word = "no difference" if case.accepted.same_as(case.asked) else "cannot be told"
        return f"{link(case, out)}: **{word}**: {case.row['accepted']} ends {case.accepted}, as asked {case.asked}; {than}.{beyond}"

    def partly(case: Case) -> str:
        return f"{link(case, out)}: {' or '.join(' + '.join(names) for names in case.causes)} of {case.row['accepted']}"

    lines = [
        [
            link(case, out),
            accepted(case),
            found(case),
            named(case) + (", as good" if case.causes and case.as_good else ""),
            ", ".join(case.diagnosis.false_alarms) or "–",
            "–" if math.isnan(case.diagnosis.seconds) else f"{case.diagnosis.seconds:.1f}",
            beside(case, tools),
        ]
        for case in cases
    ]
    families = "; ".join(f"{name}: {', '.join(f'`{key}`' for key in keys)}" for name, keys in FAMILIES.items())
    head = ["case", "accepted fix, and with it", "misfit found", "accepted cause among it", "false alarms", "seconds", "other tools"]
    return "\n\n".join(
        [
            "## Diagnosed with the fix hidden",
            "Each program was diagnosed by `misfit diagnose --hide-fixes`, which sees neither the accepted fix nor any other of the "
            "file's. Its answer is the set of fixes that it calls enough or perhaps enough; if there is none, the best set that it found.",
            "The experiment shows that an accepted fix addresses a **cause** if the program fails as asked (fewer than half of the seeds "
            "fit), a variant with this fix mends it (more than half fit), and the same variant without this fix does not. If no variant "
            "mends it, being clearly better is enough: the 95 % interval of the gain lies above 5 % of the error, and most seeds do "
            "better than a constant. If a fix has several parts, every combination of them was tried, and only the parts that are needed "
            f"count. This holds for {share(len(shown), len(cases))}. On these, misfit names",
            by_task(
                shown,
                ("a family of the cause", "one_family"),
                ("**every family of the cause**", "all_families"),
                ("the same keys", "same_keys"),
                ("what is as good", "as_good"),
                ("every family, or what is as good", "solved"),
            ),
            "- *A family of the cause*: the answer changes a setting of the same family as a part of the cause. The benchmarks of "
            "DeepFD and DEFault count in the same way: a tool is right if one of the kinds of faults that it names is among those of the "
            "program.\n"
            "- *Every family of the cause*: it changes a setting of each family.\n"
            "- *The same keys*: it changes each setting that the accepted fix changes. A number must change in the same direction, "
            "here and above.\n"
            "- *What is as good*: whatever it changes, it fits on as large a share of the seeds as the accepted fix, with a median R² "
            "(for classes the Brier skill) at most 0.001 lower.",
            f"Families, with the prefixes of their settings: {families}. The longest prefix counts; any other setting is a family of its own.",
            f"Among the findings whose fix was measured over all seeds, {precision(both)} are confirmed: the fix is needed, one way or helps. "
            f"For findings of rules this is {precision(of_rules)}, for findings of the search {precision(of_search)}. "
            f"{sum(both[word] for word in USELESS)} are false alarms (no difference, or hurts), and {both['cannot be told']} cannot be told.",
            f"{len(sound)} programs do not fail as asked. In {len(quiet)} of them misfit confirms no finding. "
            + (
                f"A diagnosis took {statistics.median(seconds):.1f} s (median), the longest {max(seconds):.0f} s, "
                f"all of them {sum(seconds) / 60:.0f} minutes."
                if seconds
                else ""
            ),
            "### Other tools on the same programs",
            "These are public verdicts ([other-tools.csv](../experiments/published/other-tools.csv)) on the programs above whose "
            "cause the experiment shows. If sources differ, the best verdict is taken. The right part is misfit on the same programs. The "
            "tools saw the original programs and were judged by the benchmarks' causes. misfit sees the experiments of this page and is "
            "judged as above. So the columns stand side by side, but are not one measurement.",
            comparison(shown, tools),
            "### Findings by rule",
            "The first four columns count the findings whose fix was measured over all seeds. The fixes of the others gained nothing in a "
            "trial of the search, or were not tried because others were enough. The last rows are findings of the search.",
            rules,
            "### Each diagnosis",
            table(head, lines),
            listed("Missed", [missed(case) for case in shown if not case.all_families]),
            "## The accepted fix makes no clear difference",
            "The fix does not mend the program, and the program is not clearly better with it. *No difference*: with and without it most "
            "seeds are no better than a constant, or the 95 % interval of the gain lies within 5 % of the error. *Cannot be told*: neither.",
            "\n".join(f"- {idly(case)}" for case in idle),
            listed("Parts of accepted fixes that are not needed", [partly(case) for case in shown if case.idle_parts]),
        ]
    )


def document(listing: list[dict[str, str]], cases: list[Case], out: Path) -> str:
    def why(case: Case) -> str:
        text = case.row["why"] or "not known"
        return text[0].upper() + text[1:]

    def beyond(case: Case) -> str:
        also = f" Beyond it: {', '.join(case.also)}." if case.also else ""
        return f"{link(case, out)}: {case.accepted}. {why(case)}.{also}"

    stated = [row for row in listing if row["stated"] != "no"]
    exact = sum(row["stated"] == "exact" for row in stated)
    dense = [row for row in listing if not row.get("needs")]
    dense_stated = sum(row["stated"] != "no" for row in dense)
    as_reported = [case for case in cases if case.asked.fails]
    mended = [case for case in as_reported if case.accepted.most_fit]
    diagnosed = [case for case in cases if case.diagnosis]
    shown = [case for case in diagnosed if case.causes]
    idle = [case for case in diagnosed if case.fixes and case.asked.fails and not case.helps]
    measured = Counter(finding["verdict"] for case in diagnosed for finding in case.diagnosis.findings)
    helpful = sum(measured[verdict] for verdict in HELPFUL)
    total = helpful + sum(measured[verdict] for verdict in (*USELESS, "cannot be told"))
    head = ["case", "fault", "as asked", "as reported", "accepted fix", "with it", "mends", "published", "substituted"]
    lines = [
        [
            link(case, out),
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
            f"This page is made by `scripts/published`. It has {len(listing)} programs that were published as failing, most of them in "
            "benchmarks of fault localisation ([experiments/published](../experiments/published/README.md)). Each is run as it was asked "
            "and with the accepted fix, and is diagnosed with that fix hidden.",
            "\n".join(
                [
                    f"- {len(stated)} of {len(listing)} are stated as experiments: {exact} exactly, {len(stated) - exact} with a substitution. "
                    f"{len(listing) - len(stated)} are not.",
                    f"- Among those that need no convolution, recurrence or embedding, {share(dense_stated, len(dense))} are stated.",
                    f"- {share(len(as_reported), len(cases))} fail as reported: fewer than half of the seeds fit.",
                    f"- The accepted fix mends {share(len(mended), len(as_reported))} of these: most seeds fit.",
                    f"- In {len(shown)} the experiment confirms the accepted cause. Here `misfit diagnose` names every family of "
                    f"the cause in {interval(sum(case.all_families for case in shown), len(shown))}, and the same keys in "
                    f"{interval(sum(case.same_keys for case in shown), len(shown))}. Programs that it mends as well in another way: "
                    f"{sum(not case.all_families and case.as_good for case in shown)}.",
                    f"- Among the findings whose fix was measured over all seeds, {interval(helpful, total)} are confirmed.",
                    f"- In {len(idle)} failing programs the accepted fix makes no clear difference, in "
                    f"{sum(case.accepted.same_as(case.asked) for case in idle)} of them none at all. In "
                    f"{sum(bool(case.idle_parts) for case in shown)} a part of it is not needed.",
                ]
            ),
            "Brackets hold the share and Wilson's 95 % interval.",
            diagnoses(diagnosed, out),
            "## As asked, and with the accepted fix",
            "Outcomes are counted over the seeds ([what they mean](experiments.md#outcomes)). Published figures "
            "stand beside our median over the seeds.",
            table(head, lines),
            listed("Not as reported", [f"{link(c, out)}: {c.asked}. {why(c)}." for c in cases if not c.asked.fails]),
            listed("Not mended by the accepted fix", [beyond(c) for c in cases if not c.accepted.most_fit]),
            listed("Not stated", [f"{row['id']}: {row['why'] or 'not known'}" for row in listing if row["stated"] == "no"]),
        ]
    ) + "\n"


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--as-it-is"]
    program, folder, out = words[0], Path(words[1]), Path(words[2])
    runs = "--as-it-is" not in sys.argv
    (folder / "diagnosis").mkdir(parents=True, exist_ok=True)
    listing, cases = index(), []
    for row in listing:
        if row["stated"] != "no":
            began = time.monotonic()
            case = read(program if runs else None, row, folder)
            if case:
                cases.append(case)
                text = found(case) if case.diagnosis else "not diagnosed"
                print(f"{row['id']}: {time.monotonic() - began:.1f} s, {case.asked}; {case.accepted}; {text}", file=sys.stderr, flush=True)
    out.write_text(document(listing, cases, out), encoding="utf-8")
    print(f"{len(cases)} of {len(listing)}: {out}")


main()
