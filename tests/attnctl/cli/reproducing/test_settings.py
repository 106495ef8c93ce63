"""Settings that replace a paper's, for all tables or for one."""

from __future__ import annotations

import pytest

from attnctl.cli.reproducing import settings
from attnctl.papers.runs import Overrides
from attnctl.values import SpecError


def test_what_is_said_for_one_table_counts_more_than_what_is_said_for_all() -> None:
    found = settings.read(["dataset=digits", "epochs=1", "5:dataset=digits-det"], ["3", "5"], 2)
    seeds = ("0", "1")
    assert found == {
        "3": Overrides(dataset="digits", fields={"epochs": "1"}, seeds=seeds),
        "5": Overrides(dataset="digits-det", fields={"epochs": "1"}, seeds=seeds),
    }


def test_dashes_and_spaces_are_as_on_the_command_line() -> None:
    assert settings.read(["norm-batch = 32 "], ["1"], 1)["1"].fields == {"norm_batch": "32"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("digits", "--set 'digits' must be [TABLE:]NAME=VALUE, such as dataset=digits or 5:epochs=3"),
        ("dataset=", "--set 'dataset=' must be [TABLE:]NAME=VALUE, such as dataset=digits or 5:epochs=3"),
        ("epoch=3", "--set 'epoch=3': unknown setting; did you mean 'epochs'?"),
        ("7:epochs=3", "--set '7:epochs=3': table '7' is not reproduced; known: 3, 5"),
    ],
)
def test_what_cannot_be_set_is_one_line(text: str, message: str) -> None:
    with pytest.raises(SpecError) as raised:
        settings.read([text], ["3", "5"], 1)
    assert str(raised.value) == message
