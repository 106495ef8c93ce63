"""The options for the weights that runs start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli.sweeping.init_options import InitOptions
from attnctl.papers.runs import Overrides
from attnctl.values import SpecError
from tests.attnctl.cli.cli_run import Run, assert_refused


def test_settings_of_bases_are_overrides() -> None:
    options = InitOptions(base=["dataset=digits", "norm-batch=64", "epochs=3"])
    assert options.base_overrides() == Overrides(dataset="digits", fields={"norm_batch": "64", "epochs": "3"})
    assert InitOptions().base_overrides() is None


@pytest.mark.parametrize(
    ("text", "said"),
    [("digits", "must be NAME=VALUE"), ("dataset=", "must be NAME=VALUE"), ("epoch=3", "did you mean 'epochs'")],
)
def test_other_settings_are_refused(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        InitOptions(base=[text]).base_overrides()


def test_settings_of_bases_need_a_row(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "se", "--base", "dataset=digits", "--run-on", "local", "--dry-run")
    assert_refused(result, "no row")
    assert result.err == "attnctl: --base needs --table, or --init with a row such as ean:3/SE-R50\n"
