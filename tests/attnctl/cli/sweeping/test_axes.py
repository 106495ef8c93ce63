"""The axes of a sweep from what is typed."""

from __future__ import annotations

import pytest

from attnctl.cli.sweeping.axes import addresses, axes
from attnctl.cli.sweeping.dynamic_options import Dynamic
from attnctl.values import SpecError


def test_axes_accept_lists_defaults_and_addresses() -> None:
    made = axes(
        "ela,se",
        given={"backbone": ["resnet20", "resnet18"], "dataset": None, "placement": None, "seed": None},
        addressed=["ela.num-groups=4, 8"],
        recipe=None,
        dynamic=Dynamic({"kernel": "5,7"}, {"lr": "0.1"}),
        defaults={"seed": "0,1", "epochs": 3, "lr": 0.5, "backbone": "resnet50"},
    )
    assert made.backbones == ("resnet20", "resnet18")
    assert made.seeds == ("0", "1")
    assert made.overrides == {"epochs": ("3",), "lr": ("0.1",)}
    assert made.addressed == {("ela", "num_groups"): ("4", "8")}


@pytest.mark.parametrize("text", ["kernel=5", "ela.kernel", "ela.kernel=", "=", "ela.=5"])
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        addresses([text])
