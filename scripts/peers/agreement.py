"""Before anything is timed: every peer trains the same, or what it takes to do so says nothing."""

import numpy as np
import reference
import start
from networks import Network
from processes import OUT, Failed
from protocol import Peer
from tables import table

START = OUT / "start.json"
STEPS, RTOL = 50, 1e-3


class Disagreement(Exception):
    """A peer that trains something else."""


def deviation(peer: Peer, lanes: int, expected: list[tuple[float, float]]) -> float:
    """The largest relative deviation of a loss, of any lane, on the batch or the test points."""
    answer = peer.ask(cmd="check", lanes=lanes, steps=STEPS)
    found = np.array([answer["train"], answer["test"]]).T
    wanted = np.array(expected[:lanes])
    if found.shape != wanted.shape:
        raise Disagreement(f"{peer.name} gives {len(found)} losses of {lanes} models")
    return float(np.abs(found / wanted - 1.0).max())


def agreeing(peers: dict[Peer, list[int]], missing: dict[str, str], network: Network) -> list[Peer]:
    """Those of the peers that work, all of which agree with float64; `peers` with the lanes that each can train."""
    begin = start.read(START, network)
    expected = [reference.losses(begin, lane, STEPS, network) for lane in range(network.starts)]
    rows, working = [], []
    for peer, lanes in peers.items():
        checked = [count for count in network.lanes if count in lanes]
        try:
            worst = float(np.max([deviation(peer, count, expected) for count in checked]))
        except Failed as failed:
            missing[peer.name] = str(failed)
            peer.close()
            continue
        rows.append([peer.name, peer.version, " and ".join(map(str, checked)), f"{worst:.1e}"])
        if not worst <= RTOL:  # not a number is no agreement either
            raise Disagreement(
                f"{peer.name} does not train what the others do: after {STEPS} steps a loss is off by {worst:.1e}, {RTOL:g} is allowed"
            )
        working.append(peer)
    table(
        f"Losses after {STEPS} steps against float64, all from the same weights and batches",
        ["peer", "version", "models", "largest deviation"],
        rows,
    )
    return working
