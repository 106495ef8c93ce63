"""Requests that are small and real."""

from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.grid import Axes, expand
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace.layout import Workspace


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(workspace=Workspace(tmp_path / "it's a ü workspace"))


@pytest.fixture
def make_specs() -> Callable[[int], list[RunSpec]]:
    def make(count: int) -> list[RunSpec]:
        overrides = {"epochs": ("1",), "batch": ("128",), "norm_batch": ("64",)}
        return expand(Axes(modules=("se",), seeds=tuple(map(str, range(count))), overrides=overrides)).specs

    return make
