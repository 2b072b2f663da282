"""Every call of misfit's that touches its folder fails once, kills it once, and is what a power cut leaves: scripts/faults.

faults.py PROGRAM [--every N] [--offset K] [--only COMMAND,…] [--jobs N]

Each command is run once for each of its calls of the C library on files (scripts/faults.c, which is preloaded, numbers
them) and for each way in which that call may fail. Then it must have ended with the undisturbed run's exit code and files,
or with one line that names the cause and the file; what is visible must be whole; and the same command without a fault must
end with the undisturbed run's bytes. The same after SIGKILL. For power cuts the log of writes, names and syncs is replayed
on a model of a disk, which keeps only what was synced and any one, all or none of the rest.
"""

import argparse
import collections
import concurrent.futures
import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

EXPERIMENT = """
name = "small"
seeds = 2
[data]
target = { csv = "data.csv", inputs = ["x"], outputs = ["y"] }
holdout = 0.25
[model]
hidden = [4]
[train]
steps = 20
log_points = 4
[sweep]
"optimizer.learning_rate" = [1e-2, 1e-1]
"""
DATA = "x,y\n" + "".join(f"{x / 10},{(x / 10) ** 2}\n" for x in range(-10, 11))
CSVS = ["curves.csv", "runs.csv", "predictions.csv", "health.csv"]
# Seconds that a command may take; undisturbed it takes less than one.
LIMIT = 60

# How a call may fail.
FAULTS = {
    "open": "EMFILE EIO EINTR",
    "create": "EMFILE ENOSPC EINTR",
    "read": "EIO EINTR short",
    "readdir": "EIO",
    "stat": "EIO",
    "resolve": "EIO",
    "write": "ENOSPC EIO EINTR short torn",
    "sync": "EIO ENOSPC EINTR",
    "truncate": "EIO EINTR",
    "lock": "ENOLCK",
    "rename": "EIO ENOSPC",
    "link": "EIO",
    "unlink": "EIO",
    "rmdir": "EIO",
    "mkdir": "ENOSPC EIO",
}
# These are no failures: whoever calls tries again.
RETRIED = ["EINTR", "short"]
# After any other call the files are as they were before it.
KILLS = {kind: "kill" for kind in "create truncate rename link unlink rmdir mkdir".split()} | {"write": "kill half"}

RUN = ["run", "small.toml", "--out", "out", "--threads", "1"]
OTHER = ["train.steps=10"]
OTHER_RUN = ["run", "small.toml", *OTHER, "--out", "other", "--threads", "1"]
PLAN = ["plan", "small.toml", "--out", "out", "--tasks", "2"]
TASKS = [["task", "out-plan", "--index", str(index), "--threads", "1"] for index in range(2)]
MERGE = ["merge", "out-plan"]
# What is done before, and the command.
COMMANDS = {
    "run": ([], RUN),
    "resume": ([[*RUN, "--seeds", "1"], ["killed at", "rename", ".part", *RUN]], RUN),
    "fresh": ([[*RUN, *OTHER], ["report", "out"]], [*RUN, "--fresh"]),
    "plan": ([], PLAN),
    "task": ([PLAN], TASKS[0]),
    "merge": ([PLAN, *TASKS], MERGE),
    "merge more": ([PLAN, TASKS[0], MERGE, TASKS[1]], MERGE),
    "report": ([RUN], ["report", "out"]),
    "report again": ([RUN, ["report", "out"]], ["report", "out"]),
    "diff": ([RUN, OTHER_RUN], ["diff", "out", "other"]),
    "init": ([], ["init", "mine.toml"]),
}
READING = ["report", "report again", "diff"]

# `pattern` is the path but for what the moment and the process put into it, `nth` which of these calls on it this is, from 1.
Call = collections.namedtuple("Call", "number kind path result serial a data pattern nth")
Ended = collections.namedtuple("Ended", "code stdout stderr")


