"""`attnctl modules`: the attention modules and their hyperparameters."""

from __future__ import annotations

import json
from pathlib import Path

from tests.attnctl.cli.cli_run import Run


def test_modules_as_json(attnctl: Run, folder: Path) -> None:
    document = json.loads(attnctl("modules", "--json").out)
    (ela,) = [row for row in document["modules"] if row["name"] == "ela"]
    assert {row["name"]: row["default"] for row in ela["hyperparameters"]}["kernel"] == 7


def test_the_list_explains_how_to_show_hyperparameters(attnctl: Run, folder: Path) -> None:
    assert "attnctl modules NAME explains its hyperparameters" in attnctl("modules").err
    assert "--kernel N,N,..." in attnctl("sweep", "ela", "--help").out


def test_named_modules_show_each_hyperparameter(attnctl: Run, folder: Path) -> None:
    result = attnctl("modules", "ela", "none", "nam")
    assert (result.code, result.err) == (0, "")
    rows = [line.split("  ") for line in result.out.splitlines()]
    found = {
        (row[0].strip(), row[1].strip()) if len(row) > 1 else tuple(row)
        for row in ([*filter(None, row)] for row in rows)
    }
    assert {("ela", "kernel"), ("ela", "num_groups"), ("none", "none")} <= found
    (kernel,) = (line for line in result.out.splitlines() if line.split()[:2] == ["ela", "kernel"])
    assert kernel.split(maxsplit=3) == [
        "ela",
        "kernel",
        "7",
        "a whole number                   kernel size of the 1-D convolution, odd",
    ]


def test_a_users_own_module_is_explained_too(attnctl: Run, folder: Path) -> None:
    Path("gate.py").write_text(
        '''from torch import nn
class Gate(nn.Module):
    """A gate.

    rate: how much it lets through
    """
    version = 1
    def __init__(self, channels: int, *, rate: float = 0.5) -> None:
        super().__init__()
'''
    )
    line = attnctl("modules", "./gate.py:Gate").out.splitlines()[1]
    assert line.split(maxsplit=3) == ["gate:Gate", "rate", "0.5", "a number  how much it lets through"]
