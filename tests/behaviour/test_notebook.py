"""The notebook in examples/ runs from its first cell to its last, in a kernel of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import warnings
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "attnctl.ipynb"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kernel of this Python, on a machine without SLURM."""
    folder = tmp_path / "jupyter" / "kernels" / "attnctl-test"
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "test", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))  # noqa: PTH120 - sbatch is elsewhere
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return "attnctl-test"


def test_every_cell_runs(kernel: str, tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "it is committed without outputs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Jupyter itself
        client = NotebookClient(
            notebook, timeout=500, kernel_name=kernel, resources={"metadata": {"path": str(tmp_path)}}
        )
        asyncio.run(client.async_execute())
    texts = [output["data"] for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    pages = [data["text/html"] for data in texts if "text/html" in data]
    assert any("completed" in page for page in pages), "the state of the runs"
    assert any("top-1" in page for page in pages), "the report"
    plain = [data["text/plain"] for data in texts]
    assert any("the network says" in text for text in plain)
    assert "torch.Size([1, 10])" in plain
    assert (tmp_path / "notebook-runs" / "runs").is_dir()
