"""How the driver speaks with a peer: a long-lived process that answers requests, one JSON object a line.

At first it says {"ready": VERSION}. Then, to
    {"cmd": "check", "lanes": L, "steps": n}                    {"train": [loss by lane], "test": [loss by lane]}
        losses after n updates from the starting file
    {"cmd": "measure", "lanes": L, "eval": bool, "steps": n}    {"seconds": t}
        n further updates of L models; whatever is compiled or warmed up before is not in t
What it cannot do it answers with {"error": "why, on one line"}. The peer misfit also knows "fresh": true, to measure from the
beginning, and then to say which share of the units is dead at the end; "torch": true, for the torch engine, and with it
"stacked": true, for all models as one; and with "work": {"hidden": [..], "batch": n, "log_points": n, "learning_rate": r} it
trains otherwise than its network says:
    {"cmd": "bits", "lanes": L, "steps": n}                     {"same": models}
        how many models the torch engine trains to the same bits in a stack as alone
    {"cmd": "start", "lanes": L}                                {}
        writes the starting file for L models
    {"cmd": "peak", "lanes": L, "steps": n}                     {"peak_mib": m}
        trains as `misfit run` does; the most memory that the process ever had
"""

import contextlib
import json
import select
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import processes
from processes import Failed

PATIENCE = 600.0  # seconds for one answer; torch.compile may take a minute
MEASUREMENT = 0.2  # seconds that one measurement is meant to last


class Peer:
    """A peer in its process, on one core."""

    def __init__(self, name: str, command: Sequence[str | Path], device: str = "cpu") -> None:
        self.name = name
        self.stderr = tempfile.TemporaryFile()
        with processes.one_core(device == "cpu"):
            self.process = processes.start(
                command, device, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr, text=True
            )
        self.version = self.answer()["ready"]

    def ask(self, **request) -> dict:
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # What it died of is on its stderr.
        return self.answer()

    def answer(self) -> dict:
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            if ready:  # it closes its output before it has quite ended
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(5)
            self.close()
            died = f"it ended with code {self.process.returncode}: {processes.last_line(self.stderr)}"
            raise Failed(died if ready else f"no answer in {PATIENCE:.0f} s")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def seconds(self, steps: int, **case) -> float:
        return self.ask(cmd="measure", steps=steps, **case)["seconds"]

    def calibrate(self, **case) -> int:
        """The number of steps that take about as long as a measurement should."""
        steps = 4
        while True:
            seconds = self.seconds(steps, **case)
            wanted = max(1, round(steps * MEASUREMENT / seconds))
            if seconds > MEASUREMENT / 8 or wanted <= steps:
                return wanted
            steps = min(wanted, 16 * steps)

    def close(self) -> None:
        processes.end(self.process)