class Program:
    """The program, with and without the shim."""

    def __init__(self, program, folder):
        self.program, self.folder = os.path.abspath(program), folder
        self.shim = folder / "faults.so"
        source = Path(__file__).with_name("faults.c")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.shim, source, "-ldl", "-lpthread"], check=True)

    def run(self, args, at, **more):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FAULTS_")} | more
        # The parent's end of a pipe that is left is none of its business: files take whatever is written.
        ended = subprocess.run(
            [self.program, *args], cwd=at, env=environment, capture_output=True, timeout=LIMIT, stdin=subprocess.DEVNULL
        )
        text = lambda output: output.decode(errors="replace").replace(self.program, "misfit")
        return Ended(ended.returncode, text(ended.stdout), text(ended.stderr))

    def shimmed(self, args, at, struck=None, fault=""):
        """How it ended, its calls, and the one that was struck, which is to be the one that it was in an earlier run."""
        log = at.with_suffix(".log")
        log.unlink(missing_ok=True)
        ended = self.run(
            args,
            at,
            LD_PRELOAD=str(self.shim),
            FAULTS_ROOT=str(at),
            FAULTS_LOG=str(log),
            FAULTS_KIND=struck.kind if struck else "",
            FAULTS_PATH=struck.pattern if struck else "",
            FAULTS_AT=str(struck.nth if struck else 0),
            FAULTS_DO=str(getattr(errno, fault, fault)),
        )
        calls, met, counts = [], None, collections.Counter()
        for line in log.read_text(errors="replace").splitlines():
            number, kind, path, result, serial, a, data = line.split("\t")
            pattern = re.sub(r"/[0-9a-f]+-[0-9a-f]+-(\d+\.)", r"/*-\1", re.sub(r"\.new-[0-9a-f]+$", ".new-*", path))
            counts[kind, pattern] += 1
            nth = counts[kind, pattern]
            number, data = int(number), bytes.fromhex(data)
            calls.append(Call(abs(number), kind, path, int(result), int(serial), int(a), data, pattern, nth))
            met = calls[-1] if number < 0 else met
        return ended, sorted(calls), met


