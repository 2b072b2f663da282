"""Runs a notebook from top to bottom: notebook.py NOTEBOOK OUT [TABLE…]

It runs in the folder in which this is started, in a kernel of this very Python, with every warning an error. All that its
cells write is printed; OUT gets its figures, and each named table as a CSV. The notebook itself is only read.
"""

import base64
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

WARNINGS = "import warnings\nwarnings.simplefilter('error')"
WRITE = """
warnings.simplefilter("ignore")
for name in {tables!r}:
    table = globals()[name]
    if hasattr(table, "write_csv"):
        table.write_csv({out!r} + f"/{{name}}.csv")
    else:
        table.to_csv({out!r} + f"/{{name}}.csv", na_rep="NaN")
"""


def main(path: str, out: str, *tables: str) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = notebook.cells
    first, last = (nbformat.v4.new_code_cell(text) for text in (WARNINGS, WRITE.format(tables=tables, out=out)))
    notebook.cells = [first, *cells, last]
    with tempfile.TemporaryDirectory() as own:
        # Neither the user's kernels nor what IPython starts with in their home.
        os.environ |= {name: own for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
        os.environ.pop("MPLBACKEND", None)
        config = Config({"KernelSpecManager": {"kernel_dirs": []}})
        try:
            NotebookClient(notebook, config=config, kernel_name="python3", timeout=300).execute()
        finally:
            figures, warned = show(cells, Path(out))
    print(f"{figures} figures")
    if warned:
        sys.exit(f"a cell wrote to stderr: {warned}")


def show(cells, out: Path) -> tuple[int, str]:
    figures, warned = 0, ""
    for output in (output for cell in cells if cell.cell_type == "code" for output in cell.outputs):
        if output.output_type == "stream":
            print(output.text, end="")
            warned += output.text if output.name == "stderr" else ""
        elif output.output_type == "error":
            print("\n".join(output.traceback))
        else:
            print(output.data.get("text/plain", ""))
            if "image/png" in output.data:
                (out / f"figure-{figures}.png").write_bytes(base64.b64decode(output.data["image/png"]))
                figures += 1
    return figures, warned


main(*sys.argv[1:])
