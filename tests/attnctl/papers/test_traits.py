"""What a module is: built and fed, against modules whose nature is plain."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl import attention, papers
from attnctl.papers import traits
from attnctl.papers.model import Setup
from attnctl.values import SpecError

HEAD = "import torch\nfrom torch import nn\n\n\nclass Mine(nn.Module):\n"
INIT = "    def __init__(self, channels: int, *, k: int = 1) -> None:\n        super().__init__()\n"


def own(folder: Path, init: str, forward: str) -> Setup:
    file = folder / "mine.py"
    file.write_text(f"{HEAD}{INIT}        {init}\n\n    def forward(self, x):\n        return {forward}\n")
    return Setup(module=f"{file}:Mine")


def test_the_file_contains_the_measured_traits_of_the_papers_modules() -> None:
    assert dict(traits._of_papers()) == traits._stored()


@pytest.mark.parametrize(
    ("init", "forward", "keeps", "far"),
    [
        # a gate of the mean of each channel
        (
            "self.w = nn.Parameter(torch.ones(channels, 1, 1))",
            "x * (self.w * x.mean((2, 3), True)).sigmoid()",
            True,
            False,
        ),
        # one for all channels
        ("self.w = nn.Parameter(torch.ones(1))", "x * (self.w * x.mean((1, 2, 3), True)).sigmoid()", False, False),
        # half of the channels
        (
            "self.w = nn.Conv2d(channels, channels // 2, 1)",
            "x * torch.cat([self.w(x.mean((2, 3), True))] * 2, 1)",
            False,
            False,
        ),
        # the row, and the column
        ("self.w = nn.Parameter(torch.ones(1))", "x * (self.w * x.mean(3, True)).sigmoid()", True, True),
        ("self.w = nn.Parameter(torch.ones(1))", "x * (self.w * x.mean(2, True)).sigmoid()", True, True),
        # a window
        (
            "self.w = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)",
            "x * self.w(x).sigmoid()",
            True,
            False,
        ),
        # itself
        ("self.w = nn.Parameter(torch.ones(1))", "x * (self.w * x).sigmoid()", True, False),
        # the largest of the whole map
        ("self.w = nn.Parameter(torch.ones(1))", "x * (self.w * x.amax((2, 3), True)).sigmoid()", True, False),
    ],
    ids=["mean", "one mean", "half", "row", "column", "window", "pointwise", "maximum"],
)
def test_traits_describe_what_a_module_computes(
    tmp_path: Path, init: str, forward: str, keeps: bool, far: bool
) -> None:
    found = traits.of(own(tmp_path, init, forward))
    assert found is not None
    assert (found.keeps_channels, found.long_range) == (keeps, far)


@pytest.mark.parametrize("r", [4, 8, 16, 32])
def test_lightweight_means_fewer_parameters_than_se(r: int) -> None:
    found = traits.of(Setup(module="se", hyperparameters={"r": r}))
    assert found is not None
    assert found.lightweight == (r > 16)
    assert found.lighter == (traits.WIDTHS if r > 16 else ())


def test_a_module_that_is_lighter_only_at_some_widths_lists_them() -> None:
    for groups, lighter in (
        ("c", traits.WIDTHS[1:]),  # 9 C against C * C / 8
        ("c/8", traits.WIDTHS[3:]),  # 58 C
    ):
        found = traits.of(Setup(module="ela", hyperparameters={"kernel": 7, "groups": groups}))
        assert found is not None
        assert (found.lightweight, found.lighter) == (False, lighter)


def test_every_module_can_be_described() -> None:
    for name in attention.names():
        assert traits.of(Setup(module=name)) is not None


def test_a_module_that_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    setup = own(tmp_path, "self.w = nn.Conv2d(channels + 1, channels, 1)", "x * self.w(x)")
    with pytest.raises(SpecError, match=r"mine:Mine cannot be analysed: .* to have 65 channels"):
        traits.of(setup)


def test_the_plain_backbone_is_not_a_module_and_unknown_modules_are_errors() -> None:
    assert traits.of(Setup()) is None
    with pytest.raises(SpecError, match="unknown module 'elaa'; did you mean 'ela'"):
        traits.of(Setup(module="elaa"))


def test_elas_table_shows_computed_and_printed_values() -> None:
    table = papers.load("ela").tables["1"]
    words = {True: "yes", False: "no"}
    differing = {}
    for row in table.rows:
        found = traits.of(row.setup)
        for column in table.columns:
            if (ours := words[getattr(found, column.metric)]) != row.published[column.key]:
                differing[row.name, column.key] = ours
    assert differing == {("SE block", "lightweight"): "no", ("SA", "no_dr"): "yes"}
