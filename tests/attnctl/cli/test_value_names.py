"""The help of every command: values have the names of the field, never a type of Python."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from rich._emoji_codes import EMOJI
from typer.main import get_command

from attnctl import attention
from attnctl.cli import value_names
from attnctl.cli.app import build
from attnctl.cli.registry import COMMANDS
from tests.attnctl.cli.cli_run import Run

LINES = [[command.name, *sub.split()] for command in COMMANDS for sub in (list(command.functions) or [""])]
WORDS = {
    *("N", "X", "N,N,...", "X,X,...", "true|false", "VALUES", "NAME", "NAMES", "KEY", "KEYS", "TEXT", "TIME", "SIZE"),
    *("DIR", "FILE", "PATH", "FILES", "FILE.tar.gz", "RUN", "ID", "METRIC", "STATES", "FEATURES", "NODES", "CLASS"),
    "PAPER:N",
    *(
        "[PAPER:]N",
        "CONDITIONS",
        "ROW[:COLUMN]",
        "TAG",
        "TAGS",
        "MODULE.NAME=VALUES",
        "[PATTERN=]WEIGHTS",
        "NAME=VALUE",
        "[TABLE:]NAME=VALUE",
        "HOURS",
        "TYPED=SHOWN",
        "MM",
        "[KEY=]N,...",
    ),
}
"""What a value may be called; `|` stands between two of them, and between words that are typed as they are."""

OPTION = re.compile(r"  (?:-\w, )?(--[\w-]+)(?: (\S+))?(?:  |$)")


def helps(attnctl: Run) -> dict[str, str]:
    """The plain help of every command; of those that take modules with the hyperparameters of several."""
    found = {}
    for words in LINES:
        module = ["ela,an,se"] if words[0] in {"sweep", "try", "bench", "complexity"} else []
        for flag in ("--help", "--help-recipe") if words[0] in {"sweep", "try"} else ("--help",):
            result = attnctl(*words, *module, flag)
            assert (result.code, result.err) == (0, ""), words
            found[" ".join([*words, *([flag] if flag != "--help" else [])])] = result.out
    return found


def test_the_plain_help_of_every_command_has_no_type_of_python(attnctl: Run) -> None:
    texts = helps(attnctl)
    for command, text in texts.items():
        assert not re.search(r"<|>|x<|list\[", text), f"{command}: {text}"
    assert "  -p, --parameter MODULE.NAME=VALUES\n" in texts["sweep"]
    assert "  --nodes N                  Number of nodes.  [1 to 4096]\n" in texts["sweep"]
    assert "  --run-on auto|slurm|local  " in texts["sweep"]
    assert "  RUN  A run's id, or its first digits.  [required]\n" in texts["why"]


def test_no_help_has_a_word_between_colons_that_a_terminal_shows_as_a_picture(attnctl: Run) -> None:
    for command, text in helps(attnctl).items():
        names = {name for name in re.findall(r":([\w-]+)(?=:)", text) if name.lower() in EMOJI}
        assert not names, command


def test_every_option_has_a_value_name_from_the_field(attnctl: Run) -> None:
    count = 0
    for command, text in helps(attnctl).items():
        for option, name in OPTION.findall(text):
            typed = name.split("|") if name not in WORDS else []
            assert all(part in WORDS or re.fullmatch(r"[a-z][a-z0-9/-]*", part) for part in typed if part), (
                f"{command} {option} {name}"
            )
            count += bool(name)
    assert count > 150


@pytest.mark.parametrize("words", [[], ["sweep", "ela,an"], ["bench", "se"], ["why"], ["figure"], ["logs"], ["data"]])
def test_the_help_with_colours_has_no_type_of_python(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    made: Any = get_command(build(words, rich=True))
    assert made(args=[*words, "--help"], prog_name="attnctl", standalone_mode=False) in {0, None}
    shown = capsys.readouterr().out
    assert "--help" in shown
    assert not re.search(r"<|>|list\[", shown), shown


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        (bool, "true|false"),
        (int, "N,N,..."),
        (float, "X,X,..."),
        (int | float, "X,X,..."),
        (str, "VALUES"),
        (int | None, "VALUES"),
        (Literal["sgd", "adamw"], "sgd|adamw"),
        (Literal["c", "c/8"] | int, "VALUES"),
        (Literal["none", "shift", "crop-flip", "imagenet", "mosaic"], "NAMES"),
    ],
)
def test_a_list_is_called_by_what_its_type_takes(declared: Any, name: str) -> None:
    assert value_names.of_list(declared) == name


def test_options_with_different_values_in_two_modules_have_a_general_value_name(attnctl: Run) -> None:
    kernels = {
        name: value_names.of_list(item.declared)
        for name in ("ela", "eca")
        for item in attention.describe(name).hyperparameters
        if item.name == "kernel"
    }
    assert kernels == {"ela": "N,N,...", "eca": "VALUES"}
    assert "--kernel N,N,..." in attnctl("sweep", "ela,cbam", "--help").out
    assert "--kernel VALUES" in attnctl("sweep", "ela,eca", "--help").out