def tree(folder):
    """What is in a folder, by path; None of a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        found[str(path.relative_to(folder))] = path.read_bytes() if path.is_file() else None
    return found


def build(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, data in files.items():
        path = folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True) if data is None else path.write_bytes(data)


def manifest(data):
    """A manifest without what differs from one undisturbed run to the next; None where it is none."""
    try:
        known = json.loads(data)
    except ValueError:
        return None
    for name in ["started", "seconds", "peak_memory", "fused_against_torch"]:
        known.pop(name, None)
    return json.dumps(known, sort_keys=True).encode()


def same(files):
    """A tree in which names and bytes that depend on the moment and the process are replaced."""
    normal = {}
    for path, data in files.items():
        path = re.sub(r"\.new-[0-9a-f]+$", ".new-PID", path)
        if path.endswith(".part") or "/.parts/" in path:
            path = f"{os.path.dirname(path)}/{hashlib.sha256(data).hexdigest()[:12]}{os.path.splitext(path)[1]}"
        elif path.endswith(".lock"):
            data = b""
        elif path.endswith("manifest.json"):
            data = manifest(data) or data
        normal[path] = data
    return normal


def differences(a, b):
    """The paths whose bytes are not the same, at most five."""
    return ", ".join([path for path in sorted(a.keys() | b.keys()) if a.get(path, 0) != b.get(path, 0)][:5])


def by_run(data):
    header, *lines = data.decode().splitlines(keepends=True)
    runs = collections.defaultdict(str)
    for line in lines:
        runs[tuple(line.split(",", 2)[:2])] += line
    return header, dict(runs)


class Command:
    """A command, what it begins with, and what it leaves undisturbed."""

    def __init__(self, program, name, folder):
        self.program, self.name = program, name
        before, self.args = COMMANDS[name]
        at = folder / "prepared"
        build(at, {"small.toml": EXPERIMENT.encode(), "data.csv": DATA.encode()})
        # Rows of a run that may be seen, by file: those of either settings.
        self.rows = []
        for settings in [[], OTHER]:
            self.must(program.run([*RUN, *settings], at))
            self.rows.append({name: by_run((at / "out" / name).read_bytes()) for name in CSVS})
            shutil.rmtree(at / "out")
        for args in before:
            if args[0] == "killed at":
                _, kind, path, *args = args
                build(folder / "probe", tree(at))
                _, calls, _ = program.shimmed(args, folder / "probe")
                struck = next(call for call in calls if call.kind == kind and call.data.decode().endswith(path))
                ended, _, _ = program.shimmed(args, at, struck, "kill")
                assert ended.code == -signal.SIGKILL, ended
            else:
                self.must(program.run(args, at))
        self.before = tree(at)
        self.ended, self.calls, _ = program.shimmed(self.args, at)
        assert self.ended.code == (1 if name == "diff" else 0), self.ended
        self.after = tree(at)
        self.wanted = same(self.after)
        # What the same command made of a state, by that.
        self.cured, self.mutex = {}, threading.Lock()

    @staticmethod
    def must(ended):
        # A merge ends with 1 where tasks are missing.
        assert ended.code in [0, 1], ended

    def finished(self, files):
        """A tree as same() has it. Who does not hold a folder cannot know whether what is half-written there is still being
        written, and leaves it."""
        normal = same(files)
        if self.name == "task":
            # A task that is done is not opened again: parts that a power cut brought back stay, and nobody reads them.
            normal = {path: data for path, data in normal.items() if "/.parts" not in path}
        held = self.name in ["run", "resume", "fresh", "task", "merge", "merge more"]
        return normal if held else {path: data for path, data in normal.items() if not path.endswith(".new-PID")}

    def says_the_same(self, ended):
        """Who trains says how long it took."""
        return self.name not in READING or ended.stdout == self.ended.stdout

    def unseen(self, files):
        """What is wrong with what can be seen."""
        normal, begun = same(files), same(self.before)
        for path, data in normal.items():
            folder, name = os.path.split(path)
            if data is None or name == ".lock" or "/.parts" in folder or name.endswith(".new-PID"):
                continue
            if name == "manifest.json":
                if manifest(data) is None:
                    return f"{path} is no JSON"
            elif name == "report.html":
                if not data.rstrip().endswith(b"</html>"):
                    return f"{path} is half-written"
            elif name.endswith((".svg", ".png")):
                if not data.rstrip().endswith((b"</svg>", b"IEND\xaeB`\x82")):
                    return f"{path} is half-written"
            elif name not in CSVS and data not in [self.wanted.get(path), begun.get(path)]:
                return f"{path} is half-written"
        for folder in {os.path.dirname(path) for path in files if os.path.basename(path) in CSVS}:
            faults = [self.not_whole(files, folder, rows) for rows in self.rows]
            if all(faults):
                return faults[0]
        return None

    @staticmethod
    def not_whole(files, folder, whole):
        seen = {name: by_run(files[f"{folder}/{name}"]) for name in CSVS if f"{folder}/{name}" in files}
        for name, (header, runs) in seen.items():
            known, rows = whole[name]
            for run in runs:
                if header != known or runs[run] != rows.get(run):
                    return f"{folder}/{name}: {run} is not whole"
        for run in seen.get("runs.csv", ("", {}))[1]:
            for name in CSVS:
                if run not in seen.get(name, ("", {}))[1]:
                    return f"{folder}/{name} lacks {run} of runs.csv"
        known = json.loads(files.get(f"{folder}/manifest.json", b"{}"))
        for name in seen:
            data = files[f"{folder}/{name}"]
            sums = [known.get("files", {}).get(name), *known.get("replaced", {}).get(name, [])]
            if hashlib.sha256(data).hexdigest() not in [sum["sha256"] for sum in sums if sum]:
                return f"{folder}/manifest.json does not know what {name} holds"
        return None

    def cure(self, files, at):
        """What is wrong after the same command without a fault, and how it ended. States that differ in nothing that
        matters are tried once."""
        state = hashlib.sha256(repr(sorted(same(files).items())).encode()).hexdigest()
        with self.mutex:
            known = self.cured.get(state)
        if known is None:
            build(at, files)
            ended = self.program.run(self.args, at)
            wrong = None
            if self.name == "init" and files.get("mine.toml") == self.after["mine.toml"]:
                # What is there is never replaced.
                wrong = None if "is there already" in ended.stderr else f"afterwards: {ended}"
            elif ended.code != self.ended.code:
                wrong = f"afterwards: code {ended.code}: {ended.stderr.strip()}"
            elif self.finished(tree(at)) != self.wanted:
                wrong = f"afterwards other files: {differences(self.finished(tree(at)), self.wanted)}"
            elif not self.says_the_same(ended):
                wrong = "afterwards it says something else"
            known = (wrong, ended)
            with self.mutex:
                self.cured[state] = known
        return known

    def fail(self, call, fault, at):
        """What is wrong once this call failed in this way, or was the last."""
        build(at, self.before)
        try:
            ended, _, met = self.program.shimmed(self.args, at, call, fault)
        except subprocess.TimeoutExpired:
            return f"does not end within {LIMIT} s"
        if met is None:
            return "the call was not met again"
        files = tree(at)
        wrong = self.unseen(files)
        if wrong:
            return wrong
        if fault in ["kill", "half"]:
            if ended.code != -signal.SIGKILL:
                return f"was not killed: {ended}"
        elif ended.code == self.ended.code and self.finished(files) == self.wanted and self.says_the_same(ended):
            return None
        elif fault in RETRIED and not (call.a & os.O_DIRECTORY and call.kind == "open"):
            return f"is not tried again: code {ended.code}: {ended.stderr.strip()}"
        else:
            wrong = self.unsaid(ended, met, "ENOSPC" if fault == "torn" else fault)
            if wrong:
                return wrong
        return self.cure(files, at)[0]

    def unsaid(self, ended, call, fault):
        """What is wrong with an error's message."""
        # Who reads shows what can be read, and says of the rest why it is not there; a plan warns of what it finds.
        if ended.code != 2 and not (self.name in [*READING, "plan"] and ended.code == self.ended.code):
            return f"code {ended.code}: {ended.stderr.strip()}"
        notes = r"misfit: \d+ of \d+ runs are in .* already|(next| )  .*"
        lines = [line for line in ended.stderr.splitlines() if not re.fullmatch(notes, line)]
        if len(lines) != 1 or not lines[0].startswith("misfit: "):
            return f"is no single line: {ended.stderr.strip()}"
        if f"(os error {getattr(errno, fault)})" not in lines[0]:
            return f"does not name the cause: {lines[0]}"
        # The file, or the one whose place it is to take, or its folder.
        path = re.sub(r"\.new-[0-9a-f]+$", "", call.path)
        folder = os.path.dirname(path)
        cleared = call.kind in ["unlink", "rmdir"] and "cannot be cleared" in lines[0]
        if path not in lines[0] and f"{folder}: " not in lines[0] and not cleared:
            return f"does not name {call.path}: {lines[0]}"
        return None


