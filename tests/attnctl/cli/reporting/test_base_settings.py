"""The settings of rows from which other rows start; tests/attnctl/cli/sweeping/test_bases.py trains with them."""

from __future__ import annotations

from pathlib import Path

from attnctl.cli.reporting.base_settings import of_tables, of_words
from attnctl.files import write_atomic
from attnctl.papers import load
from attnctl.papers.runs import Overrides
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep


def swept(folder: Path, name: str, created: float, **overrides: object) -> None:
    sweep = Sweep(name=name, created=created, command=[], runs=[], paper="ean", table="3", overrides=overrides)
    write_atomic(Workspace(folder).sweep(name), sweep.encode())


def test_what_is_said_goes_before_the_newest_sweep(tmp_path: Path) -> None:
    tables = [load("ean").tables["5"]]
    assert of_tables(tables, Overrides(), None, Workspace(tmp_path)).bases == {}
    swept(tmp_path, "old", 1.0, dataset="cifar10", seeds=["0"])
    swept(tmp_path, "new", 2.0, dataset="digits", fields={"epochs": "1"}, seeds=["0", "1"])
    found = of_tables(tables, Overrides(dataset="digits-det"), None, Workspace(tmp_path))
    assert found.bases == {"ean:3": {"dataset": "digits", "fields": {"epochs": "1"}}}
    assert found.dataset == "digits-det"
    said = of_tables(tables, Overrides(), Overrides(dataset="cifar100"), Workspace(tmp_path))
    assert said.bases == {"*": {"dataset": "cifar100"}}
    assert of_words(["ean:3/SE-R50"], None, Workspace(tmp_path)).bases == found.bases
    assert of_words(["random"], None, Workspace(tmp_path)).bases == {}
