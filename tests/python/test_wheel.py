"""The wheel in a fresh environment, which has no Rust and nothing of the clone: MISFIT=target/release/misfit python3 test_wheel.py

MISFIT is the program to make the wheel of, in the folder where cargo has it with its library. Any Python from 3.10 does, and
is the environment's. Where PyPI cannot be reached the tests are skipped, and fail if CI is set.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference"
SMALL = "seeds = 2\n[data]\ntarget = { polynomial = [0, 1, 1] }\ninputs = { grid = { from = -1, to = 1, count = 20 } }\n[train]\nsteps = 20\n"
CURE = "pip install torch==2.11.0 into the same environment"


def missing(why):
    if os.environ.get("CI"):
        raise AssertionError(f"skipped in CI: {why}")
    raise unittest.SkipTest(why)


def elf(option, file):
    return subprocess.run(["readelf", "--wide", option, file], capture_output=True, text=True, check=True).stdout


def run_path(file):
    return re.findall(r"(?:RUNPATH|RPATH).*\[(.*)\]", elf("--dynamic", file))


class TheWheel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("readelf"):
            missing("there is no readelf: install it (apt install binutils)")
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = Path(temporary.name).resolve()
        cls.program = Path(os.environ["MISFIT"]).resolve()
        built = cls.program.parent
        cls.library = next(file for file in (built / "deps/libmisfit.so", built / "libmisfit.so") if file.exists())

        made = subprocess.run([ROOT / "scripts/wheel", built, cls.folder / "wheels"], capture_output=True, text=True)
        if "cannot be installed" in made.stderr:
            missing(made.stderr.splitlines()[-1])
        assert made.returncode == 0, made.stderr
        cls.wheel = Path(made.stdout.strip())

        cls.bin = cls.folder / "env" / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", cls.folder / "env"], check=True)
        pip = [sys.executable, "-m", "pip", "--python", cls.bin / "python", "install", "--quiet"]
        installed = subprocess.run([*pip, cls.wheel], capture_output=True, text=True, cwd=cls.folder)
        if installed.returncode:
            missing(f"pip installs no pandas beside the wheel: {installed.stderr.splitlines()[-1]}")
        (cls.packages,) = (cls.folder / "env" / "lib").glob("python3.*/site-packages")

        cls.work = cls.folder / "work"
        cls.work.mkdir()
        (cls.work / "small.toml").write_text(SMALL)
        shutil.copytree(REFERENCE, cls.work / "reference")

    def call(self, *args):
        """A command of the environment in a folder outside of the clone, with the system's commands alone beside it."""
        environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.work)}
        return subprocess.run(args, capture_output=True, text=True, cwd=self.work, env=environment)

    def ok(self, *args):
        ran = self.call(*args)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def refused(self, *words):
        """That training ends with code 2 and one line, which has all of `words`, and the package raises that line."""
        ran = self.call("misfit", "run", "small.toml", "--out", "refused")
        self.assertEqual((ran.returncode, ran.stdout, len(ran.stderr.splitlines())), (2, "", 1), ran.stderr)
        for word in ("misfit: cannot train: ", *words):
            self.assertIn(word, ran.stderr)
        raised = "import misfit\ntry: misfit.run('small.toml', out='refused')\nexcept misfit.Error as error: print(error)"
        self.assertEqual(self.ok("python", "-c", raised), ran.stderr.removeprefix("misfit: "))
        doctor = self.call("misfit", "doctor")
        (line,) = [line for line in doctor.stdout.splitlines() if line.startswith("FAIL")]
        self.assertEqual(doctor.returncode, 1)
        self.assertTrue(line.startswith("FAIL  libtorch") and words[0] in line, line)

    def test_its_files_are_few_megabytes_with_no_libtorch_among_them(self):
        with zipfile.ZipFile(self.wheel) as wheel:
            names = {entry.filename: entry for entry in wheel.infolist()}
            metadata = wheel.read(f"{self.wheel.name.split('-py3')[0]}.dist-info/METADATA").decode()
        self.assertLess(self.wheel.stat().st_size, 10e6)
        binaries = sorted(name for name in names if name.startswith("misfit/bin/") and not name.endswith("/"))
        self.assertEqual(binaries, ["misfit/bin/libmisfit.so", "misfit/bin/misfit"])
        self.assertFalse([name for name in names if re.search(r"^torch/|lib(torch|c10|gomp)\w*[.-].*so|nvidia|__pycache__", name)])
        self.assertIn("misfit/py.typed", names)
        self.assertTrue(names["misfit/bin/misfit"].external_attr >> 16 & 0o111, "the program can be executed")
        for name in ("LICENSE-MIT", "LICENSE-APACHE", "LICENSE-DEJAVU"):
            self.assertTrue([path for path in names if path.endswith(f"/licenses/{name}")], name)
        required = re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
        self.assertEqual([line for line in required if "extra ==" not in line], ["pandas>=2"])
        self.assertIn("torch==2.11.0; extra == 'train'", required)
        version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
        self.assertEqual(self.ok("misfit", "--version"), f"misfit {version[1]}\n")
        self.assertIn(f"\nVersion: {version[1]}\n", metadata)

    def test_its_tag_is_the_glibc_that_its_files_ask_for_and_its_run_paths_stay_in_the_environment(self):
        inside = self.packages / "misfit" / "bin"
        needed = [
            tuple(map(int, version.split(".")))
            for name in ("misfit", "libmisfit.so")
            for version in re.findall(r"Name: GLIBC_([0-9.]+)", elf("--version-info", inside / name))
        ]
        tag = re.search(r"-py3-none-manylinux_(\d+)_(\d+)_(x86_64|aarch64)\.whl$", self.wheel.name)
        self.assertIsNotNone(tag, self.wheel.name)
        # Not every version of glibc is a platform of PEP 600's tools.
        self.assertGreaterEqual((int(tag[1]), int(tag[2])), max(needed)[:2])
        self.assertEqual(run_path(inside / "misfit"), ["$ORIGIN"])
        self.assertEqual(run_path(inside / "libmisfit.so"), ["$ORIGIN/../../torch/lib"])

    def test_alone_it_reads(self):
        self.ok("misfit", "diff", "reference", "reference")
        self.ok("python", "-m", "misfit", "report", "reference")
        self.assertTrue((self.work / "reference" / "report.html").exists())
        self.ok("misfit", "init", "mine.toml")
        self.ok("misfit", "run", "mine.toml", "--dry-run")
        told = self.ok(
            "python",
            "-c",
            "import misfit, sys; r = misfit.read('reference'); print(misfit.__file__, len(r.runs), len(r.curves), bool(misfit.diff(r, r)), 'torch' in sys.modules)",
        )
        rows = [sum(1 for _ in csv.DictReader((REFERENCE / name).read_text().splitlines())) for name in ("runs.csv", "curves.csv")]
        self.assertEqual(told.split(), [str(self.packages / "misfit" / "__init__.py"), *map(str, rows), "True", "False"])

    def test_without_torch_what_trains_says_in_one_line_where_it_looked_and_what_to_do(self):
        self.refused(f"no libtorch, 2.11.0 is needed: there is none in {self.packages}/torch/lib nor in LD_LIBRARY_PATH", CURE)

    def test_a_torch_of_another_version_is_named_with_the_cure(self):
        libraries = self.packages / "torch" / "lib"
        self.addCleanup(shutil.rmtree, libraries.parent)
        libraries.mkdir(parents=True)
        (libraries.parent / "version.py").write_text("__all__ = ['__version__']\n__version__ = '2.10.0+cu128'\ndebug = False\n")
        source = self.folder / "empty.c"
        source.write_text("int nothing_of_libtorch;\n")
        for name in ("libtorch_cpu.so", "libc10.so"):
            subprocess.run(["cc", "-shared", "-fPIC", "-o", libraries / name, source], check=True)
        self.refused(f"libtorch in {self.packages}/torch/lib is 2.10.0+cu128, 2.11.0 is needed", CURE)

    def lay_down_torch(self, folder):
        """The package torch as pip has it there: the libtorch that the program was built with, which is out of torch's wheel."""
        libtorch = Path(run_path(self.library)[0].split(":")[-1]).parent
        for name, place in (("torch", libtorch), ("nvidia", libtorch.parent / "nvidia")):
            if place.exists():
                (folder / name).symlink_to(place)
                self.addCleanup((folder / name).unlink)
        return libtorch.resolve() / "lib"

    def says_of_libtorch(self, *command):
        (line,) = [line for line in self.ok(*command, "doctor").splitlines() if line.split()[1] == "libtorch"]
        return line

    def test_with_torch_it_trains_on_torchs_own_libtorch_to_the_same_bytes_as_where_it_was_built(self):
        libraries = self.lay_down_torch(self.packages)
        for engine in ("fused", "torch"):
            args = ("run", "small.toml", "--engine", engine, "--out")
            self.ok("misfit", *args, f"of-the-wheel-{engine}")
            self.ok(self.program, *args, f"of-cargo-{engine}")
            for file in ("runs.csv", "curves.csv", "predictions.csv", "health.csv"):
                ours, theirs = (self.work / f"of-{maker}-{engine}" / file for maker in ("the-wheel", "cargo"))
                self.assertEqual(ours.read_bytes(), theirs.read_bytes(), file)
        self.ok("python", "-c", "import misfit; r = misfit.run('small.toml', out='by-python'); assert len(r.runs) == 2")
        self.assertRegex(self.says_of_libtorch("misfit"), rf"^ok    libtorch +2\.11\.0.* with(out)? CUDA in {libraries}: ")

    def test_it_finds_the_torch_that_python_would_import_from_elsewhere(self):
        # As an environment has the system's packages.
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        libraries = self.lay_down_torch(elsewhere)
        link = self.packages / "elsewhere.pth"
        link.write_text(f"{elsewhere}\n")
        self.addCleanup(link.unlink)
        for command in (("misfit",), ("python", "-m", "misfit")):
            self.assertIn(f" CUDA in {libraries}: ", self.says_of_libtorch(*command))
        self.ok("python", "-c", "import misfit; misfit.run('small.toml', out='from-elsewhere')")


if __name__ == "__main__":
    unittest.main(verbosity=2)
