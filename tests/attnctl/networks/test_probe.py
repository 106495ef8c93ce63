"""Checking people's own modules before a sweep: what is checked, what is said, and what is remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attnctl import grid
from attnctl.networks import probe
from attnctl.sources import isolated
from attnctl.spec import RunSpec
from tests.attnctl.networks.probe.own_modules import GOOD, WRONG_SHAPE


def specs(*modules: str) -> list[RunSpec]:
    return grid.expand(grid.Axes(modules=modules, seeds=("0", "1"))).specs


def test_modules_of_attnctl_need_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "ask", lambda *_args, **_options: pytest.fail("a process was started"))
    assert probe.check(specs("none", "se")) == {}


def test_every_run_of_a_broken_module_gets_the_message(tmp_path: Path) -> None:
    (tmp_path / "gates.py").write_text(GOOD + WRONG_SHAPE)
    runs = specs(f"{tmp_path}/gates.py:Good", f"{tmp_path}/gates.py:WrongShape")
    problems = probe.check(runs)
    assert set(problems) == {run.id for run in runs if run.module.endswith("WrongShape")}
    assert set(problems.values()) == {
        "gates:WrongShape gives (2, 16, 16, 32) for a map (2, 16, 32, 32); it must keep the input's shape"
    }


def test_a_passed_check_is_remembered_and_a_failed_one_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gates.py").write_text(GOOD + WRONG_SHAPE)
    runs = specs(f"{tmp_path}/gates.py:Good", f"{tmp_path}/gates.py:WrongShape")
    asked: list[Any] = []
    ask = isolated.ask

    def recorded(name: str, request: Any, *args: Any, **options: Any) -> Any:
        asked.append(request)
        return ask(name, request, *args, **options)

    monkeypatch.setattr(isolated, "ask", recorded)
    assert probe.check(runs) == probe.check(runs) != {}
    assert [len(request) for request in asked] == [2, 1]
    (tmp_path / "gates.py").write_text(GOOD + "CHANGED = True\n")
    assert probe.check(specs(f"{tmp_path}/gates.py:Good")) == {}
    assert len(asked) == 3
