"""How misfit's time for a step grows with each of the sizes of the work, the others as in the throughput."""

from dataclasses import dataclass, field

from agreement import START
from options import Options
from protocol import Peer
from tables import Spread, progress, table, write_csv


@dataclass
class Point:
    what: str
    value: int
    lanes: int = 16
    work: dict = field(default_factory=dict)
    steps: int = 0
    """What one measurement takes; 0 is for as many as last long enough."""


def points(quick: bool) -> list[Point]:
    found = [Point("lanes", lanes, lanes) for lanes in (1, 4, 16, 64, 256, 1024, 4096)]
    found += [Point("width", width, work={"hidden": [width, width]}) for width in (8, 16, 32, 64, 128, 256)]
    found += [Point("depth", depth, work={"hidden": [40] * depth}) for depth in range(1, 7)]
    found += [Point("batch", batch, work={"batch": batch}) for batch in (1, 4, 16, 64, 256, 1000)]
    found += [Point("steps", steps, 1, steps=steps) for steps in (100, 1000, 10_000, 100_000)]
    few = {"lanes": 256, "width": 64, "depth": 3, "batch": 64, "steps": 1000}
    return [point for point in found if point.value <= few[point.what]] if quick else found


def measure(options: Options) -> list[tuple[Point, Spread]]:
    """Each point with its µs per step and model; all of them once in every round."""
    peer = Peer("misfit", [options.peers, "misfit", START, "cpu"])
    measured = points(options.quick)
    progress("scaling: warming up")
    for point in measured:
        point.steps = point.steps or peer.calibrate(lanes=point.lanes, work=point.work)
    times: list[list[float]] = [[] for _ in measured]
    rounds = options.repeat(5)
    for nth in range(rounds):
        progress(f"scaling, round {nth + 1} of {rounds}")
        for point, found in zip(measured, times):
            seconds = peer.seconds(point.steps, lanes=point.lanes, work=point.work)
            found.append(seconds / point.steps / point.lanes * 1e6)
    peer.close()
    return [(point, Spread.of(found)) for point, found in zip(measured, times)]


def run(options: Options) -> None:
    found = measure(options)
    table(
        "misfit, µs per step and model on one core, by what grows; else 16 models (steps: 1), 40–40, a batch of 32",
        ["what", "value", "models", "median", "lowest", "highest"],
        [[point.what, point.value, point.lanes, *spread.numbers()] for point, spread in found],
    )
    rows = [[point.what, point.value, point.lanes, spread.median, spread.low, spread.high] for point, spread in found]
    write_csv("scaling.csv", "what,value,lanes,us_per_step_per_model,min,max", rows)
