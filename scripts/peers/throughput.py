"""Throughput: one Adam step of each network, by every peer, in turns."""

import random
import sys
from pathlib import Path

import machine
from agreement import START, agreeing
from networks import NETWORKS
from options import Options
from processes import OUT, Failed
from protocol import Peer
from tables import Spread, Target, progress, short, table, write_csv

HERE = Path(__file__).parent
ONE_AT_A_TIME = ("torch eager", "torch fused", "tch")

Case = tuple[int, bool]
"""Models at once, and whether they are evaluated at every step."""
Times = dict[tuple[str, Case], list[float]]
"""µs per step and model of a peer in a case, by round."""


def commands(options: Options, network: str) -> dict[str, list[str | Path]]:
    """How each peer is started, misfit first: it writes where all begin."""

    def rust(name: str) -> list[str | Path]:
        return [options.peers, name, START, options.device, network]

    def python(script: str, *way: str) -> list[str | Path]:
        return [sys.executable, HERE / script, START, options.device, *way, network]

    if options.device != "cpu":
        ways = ["eager", "vmap"]
        return {"misfit": rust("misfit")} | {f"torch {way}": python("peer_torch.py", way) for way in ways}
    ways = ["eager", "fused", "compile", "vmap"]
    peers = {"misfit": rust("misfit"), "jax": python("peer_jax.py")}
    return peers | {f"torch {way}": python("peer_torch.py", way) for way in ways} | {"tch": rust("tch")}


def lanes_of(peer: str, options: Options, network: str) -> list[int]:
    if peer in ONE_AT_A_TIME:
        return [1]
    if options.device != "cpu":
        return [1, 64, 1024] if options.quick else [1, 64, 1024, 16384]
    lanes = [lanes for lanes in NETWORKS[network].lanes if not options.quick or lanes in (1, 16, 64)]
    return lanes[1:] if peer == "torch vmap" else lanes


def open_peers(options: Options, network: str, missing: dict[str, str]) -> list[Peer]:
    """Starts the peers and sees that they train the same."""
    OUT.mkdir(parents=True, exist_ok=True)
    peers = {}
    for name, command in commands(options, network).items():
        try:
            peer = Peer(name, command, options.device)
            if name == "misfit":
                peer.ask(cmd="start", lanes=NETWORKS[network].starts)
            if not (lanes := lanes_of(name, options, network)):
                peer.close()
                continue
            peers[peer] = lanes
        except Failed as failed:
            missing[name] = str(failed)
    if "misfit" in missing:
        raise Failed(f"misfit: {missing['misfit']}")
    progress("checking that all train the same (torch.compile takes a minute)")
    return agreeing(peers, missing, NETWORKS[network])


def calibrate(peer: Peer, options: Options, network: str) -> dict[Case, int]:
    """Warms each case of a peer up; the steps that one measurement takes."""
    cases = [(lanes, evaluate) for evaluate in (False, True) for lanes in lanes_of(peer.name, options, network)]
    return {(lanes, evaluate): peer.calibrate(lanes=lanes, eval=evaluate) for lanes, evaluate in cases}


def measure(options: Options, network: str, missing: dict[str, str]) -> Times:
    """Every peer measures each of its cases once in every round, the peers in another order each time."""
    steps: dict[Peer, dict[Case, int]] = {}
    for peer in open_peers(options, network, missing):
        progress(f"{peer.name}: warming up")
        try:
            steps[peer] = calibrate(peer, options, network)
        except Failed as failed:
            missing[peer.name] = str(failed)
            peer.close()
    times: Times = {}
    shuffle = random.Random(0).shuffle
    rounds = options.repeat(7)
    for nth in range(rounds):
        progress(f"throughput of {network}, round {nth + 1} of {rounds}")
        order = [peer for peer in steps if peer.name not in missing]
        shuffle(order)
        for peer in order:
            try:
                for (lanes, evaluate), count in steps[peer].items():
                    seconds = peer.seconds(count, lanes=lanes, eval=evaluate)
                    times.setdefault((peer.name, (lanes, evaluate)), []).append(seconds / count / lanes * 1e6)
            except Failed as failed:
                missing[peer.name] = str(failed)
    for peer in steps:
        peer.close()
    return {key: found for key, found in times.items() if key[0] not in missing}


def ratios(times: Times, peer: str, case: Case) -> list[float]:
    """How many times slower than misfit a peer was in the same round."""
    return [theirs / ours for theirs, ours in zip(times[peer, case], times["misfit", case])]


def targets(times: Times, network: str) -> list[Target]:
    """Medians of the rounds' ratios. More is asked where there is AVX-512, and less where every step is evaluated."""
    plain, evaluated = (2.0, 1.5) if machine.has_avx512() else (1.5, 1.2)
    lanes_of_all = NETWORKS[network].lanes
    # A step that is mostly arithmetic leaves less to gain over what wastes none.
    eager = [("PyTorch eager", "torch eager", (1, False), 80.0), ("plain tch", "tch", (1, False), 30.0)]
    wanted = eager if network in ("relu", "tanh") else []
    wanted += [("JAX", "jax", (lanes, False), plain) for lanes in lanes_of_all]
    wanted += [("JAX", "jax", (lanes, True), evaluated) for lanes in lanes_of_all]
    found = []
    for name, peer, case, least in wanted:
        if (peer, case) in times and ("misfit", case) in times:
            lanes, evaluate = case
            what = f"{network}: faster than {name} at {lanes} model{'s' if lanes > 1 else ''}"
            what += ", an evaluation a step" if evaluate else ""
            found.append(Target(what, least, Spread.of(ratios(times, peer, case)).median))
    return found


def run(options: Options, network: str = "relu") -> list[Target]:
    missing: dict[str, str] = {}
    times = measure(options, network, missing)
    rows, lines = [], []
    order = list(commands(options, network))
    by_case = sorted(times.items(), key=lambda entry: (*entry[0][1][::-1], order.index(entry[0][0])))
    for (peer, case), found in by_case:
        spread, (lanes, evaluate) = Spread.of(found), case
        ratio = "" if peer == "misfit" else short(Spread.of(ratios(times, peer, case)).median)
        rows.append([peer, lanes, "each step" if evaluate else "no", *spread.numbers(), ratio])
        lines.append([peer, lanes, int(evaluate), spread.median, spread.low, spread.high])
    table(
        f"{NETWORKS[network].title}: µs per step and model on one core ({options.device}); last, the median of the rounds' ratios",
        ["peer", "models", "evaluation", "median", "lowest", "highest", "times slower than misfit"],
        rows,
    )
    for name, why in missing.items():
        print(f" {name} was not measured: {why}")
    more = ("" if network == "relu" else f"-{network}") + ("" if options.device == "cpu" else "-cuda")
    write_csv(f"throughput{more}.csv", "peer,lanes,eval,us_per_step_per_model,min,max", lines)
    return targets(times, network) if options.device == "cpu" else []
