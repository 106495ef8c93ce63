"""Runs with a user's own data set, optimizer, schedule, loss, augmentation and metric, and with drop path, cut and
resumed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from attnctl import datasets, grid, sources
from attnctl.datasets import own
from attnctl.grid import Axes
from attnctl.jobs.data import open_data
from attnctl.jobs.data.stream import StreamedData
from attnctl.jobs.training import checkpoint
from attnctl.settings.config import DataRoots
from attnctl.spec import RunSpec
from tests.attnctl.recipes import own_files
from tests.fixtures import own_items
from tests.jobs.data.imagenet_files import same
from tests.jobs.training.training_workers import Mischief, Run, events, exit_codes, logs, metrics, outcomes

TINY = {"epochs": "3", "input_size": "8", "batch": "24", "norm_batch": "12", "warmup_epochs": "0"}
OWN = {
    "optimizer": "./lion.py:Lion",
    "schedule": "./stairs.py:stairs",
    "loss": "./focal.py:Focal",
    "augment": "./shade.py:Shade",
    "metrics": "./scores.py:order",
    "lr": "0.003",
}


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    own_files.write(tmp_path)
    own_items.write(tmp_path)
    return tmp_path


def spec_of(dataset: str, **recipe: str) -> RunSpec:
    overrides = {name: (value,) for name, value in {**TINY, **recipe}.items()}
    expansion = grid.expand(Axes(modules=("se",), datasets=(dataset,), overrides=overrides))
    assert not expansion.invalid
    (spec,) = expansion.specs
    return spec


def created(root: Path, spec: RunSpec) -> Run:
    run = Run.create(root, spec)
    for version in filter(sources.is_own, spec.code_versions):
        sources.keep(str(version), run.workspace.sources)
    own.keep([spec.dataset], run.workspace.datasets, 0o600)
    return run


@pytest.mark.parametrize(
    ("dataset", "recipe", "world"),
    [
        ("./items.py:make", {}, 1),
        ("./items.py:drawn", {"batch": "4", "norm_batch": "2"}, 2),
        ("digits", {**OWN, "batch": "288", "norm_batch": "96"}, 1),
        ("digits", {"drop_path": "0.5", "batch": "288", "norm_batch": "72"}, 2),
        ("./items.py:make", {**OWN, "augment": "none"}, 2),
    ],
    ids=["data", "data, two processes", "recipe", "drop path", "all, two processes"],
)
def test_own_code_that_is_cut_is_bit_identical(mine: Path, dataset: str, recipe: dict[str, str], world: int) -> None:
    spec = spec_of(dataset, **recipe)
    calm, cut = created(mine / "calm", spec), created(mine / "cut", spec)
    for file in mine.glob("*.py"):  # only the copies count
        file.unlink()
    undisturbed = calm.train(world)
    assert outcomes(undisturbed) == ["completed"] * world, logs(undisturbed)
    parts = []
    for step in (1, 3):
        parts.append(cut.train(world, mischief={0: Mischief(at=step)}))
        assert outcomes(parts[-1]) == ["interrupted"] * world, logs(parts[-1])
    parts.append(cut.train(world))
    assert outcomes(parts[-1]) == ["completed"] * world, logs(parts[-1])
    assert [row["step"] for part in parts for row in events(part, "resumed")] == [2, 4]
    assert metrics(*parts) == metrics(undisturbed)
    assert any("order" in values for values in metrics(undisturbed).values()) == ("metrics" in recipe)
    assert final_digest(cut) == final_digest(calm)


def final_digest(run: Run) -> str:
    """Of the weights in the last checkpoint."""
    (path,) = checkpoint.stored(run.directory)
    state = checkpoint.load(path, run.directory)
    digest = hashlib.sha256()
    for name, value in sorted(state["network"].items()):
        digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()


def test_workers_change_nothing_in_the_items_of_code(mine: Path) -> None:
    spec = spec_of("./items.py:drawn", batch="4", norm_batch="2", augment="imagenet")
    alone, helped = (open_data(spec, DataRoots(), torch.device("cpu"), workers) for workers in (0, 2))
    assert isinstance(alone, StreamedData)
    assert isinstance(helped, StreamedData)
    whole = list(alone.train(0, range(2), 5))
    assert same(helped.train(0, range(2), 5), whole)
    assert same(helped.train(3, range(2), 5), whole[6:])
    assert same(helped.evaluate(0, 1), alone.evaluate(0, 1))
    helped.close()


def test_a_job_without_its_data_waits(mine: Path) -> None:
    (mine / "scale.txt").write_text("1.0")
    run = created(mine / "w", spec_of("./items.py:folder_of", batch="4", norm_batch="4"))
    (mine / "scale.txt").unlink()
    with run.started() as (processes, attempt):
        assert exit_codes(processes) != [0]
    assert outcomes(attempt) == ["data missing"], logs(attempt)
    assert datasets.describe(run.spec.dataset).code == "items:folder_of"
