"""benchmarks/gpu.py on the CPU: all of it but the GPU, with no package but torch, torchvision and what they need."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"

BLOCKER = """
import json, os, sys
from importlib.machinery import PathFinder

class Blocker(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if path is None and name in BLOCKED else super().find_spec(name, path, target)

BLOCKED = set(json.loads(os.environ["BLOCKED"]))
sys.meta_path[sys.meta_path.index(PathFinder)] = Blocker
"""
"""sitecustomize.py of a Python that cannot import what torch and torchvision do not need."""


def needed(names: list[str]) -> set[str]:
    """The normalised names of distributions, and of those that they need, without extras."""
    found: set[str] = set()
    while names:
        name = re.sub(r"[-_.]+", "-", names.pop()).lower()
        if name in found:
            continue
        found.add(name)
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        names += [re.split(r"[^\w.-]", line)[0] for line in requires if "extra ==" not in line]
    return found


def blocked() -> list[str]:
    """The importable names of all other distributions that are installed here."""
    allowed = needed(["torch", "torchvision"])
    return [
        package
        for package, names in importlib.metadata.packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in names} & {*allowed, "attnctl"}
    ]


def gpu(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The benchmark, started in `folder` as where attnctl is not installed."""
    usual = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        cwd=folder,
        env={**os.environ, **usual, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What it prints with --device cpu --quick, and its JSON; with torch and torchvision only."""
    folder = tmp_path_factory.mktemp("gpu")
    names = blocked()
    assert {"pandas", "typer", "psutil", "platformdirs", "submitit"} <= set(names)
    (folder / "sitecustomize.py").write_text(BLOCKER)
    done = gpu(
        folder,
        *("--device", "cpu", "--quick", "--json", "speeds.json"),
        PYTHONPATH=os.pathsep.join([str(folder), str(ROOT / "src")]),
        BLOCKED=json.dumps(names),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((folder / "speeds.json").read_text())


def test_every_row_is_measured(quick: tuple[str, dict[str, Any]]) -> None:
    rows = quick[1]["rows"]
    assert [(row["failed"], row["skipped"]) for row in rows] == [("", "")] * len(rows)
    assert [(row["part"], row["network"], row["module"]) for row in rows] == [
        ("training", "resnet20", "none"),
        ("training", "resnet20", "ela"),
        ("training", "resnet20", "ean"),
        ("training", "resnet20", "se"),
        ("training", "resnet50", "none"),
        ("two processes", "resnet20", "none"),
        ("inference", "mobilenet_v2", "none"),
        ("inference", "mobilenet_v2", "ean"),
        ("inference", "yolox_nano", "none"),
        ("inference", "yolox_nano", "ela"),
    ]
    assert all(row["images_per_s"] > 0 and row["ms"] > 0 for row in rows)


def test_speeds_are_related_to_the_plain_network_and_to_the_papers(quick: tuple[str, dict[str, Any]]) -> None:
    rows = {(row["part"], row["network"], row["module"]): row for row in quick[1]["rows"]}
    plain, ela = rows["training", "resnet20", "none"], rows["training", "resnet20", "ela"]
    assert plain["ratio"] == 1
    assert ela["ratio"] == pytest.approx(ela["images_per_s"] / plain["images_per_s"])
    both = rows["two processes", "resnet20", "none"]
    assert both["ratio"] == pytest.approx(both["images_per_s"] / (2 * plain["images_per_s"]))
    ean = rows["inference", "mobilenet_v2", "ean"]
    assert ean["published"] == pytest.approx(79 / 138)
    assert ean["published_in"] == "EAN 3, EAN-MV2"


def test_the_tables_are_printed(quick: tuple[str, dict[str, Any]]) -> None:
    text = quick[0]
    assert re.search(
        r"^  network +module +mode +batch +images/s +ms +\+- % +GB +of plain +first s$", text, re.MULTILINE
    )
    assert re.search(r"^  yolox_nano +ela +eager, batch 1 .* 0\.91  ELA 7, YOLOX-Nano\+ELA-S$", text, re.MULTILINE)
    assert re.search(r"^10 measured, 0 skipped, 0 failed in \d+ s$", text, re.MULTILINE)


def test_parts_that_do_not_fit_into_the_time_are_named(tmp_path: Path) -> None:
    done = gpu(tmp_path, "--device", "cpu", "--minutes", "0.01", "--only", "resnet20")
    assert done.returncode == 0, done.stderr
    assert "  training resnet20 ela, amp: no time left\n" in done.stdout
    assert "  compiled resnet20 se, amp, channels-last, compiled: no time left\n" in done.stdout
    assert "0 measured, 21 skipped, 0 failed" in done.stdout


def test_without_a_gpu_one_line_explains_how_to_try_it(tmp_path: Path) -> None:
    done = gpu(tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("finds no GPU; to try it without one: --device cpu --quick\n")
    done = gpu(tmp_path, "--json", "missing/speeds.json")
    assert done.returncode == 2
    assert done.stderr.endswith("--json missing/speeds.json: there is no folder missing\n")
