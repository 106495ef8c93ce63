"""A wrong option or argument of a command that takes modules: the message names what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run, assert_refused

CASES = {
    "an option of another module": (
        ["sweep", "se", "--kernel", "5"],
        "No such option: --kernel; se has --r, --bias, --min-channels; "
        "--kernel belongs to caa, cbam, eca, ela, lska, strip, triplet; --help lists all options",
    ),
    "an option that neither module has": (["sweep", "se,simam", "--K=3"], "simam has --e-lambda; --K belongs to an;"),
    "an option of no module": (["try", "simam", "--foo", "3"], "--foo; simam has --e-lambda; --help lists all options"),
    "a misspelt option": (["sweep", "ela", "--kernal", "5"], "No such option: --kernal; did you mean --kernel?"),
    "an option without a module": (
        ["sweep", "--kernel", "5"],
        "--kernel belongs to caa, cbam, eca, ela, lska, strip, triplet",
    ),
    "the plain backbone": (["complexity", "none", "--r", "4"], "No such option: --r; --r belongs to "),
    "a second module": (["sweep", "se", "ela"], "unexpected 'ela': modules are one comma list; write se,ela"),
    "two more modules": (
        ["try", "se", "ela", "an"],
        "unexpected 'ela an': modules are one comma list; write se,ela,an",
    ),
    "a second module to measure": (["bench", "se", "ela"], "modules are one comma list; write se,ela"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_message_names_the_valid_choices(case: str, attnctl: Run, folder: Path) -> None:
    words, message = CASES[case]
    result = attnctl(*words)
    assert_refused(result, case)
    assert message in result.err


def test_commands_still_accept_modules_one_by_one(attnctl: Run, folder: Path) -> None:
    assert attnctl("complexity", "se", "eca", "--backbone", "resnet20", "--dataset", "digits").code == 0


@pytest.mark.parametrize(
    "words", [["why", "a", "b"], ["recipes", "cifar", "--reciep"], ["data", "check", "voc07", "x"]]
)
def test_other_commands_point_to_their_help(words: list[str], attnctl: Run, folder: Path) -> None:
    result = attnctl(*words)
    assert_refused(result, " ".join(words))
    if words[0] != "recipes":
        command = " ".join(words[:2] if words[0] == "data" else words[:1])
        assert (
            result.err
            == f"attnctl: unexpected {words[-1]!r}; `attnctl {command} --help` shows what the command takes\n"
        )
