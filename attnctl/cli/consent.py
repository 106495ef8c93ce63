"""Asks the user to trust a settings file before what it names is run or sent: see `attnctl.settings.acting`."""

from __future__ import annotations

import sys

import typer

from attnctl.cli import output
from attnctl.settings import trust
from attnctl.settings.config import Config


def ask(config: Config, *, as_json: bool = False) -> None:
    """Make sure that the settings may act: on a terminal ask, elsewhere raise ConfigError if they may not."""
    if config.ignored or config.may_act or not _can_ask(as_json):
        config.check_may_act()
        return
    for item in config.acting:
        output.note(str(item))
    typer.confirm(f"{config.file} runs or sends this. Trust it?", abort=True, err=True)
    if config.file is not None and config.source is not None:
        trust.accept(config.file, config.source, config.acting)


def ask_before_planning(config: Config, *, as_json: bool = False) -> None:
    """As `ask`, but only if planning alone runs something: a default may name a Python file."""
    if any(item.of_planning for item in config.acting):
        ask(config, as_json=as_json)


def note_untrusted(config: Config) -> None:
    """Say that the settings are not trusted yet, in a command that shows what would be run."""
    if not config.may_act:
        output.note(f"{config.file} is not trusted yet; `attnctl trust` shows and trusts what it runs or sends")


def _can_ask(as_json: bool) -> bool:
    return not as_json and output.is_terminal(sys.stdin) and output.is_terminal()
