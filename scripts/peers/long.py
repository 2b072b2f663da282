"""Whether a step costs the same of a long run, and of one whose units die, as of a short run: what Adam remembers of a dead
unit shrinks to subnormal numbers, which many processors take several times longer for."""

from agreement import START
from options import Options
from protocol import Peer
from tables import Spread, Target, progress, short, table, write_csv

LANES, SHORT, LONG, DYING = 16, 500, 50_000, 5_000
RATE = 1.0
"""A learning rate that kills most units within a few steps."""
MOST = 1.1
"""How many times what a short run's step costs another's may cost."""


def run(options: Options) -> list[Target]:
    peer = Peer("misfit", [options.peers, "misfit", START, "cpu", "relu"])
    runs = {
        "short": (SHORT, {}),
        "long": (LONG // 5 if options.quick else LONG, {}),
        "dying": (DYING, {"learning_rate": RATE}),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    dead: dict[str, float] = {}
    rounds = options.repeat(5)
    for nth in range(rounds):
        progress(f"long, round {nth + 1} of {rounds}")
        for name, (steps, work) in runs.items():
            # Runs from their beginning; of the short ones as many as take a while.
            turns = max(1, LONG // 10 // steps)
            answers = [peer.ask(cmd="measure", steps=steps, lanes=LANES, fresh=True, work=work) for _ in range(turns)]
            times[name].append(sum(answer["seconds"] for answer in answers) / turns / steps / LANES * 1e6)
            dead[name] = answers[0]["dead_units"]
    peer.close()
    found = {name: Spread.of(values) for name, values in times.items()}
    table(
        f"misfit, µs per step and model of {LANES} runs from their beginning, on one core",
        ["runs", "steps", "units dead at the end", "median", "lowest", "highest"],
        [[name, runs[name][0], f"{dead[name]:.0%}", *spread.numbers()] for name, spread in found.items()],
    )
    lines = [[name, runs[name][0], dead[name], s.median, s.low, s.high] for name, s in found.items()]
    write_csv("long.csv", "runs,steps,dead_units,us_per_step_per_model,min,max", lines)
    targets = []
    for name in ("long", "dying"):
        ratio = Spread.of([other / brief for other, brief in zip(times[name], times["short"])]).median
        print(f" a step of the {name} runs takes {short(ratio)} times what one of the short ones takes; {MOST} is allowed")
        targets.append(Target(f"steps of short runs beside those of {name} ones", 1 / MOST, 1 / ratio))
    return targets
