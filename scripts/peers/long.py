"""Whether a step of a long run costs what one of a short run does: units die on the way, and what is remembered of them
shrinks to subnormal numbers, which many processors take several times longer for."""

from agreement import START
from options import Options
from protocol import Peer
from tables import Spread, Target, progress, short, table, write_csv

LANES, SHORT, LONG = 16, 500, 50_000
MOST = 1.1
"""How many times what a short run's step costs a long run's may cost."""


def run(options: Options) -> list[Target]:
    peer = Peer("misfit", [options.peers, "misfit", START, "cpu", "relu"])
    steps = {"short": SHORT, "long": LONG // 5 if options.quick else LONG}
    times: dict[str, list[float]] = {name: [] for name in steps}
    rounds = options.repeat(5)
    for nth in range(rounds):
        progress(f"long, round {nth + 1} of {rounds}")
        for name, count in steps.items():
            # Runs from their beginning; of the short ones as many as take a while.
            turns = max(1, LONG // 10 // count)
            seconds = sum(peer.seconds(count, lanes=LANES, fresh=True) for _ in range(turns))
            times[name].append(seconds / turns / count / LANES * 1e6)
    peer.close()
    ratios = [long / brief for long, brief in zip(times["long"], times["short"])]
    found = {name: Spread.of(values) for name, values in times.items()}
    table(
        f"misfit, µs per step and model of {LANES} runs from their beginning, on one core",
        ["steps", "median", "lowest", "highest"],
        [[steps[name], *spread.numbers()] for name, spread in found.items()],
    )
    ratio = Spread.of(ratios).median
    print(f" a step of the long runs takes {short(ratio)} times what one of the short ones takes; {MOST} is allowed")
    write_csv("long.csv", "steps,us_per_step_per_model,min,max", [[steps[n], s.median, s.low, s.high] for n, s in found.items()])
    return [Target(f"steps of short runs beside those of runs of {steps['long']}", 1 / MOST, 1 / ratio)]
