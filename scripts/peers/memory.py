"""The most memory that training takes, each measurement in a process of its own that trains as `misfit run` does."""

from agreement import START
from options import Options
from protocol import Peer
from tables import progress, table, write_csv

# All of the steps of a run of this length are logged, so that curves count.
LOGGED = 50


def peak(options: Options, **request) -> float:
    """MiB, libtorch itself among them."""
    peer = Peer("misfit", [options.peers, "misfit", START, "cpu"])
    try:
        return peer.ask(cmd="peak", **request)["peak_mib"]
    finally:
        peer.close()


def slope(points: list[tuple[int, float]]) -> float:
    """Of the straight line with the least squares."""
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / sum((x - x_mean) ** 2 for x, _ in points)


def run(options: Options) -> None:
    steps = [1000, 10_000, 100_000] + [1_000_000] * (not options.quick)
    lanes = [1, 4, 16, 64, 256, 1024] + [4096] * (not options.quick)
    found: list[tuple[str, int, float]] = []
    for count in steps:
        progress(f"memory: {count} steps")
        work = {"hidden": [8], "log_points": 200}
        found.append(("steps", count, peak(options, lanes=1, steps=count, work=work)))
    for count in lanes:
        progress(f"memory: {count} models in one stack")
        work = {"log_points": LOGGED + 1}
        found.append(("lanes", count, peak(options, lanes=count, steps=LOGGED, work=work)))
    table(
        f"misfit's peak memory, MiB; steps: one 1–8–1 network, 200 rows logged; models: 1–40–40–1, {LOGGED} steps, all logged",
        ["what", "value", "peak"],
        [[what, value, f"{mib:.1f}"] for what, value, mib in found],
    )
    each = slope([(value, mib) for what, value, mib in found if what == "lanes"])
    print(f"\n {each * 1024:.1f} KiB for each model more in a stack (least squares)")
    write_csv("memory.csv", "what,value,peak_mib", found)