# Calls of the kernel that change nothing and whose failure says nothing of a file.
HARMLESS = "close lseek fcntl getcwd execve readlink getdents64 fadvise64 chdir dup dup2 dup3 poll epoll_ctl ioctl".split()
KINDS = {
    "read": "read pread64 readv",
    "write": "write pwrite64 writev",
    "sync": "fsync fdatasync",
    "rename": "rename renameat renameat2",
    "link": "link linkat",
    "unlink": "unlink unlinkat",
    "rmdir": "rmdir",
    "mkdir": "mkdir mkdirat",
    "truncate": "ftruncate",
    "lock": "flock",
    "stat": "statx access",
}
KINDS = {name: kind for kind, names in KINDS.items() for name in names.split()}


def escaped(command, at):
    """What the kernel is asked of files under the folder that the shim has not seen, by strace."""
    build(at, command.before)
    log = at.with_suffix(".strace")
    words = ["strace", "-f", "-y", "-qq", "-e", "trace=%file,%desc", "-o", log, command.program.program, *command.args]
    subprocess.run(words, cwd=at, capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT)
    counts, first, others = collections.Counter(), None, set()
    for line in log.read_text(errors="replace").splitlines():
        parts = re.match(r"(\d+) +(\w+)\((.*)", line)
        if not parts:
            continue
        process, name, arguments = parts.groups()
        first = first or process
        if name == "execve" and process != first:
            others.add(process)
        # Paths that are not absolute begin in the folder, those of a descriptor stand behind it.
        path = re.match(r'(?:AT_FDCWD<[^>]*>, )?"([^"]*)"', arguments)
        place = os.path.join(at, path[1]) if path else (re.search(r"^\d+<([^>]*)>", arguments) or [None, ""])[1]
        # What the C library asks of a folder that it has opened.
        inner = name in ["fstat", "newfstatat"] and ', ""' in arguments
        if process in others or name in HARMLESS or inner or not f"{place}/".startswith(f"{at}/"):
            continue
        if name in ["open", "openat", "creat"]:
            kind = "create" if "O_CREAT" in arguments else "open"
        else:
            kind = "rmdir" if "AT_REMOVEDIR" in arguments else KINDS.get(name, name)
        counts[kind] += 1
    seen = collections.Counter(call.kind for call in command.calls)
    return [f"{counts[kind]} {kind}, {seen[kind]} seen" for kind in sorted(counts) if counts[kind] != seen[kind]]


