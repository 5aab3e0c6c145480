"""The notebooks that the gallery offers run, as whoever downloads one runs it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "docs" / "examples"
SCRIPTS = sorted(
    path.stem
    for path in (ROOT / "examples").glob("*.py")
    # they train for minutes, compile, need a GPU
    if path.stem not in ("demo", "standalone", "gpu")
)
QUICK = "import sys; sys.argv.append('--quick')"

pytestmark = [
    pytest.mark.docs,
    pytest.mark.skipif(not any(NOTEBOOKS.glob("*.ipynb")), reason="the pages are not built: make docs"),
    # of the packages that run notebooks
    pytest.mark.filterwarnings("ignore"),
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_notebook_runs(name, tmp_path, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("HM2BP_DATA", str(ROOT / "examples" / "data" / "mnist"))
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(QUICK))
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert list(tmp_path.glob("*.png")), "no picture was saved"
