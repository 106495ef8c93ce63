"""The structure of the repository: imports without circles, one name for each module, tests that mirror the modules."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import grimp
import networkx
import pytest

ROOT = Path(__file__).parents[1]


def circles(arrows: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The groups of names that reach each other by these arrows."""
    groups = networkx.strongly_connected_components(networkx.DiGraph(list(arrows)))
    return sorted(sorted(group) for group in groups if len(group) > 1)


def arrows_of_files(graph: grimp.ImportGraph) -> set[tuple[str, str]]:
    """Every import, from the file that says it to the file that it names."""
    return {(one, other) for one in graph.modules for other in graph.find_modules_directly_imported_by(one)}


def arrows_inside(graph: grimp.ImportGraph, package: str) -> set[tuple[str, str]]:
    """The imports between the files and folders of a package; a folder stands for everything below it."""
    depth = package.count(".") + 2
    parts = [
        (".".join(one.split(".")[:depth]), ".".join(other.split(".")[:depth]))
        for one, other in arrows_of_files(graph)
        if one.startswith(f"{package}.") and other.startswith(f"{package}.")
    ]
    return {(one, other) for one, other in parts if one != other}


def all_circles(graph: grimp.ImportGraph) -> list[list[str]]:
    """The circles of files, then those of the files and folders of each package."""
    packages = sorted(module for module in graph.modules if graph.find_children(module))
    of_folders = [circle for package in packages for circle in circles(arrows_inside(graph, package))]
    of_files = circles(arrows_of_files(graph))
    return of_files + [circle for circle in of_folders if circle not in of_files]


def test_the_imports_form_no_circles() -> None:
    graph = grimp.build_graph("attnctl", cache_dir=None)
    assert len(graph.modules) > 300
    assert all_circles(graph) == []


def test_the_search_sees_circles_of_files_and_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "__init__": "",
        "kitchen/__init__": "",
        "kitchen/stove": "def cook():\n    from round_house.kitchen import sink\n",
        "kitchen/sink": "from round_house.kitchen import stove",
        "cellar/__init__": "",
        "cellar/wine": "import round_house.kitchen.sink",
        "cellar/coal": "",
        "kitchen/heating": "from round_house.cellar import coal",
    }
    for name, source in files.items():
        path = tmp_path / "round_house" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    found = all_circles(grimp.build_graph("round_house", cache_dir=None))
    assert found == [
        ["round_house.kitchen.sink", "round_house.kitchen.stove"],
        ["round_house.cellar", "round_house.kitchen"],
    ]
    assert "round_house" not in sys.modules


@pytest.mark.parametrize("file", ["attnctl/new.py", "jobs/new.py", "tests/new.py", "benchmarks/new.py"])
def test_ruff_refuses_a_second_name_of_a_module(file: str) -> None:
    second = ["import jobs", "import db.rows", "from reports import table", "from jobs.worker import main"]
    assert refused(second, file) == ["`jobs`", "`db`", "`reports`", "`jobs`"]
    assert refused(["import attnctl.jobs", "from attnctl.db import rows", "from attnctl import reports"], file) == []


def refused(lines: list[str], file: str) -> list[str]:
    """The modules that ruff does not let a file of this tree import."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "--stdin-filename", file, "-"]
    done = subprocess.run(command, cwd=ROOT, input="\n".join(lines), capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return [line.split("TID251 ")[1].split(" ")[0] for line in done.stdout.splitlines() if "TID251" in line]


PARTS = ("attnctl", "jobs", "db", "reports")
TOGETHER = ("behaviour", "benchmarks", "documents", "fuzz", "packaging", "slurm", "storm")
"""The folders of tests/ that test what several modules do together; all others mirror the packages."""


def modules() -> dict[Path, Path]:
    """Every module and package, with the test that would lie at its place and carry its name."""
    files = (path.relative_to(ROOT) for part in PARTS for path in (ROOT / part).rglob("*.py") if not path.is_symlink())
    named = {file: file.parent if file.stem == "__init__" else file.with_suffix("") for file in files}
    return {file: Path("tests", name.parent, f"test_{name.name.strip('_')}.py") for file, name in named.items()}


def has_code(file: Path) -> bool:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(tree))


def test_each_test_lies_at_the_place_of_its_module_and_carries_its_name() -> None:
    tests = {path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    mirrored = {test for test in tests if test.parts[1] not in (*TOGETHER, Path(__file__).name)}
    assert sorted(map(str, mirrored - set(modules().values()))) == []


def test_each_module_has_a_test_of_its_name() -> None:
    missing = [str(file) for file, test in modules().items() if has_code(file) and not (ROOT / test).exists()]
    assert sorted(missing) == []
