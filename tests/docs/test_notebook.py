"""The notebook of examples/learning runs from its top, and says what stands in it; a picture is the one that it shows.

Cells are executed as Jupyter does: one after the other, with names in common, `await` at their top, and the last
expression as what is shown.
"""

import ast
import contextlib
import io
import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "learning" / "month.ipynb"


async def run(source, names):
    """Execute a cell; return what it writes, and the picture that it shows."""
    tree, written = ast.parse(source), io.StringIO()
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    shown = None
    with contextlib.redirect_stdout(written):
        done = eval(compile(tree, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if done is not None:
            await done
        if last is not None:
            shown = eval(
                compile(ast.Expression(last.value), "cell", "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names
            )
            shown = await shown if hasattr(shown, "__await__") else shown
    return written.getvalue(), shown._repr_svg_() if hasattr(shown, "_repr_svg_") else None


def told(cell):
    text = "".join(line for output in cell["outputs"] for line in output.get("text", ()))
    pictures = [output["data"]["image/svg+xml"] for output in cell["outputs"] if "data" in output]
    return text, "".join(pictures[0]) if pictures else None


@pytest.mark.timeout(300)
async def test_the_notebook_runs_and_says_what_stands_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    names = {"__name__": "__notebook__"}
    for cell in cells:
        assert await run("".join(cell["source"]), names) == told(cell), "".join(cell["source"])
    assert sum(told(cell)[1] is not None for cell in cells) == 3
