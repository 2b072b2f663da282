"""What a step costs by the torch engine on a CPU, each model alone, as misfit trains there, and all as one stack of tensors; and
whether a stack leaves a model's numbers as they are alone, which decides that misfit does not stack."""

from agreement import START
from options import Options
from protocol import Peer
from tables import Spread, progress, table, write_csv

LANES, STEPS = (1, 16, 64), 50


def run(options: Options) -> None:
    peer = Peer("misfit", [options.peers, "misfit", START, "cpu", "relu"])
    cases = [(lanes, stacked) for lanes in LANES for stacked in (False, True)]
    steps = {case: peer.calibrate(lanes=case[0], torch=True, stacked=case[1]) for case in cases}
    times: dict[tuple[int, bool], list[float]] = {case: [] for case in cases}
    rounds = options.repeat(5)
    for nth in range(rounds):
        progress(f"torch engine, round {nth + 1} of {rounds}")
        for (lanes, stacked), count in steps.items():
            seconds = peer.seconds(count, lanes=lanes, torch=True, stacked=stacked)
            times[lanes, stacked].append(seconds / count / lanes * 1e6)
    same = {lanes: peer.ask(cmd="bits", lanes=lanes, steps=STEPS)["same"] for lanes in LANES}
    peer.close()
    rows, lines = [], []
    for (lanes, stacked), found in times.items():
        spread = Spread.of(found)
        bits = f"{same[lanes]} of {lanes}" if stacked else ""
        rows.append([lanes, "one stack" if stacked else "each alone", *spread.numbers(), bits])
        lines.append([lanes, int(stacked), spread.median, spread.low, spread.high])
    title = f"The torch engine, µs per step and model on one core; last, models with the bits that they have alone after {STEPS} steps"
    table(title, ["models", "", "median", "lowest", "highest", "same bits"], rows)
    write_csv("torch-engine.csv", "models,stacked,us_per_step_per_model,min,max", lines)
