"""The pictures of README.md and docs/: pictures.py MISFIT RESULTS OUT

report.png and report-phone.png are the top of the page that `misfit report` makes of RESULTS, on a desk and on a phone;
diff.png is what `misfit diff` prints of the two committed results folders, in a terminal's colours; classes.png is the page of
experiments/classes.toml.
"""

import html
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    from PIL import Image  # comes with matplotlib
except ImportError:
    sys.exit("pictures: no Pillow: run scripts/python-packages with a network")

ROOT = Path(__file__).resolve().parent.parent
DIFF = ["diff", "results/reference", "results/reference-rate", "--changed"]
DESK, PHONE = (1280, 1500), (390, 1400)
# As terminals have them, on a dark ground; 2 is dim.
COLOURS = {"1": "font-weight:bold", "2": "color:#9aa3ad", "31": "color:#f47067", "32": "color:#57c27d", "33": "color:#e0af4f"}
TERMINAL = """<!DOCTYPE html><meta charset=utf-8><style>
html { background: #14171a; }
pre { margin: 0; padding: 18px 22px; display: inline-block; color: #e6e8eb;
  font: 13px/1.35 "DejaVu Sans Mono", Menlo, Consolas, monospace; }
</style><pre>"""


def coloured(text: str) -> str:
    """A terminal's text as HTML."""
    parts = re.split(r"\x1b\[([\d;]*)m", text)
    styled = [html.escape(parts[0])]
    on: list[str] = []
    for codes, part in zip(parts[1::2], parts[2::2]):
        for code in codes.split(";"):
            on = [] if code in ("", "0") else [*on, COLOURS.get(code, "")]
        style = ";".join(filter(None, on))
        styled.append(f'<span style="{style}">{html.escape(part)}</span>' if style else html.escape(part))
    return "".join(styled)


def run(misfit: str, *words: str) -> str:
    """What it prints; a difference is no failure."""
    coloured = os.environ | {"CLICOLOR_FORCE": "1"}
    ran = subprocess.run([misfit, *words], cwd=ROOT, env=coloured, capture_output=True, encoding="utf-8")
    if ran.returncode not in (0, 1):
        sys.exit(f"pictures: misfit {' '.join(words)}: {ran.stderr.strip()}")
    return ran.stdout


def compress(path: Path) -> None:
    """Few colours are enough for text and lines."""
    picture = Image.open(path).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    print(f"{path}: {picture.width} × {picture.height}, {path.stat().st_size // 1000} kB")


def main(misfit: str, results: str, out: str) -> None:
    misfit, results, docs = str(Path(misfit).resolve()), str(Path(results).resolve()), Path(out).resolve()
    with tempfile.TemporaryDirectory() as folder:
        page, terminal = Path(folder, "report.html"), Path(folder, "diff.html")
        run(misfit, "report", results, "--out", folder)
        # By a path that stands in the page.
        classes = "target/pictures-classes"
        run(misfit, "run", "experiments/classes.toml", "--fresh", "--out", classes)
        run(misfit, "report", classes)
        shown = coloured(f"$ misfit {' '.join(DIFF)}\n\n{run(misfit, *DIFF)}")
        terminal.write_text(TERMINAL + shown, encoding="utf-8")

        def view(page: Path, name: str, size: tuple[int, int], **more) -> dict:
            return {"page": str(page), "width": size[0], "height": size[1], "shot": str(docs / name), **more}

        views = [
            view(page, "report.png", DESK),
            view(page, "report-phone.png", PHONE, phone=True),
            view(ROOT / classes / "report.html", "classes.png", (DESK[0], 1640)),
            view(terminal, "diff.png", (2 * DESK[0], 0), clip="pre"),
        ]
        browser = [sys.executable, str(ROOT / "tests/browser.py")]
        subprocess.run(browser, input=json.dumps(views), stdout=subprocess.DEVNULL, encoding="utf-8", check=True)
    for picture in views:
        compress(Path(picture["shot"]))


main(*sys.argv[1:])
