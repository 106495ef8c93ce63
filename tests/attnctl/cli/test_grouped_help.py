"""Plain help in groups: the headings that a terminal shows as panels."""

from __future__ import annotations

from tests.attnctl.cli.cli_cases import metavars
from tests.attnctl.cli.cli_run import Run


def headings(text: str) -> list[str]:
    return [line[:-1] for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]


def test_the_commands_are_listed_under_their_groups(attnctl: Run) -> None:
    found = headings(attnctl("--help").out)
    assert len(found) > 3
    assert len(found) == len(set(found))
    assert found[0] != "Commands", "each command has a group"


def test_options_are_listed_under_their_groups_and_ungrouped_ones_last(attnctl: Run) -> None:
    found = headings(attnctl("sweep", "ela", "--help").out)
    assert found[0] == "Arguments"
    assert found[-1] == "Options"
    assert len(found) > 3


def test_an_argument_has_a_name_in_capitals_and_brackets_are_left_to_the_usage_line(attnctl: Run) -> None:
    """A missing argument is reported by that name."""
    found = metavars()
    assert len(found) > 20
    named = [metavar for _, _, metavar in found if metavar and metavar[0].isupper() and not metavar.endswith("...")]
    assert len(named) == len(found), [row for row in found if row[2] not in named]
    assert attnctl("diff", "3fa2").err == "attnctl: Missing argument 'RUN'.\n"
    assert "attnctl export [OPTIONS] [SWEEP|RUN]...\n" in attnctl("export", "--help").out
