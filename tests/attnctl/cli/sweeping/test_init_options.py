"""The options for the weights that runs start from."""

from __future__ import annotations

import pytest

from attnctl.cli.sweeping.init_options import InitOptions
from attnctl.papers.runs import Overrides
from attnctl.values import SpecError


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
