"""What a run is called in programs that show names and not ids."""

from __future__ import annotations

import dataclasses
import re

from attnctl.grid import Axes, expand
from attnctl.reports.exchange.names import folder, title

PLAIN, ELA = expand(Axes(modules=("none", "ela"), hyperparameters={"kernel": ("5",)}, seeds=("3",))).specs


def test_a_title_names_the_networks_and_the_data_set() -> None:
    assert title(PLAIN) == "no attention resnet20 digits seed 3"
    assert title(ELA).startswith("ela ")
    assert "kernel=5" in title(ELA)


def test_a_folders_name_is_plain_and_ends_in_the_runs_id() -> None:
    names = [folder(spec) for spec in (PLAIN, ELA)]
    assert [name.rpartition("-")[2] for name in names] == [PLAIN.id, ELA.id]
    assert all(re.fullmatch(r"[A-Za-z0-9._=+-]+", name) for name in names)


def test_a_long_name_is_cut_before_the_id() -> None:
    many = dataclasses.replace(ELA, hyperparameters=tuple((f"name{k}", "x" * 30) for k in range(6)))
    assert len(folder(many)) <= 120 + 1 + len(many.id)