class Disk:
    """Folders and files of which some changes are durable and the others pending."""

    def __init__(self, files):
        # By number: of a folder the numbers by name, of a file its bytes. 0 is the root.
        self.durable, self.live, self.pending = {0: {}}, {0: {}}, []
        for path, data in files.items():
            folder, name = self.place(path)
            made = len(self.live)
            for state in [self.durable, self.live]:
                state[folder][name] = made
                state[made] = {} if data is None else data
        self.open = {}

    def find(self, path):
        number = 0
        for name in [] if path == "." else path.split("/"):
            number = self.live[number][name]
        return number

    def place(self, path):
        folder, name = os.path.split(path)
        return self.find(folder or "."), name

    def change(self, change):
        """`(number, what)`: what is a dict of names, or an offset and bytes, or a length."""
        self.pending.append(change)
        apply(self.live, change)

    def call(self, call):
        """Whether it changed anything."""
        if call.result < 0:
            return False
        before = len(self.pending)
        if call.kind == "open" and call.serial:
            self.open[call.serial] = self.find(call.path)
        elif call.kind == "create":
            folder, name = self.place(call.path)
            if name not in self.live[folder]:
                made = len(self.live)
                # The number alone is known to all; what it holds is pending.
                self.live[made] = self.durable[made] = b""
                self.change((folder, {name: made}))
            number = self.live[folder][name]
            if call.a & os.O_TRUNC and self.live[number]:
                self.change((number, 0))
            self.open[call.serial] = number
        elif call.kind == "mkdir":
            folder, name = self.place(call.path)
            made = len(self.live)
            self.live[made], self.durable[made] = {}, {}
            self.change((folder, {name: made}))
        elif call.kind == "write":
            self.change((self.open[call.serial], (call.a, call.data)))
        elif call.kind == "truncate":
            self.change((self.open[call.serial], call.a))
        elif call.kind in ["rename", "link"]:
            (folder, name), (other, new) = self.place(call.path), self.place(call.data.decode())
            assert folder == other, f"{call}: the model knows no names that change folders"
            gone = {name: None} if call.kind == "rename" else {}
            self.change((folder, gone | {new: self.live[folder][name]}))
        elif call.kind in ["unlink", "rmdir"]:
            folder, name = self.place(call.path)
            self.change((folder, {name: None}))
        elif call.kind == "sync":
            number = self.open[call.serial]
            for change in self.pending:
                if change[0] == number:
                    apply(self.durable, change)
            self.pending = [change for change in self.pending if change[0] != number]
        return len(self.pending) > before

    def after(self, kept):
        """The files if these of the pending changes are there after a cut."""
        state = {number: dict(held) if isinstance(held, dict) else held for number, held in self.durable.items()}
        for change in kept:
            apply(state, change)
        files = {}

        def walk(folder, path):
            for name, number in state[folder].items():
                at = f"{path}{name}"
                files[at] = None if isinstance(state[number], dict) else state[number]
                if files[at] is None:
                    walk(number, at + "/")

        walk(0, "")
        return files

    def cuts(self):
        """The files as a cut now may leave them, each with what it is."""
        pending = self.pending
        names = [change for change in pending if isinstance(change[1], dict)]
        yield "nothing kept", self.after([])
        yield "all kept", self.after(pending)
        yield "names without contents", self.after(names)
        for nth, (number, what) in enumerate(pending):
            others = pending[:nth], pending[nth + 1 :]
            yield f"{nth} lost", self.after(others[0] + others[1])
            yield f"{nth} alone", self.after([pending[nth]])
            if isinstance(what, dict):
                yield f"names up to {nth} without contents", self.after([one for one in names if one in pending[: nth + 1]])
            elif isinstance(what, tuple):
                offset, data = what
                for how, torn in [("torn", data[: len(data) // 2]), ("zeros", bytes(len(data)))]:
                    yield f"{nth} {how}", self.after([*others[0], (number, (offset, torn)), *others[1]])


def apply(state, change):
    number, what = change
    if isinstance(what, dict):
        for name, to in what.items():
            if to is None:
                state[number].pop(name, None)
            else:
                state[number][name] = to
    elif isinstance(what, tuple):
        offset, data = what
        held = state[number].ljust(offset, b"\0")
        state[number] = held[:offset] + data + held[offset + len(data) :]
    else:
        state[number] = state[number][:what].ljust(what, b"\0")


def power_cuts(command):
    """Every state that a cut may leave, once: what it is, the files, and how many runs were said to be kept."""
    disk, seen = Disk(command.before), set()
    csvs = command.before.get("out/runs.csv")
    kept = len(by_run(csvs)[1]) if csvs else 0
    kept += sum(path.endswith(".part") for path in command.before)
    promised, renamed = kept, 0
    for call in command.calls:
        changed = disk.call(call)
        if call.kind == "rename" and call.data.endswith(b".part"):
            renamed += 1
        # The last thing that is done before a run counts as kept.
        if call.kind == "sync" and call.path.endswith("/.parts"):
            promised = kept + renamed
        if not (changed or call is command.calls[-1]):
            continue
        for what, files in disk.cuts():
            state = hashlib.sha256(repr((sorted(files.items()), promised)).encode()).hexdigest()
            if state not in seen:
                seen.add(state)
                yield f"after {call.number} {call.kind} {call.path}: {what}", files, promised
    # What it said that it had done is there.
    lost = differences(command.finished(disk.after([])), command.wanted)
    if lost:
        yield f"after its end: nothing kept loses {lost}", None, 0


def cut(command, files, promised, at):
    if files is None:
        return "is not durable"
    wrong, ended = command.cure(files, at)
    if wrong is None and command.name in ["run", "resume", "task"]:
        told = re.search(r"(\d+) of \d+ runs are in .* already", ended.stderr)
        there = int(told[1]) if told else 0
        if command.name == "task" and "is done already" in ended.stdout:
            return None
        if there < promised:
            return f"{promised - there} of {promised} runs that were kept are lost"
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--only", default=",".join(COMMANDS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    # In memory, where there is such a place: a disk's syncs take most of the time.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="misfit-faults-", dir=memory)).resolve()
    program = Program(asked.program, folder)
    places, failures, number = threading.local(), [], iter(range(1 << 60))
    mutex = threading.Lock()

    def at():
        if not hasattr(places, "folder"):
            places.folder = folder / f"worker-{threading.get_ident()}"
        return places.folder

    def tried(trial):
        what, function, *args = trial
        wrong = function(*args, at())
        if wrong:
            with mutex:
                failures.append(f"{what}: {wrong}")

    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        for name in asked.only.split(","):
            command = Command(program, name, folder)
            trials = {"faults": [], "kills": [], "cuts": []}
            for call in command.calls:
                for kind, ways in [("faults", FAULTS), ("kills", KILLS)]:
                    for fault in ways.get(call.kind, "").split():
                        what = f"{name}: {call.number} {call.kind} {call.path} {fault}"
                        trials[kind].append((what, command.fail, call, fault))
            for what, files, promised in power_cuts(command):
                trials["cuts"].append((f"{name}: {what}", lambda *args: cut(command, *args), files, promised))
            if shutil.which("strace"):
                failures.extend(f"{name}: the shim has not seen all calls: {one}" for one in escaped(command, at()))
            counts = {kind: len(some) for kind, some in trials.items()}
            picked = [trial for some in trials.values() for trial in some if next(number) % asked.every == asked.offset % asked.every]
            kinds = collections.Counter(call.kind for call in command.calls)
            print(
                f"{name}: {len(command.calls)} calls ({', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}); "
                f"{counts['faults']} faults, {counts['kills']} kills, {counts['cuts']} states after a power cut; "
                f"{len(picked)} tried",
                flush=True,
            )
            list(pool.map(tried, picked))
    shutil.rmtree(folder)
    print("".join(f"{failure}\n" for failure in failures) + f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
