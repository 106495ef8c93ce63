"""Plain help in groups: the headings that a terminal shows as panels."""

from __future__ import annotations

from tests.attnctl.cli.cli_run import Run


def headings(text: str) -> list[str]:
    return [line[:-1] for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]


def test_the_commands_stand_under_their_groups(attnctl: Run) -> None:
    found = headings(attnctl("--help").out)
    assert len(found) > 3
    assert len(found) == len(set(found))
    assert found[0] != "Commands", "each command has a group"


def test_the_options_of_a_command_stand_under_their_groups_and_plain_ones_come_last(attnctl: Run) -> None:
    found = headings(attnctl("sweep", "ela", "--help").out)
    assert found[0] == "Arguments"
    assert found[-1] == "Options"
    assert len(found) > 3
