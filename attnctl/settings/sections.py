"""The sections [resume], [checkpoints], [notify], [names] and [groups] of attnctl.toml."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from attnctl import groups
from attnctl.lifecycle.resume_policy import DEFAULT_MODES, MODES, Mode, Rules
from attnctl.lifecycle.state import State
from attnctl.settings.reader import SectionReader
from attnctl.units import parse_memory
from attnctl.values import SpecError, comma_join, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Keep:
    """How many checkpoints `attnctl gc` keeps of a completed run, and of an unfinished one."""

    finished: int = 1
    unfinished: int = 2


@dataclass(frozen=True, kw_only=True)
class Notify:
    """What to do when a sweep has ended. command: its argv; empty for none."""

    command: tuple[str, ...] = ()
    webhook: str = ""

    @property
    def wanted(self) -> bool:
        """Whether a command or a webhook is set."""
        return bool(self.command or self.webhook)


def state_key(state: State) -> str:
    """A state's name in settings and options, such as `out-of-memory`."""
    return str(state).replace(" ", "-")


def read_rules(reader: SectionReader, section: Mapping[str, Any]) -> Rules:
    """The section [resume]; raises ConfigError."""
    numbers = {"attempts": 1, "sweep_attempts": 0, "same_error": 0}
    reader.check_keys(section, (*numbers, "memory_factor", "memory_cap", "actions"), "resume")
    rules: dict[str, Any] = {
        name: _whole(reader, section, "resume", name, least) for name, least in numbers.items() if name in section
    }
    if "memory_factor" in section:
        value = section["memory_factor"]
        if type(value) not in {int, float} or not 1 < value <= 100:
            raise reader.error("resume", "memory_factor", f"is {value!r}; it must be a number above 1, at most 100")
        rules["memory_factor"] = float(value)
    if "memory_cap" in section:
        try:
            rules["memory_cap"] = parse_memory(reader.typed(section["memory_cap"], str, "resume", "memory_cap"))
        except SpecError as error:
            raise reader.error("resume", "memory_cap", f"is wrong: {error}") from error
    rules["actions"] = _actions(reader, reader.typed(section.get("actions", {}), dict, "resume", "actions"))
    return Rules(**rules)


def _actions(reader: SectionReader, section: Mapping[str, Any]) -> dict[State, Mode]:
    # An unconfirmed run may still train: only a command of the user may start it again.
    states = {state_key(state): state for state in DEFAULT_MODES if state is not State.UNCONFIRMED}
    reader.check_keys(section, tuple(states), "resume.actions")
    actions: dict[State, Mode] = {}
    for key, value in section.items():
        for mode in (mode for mode in MODES if mode == value):
            actions[states[key]] = mode  # type: ignore[assignment]
        if states[key] not in actions:
            nearest = did_you_mean(value, MODES) if isinstance(value, str) else ""
            problem = (
                f"is {value!r}; it must be one of {comma_join(MODES)}{nearest if 'did you mean' in nearest else ''}"
            )
            raise reader.error("resume.actions", key, problem)
    return actions


def read_keep(reader: SectionReader, section: Mapping[str, Any]) -> Keep:
    """The section [checkpoints]; raises ConfigError."""
    reader.check_keys(section, ("finished", "unfinished"), "checkpoints")
    least = {"finished": 0, "unfinished": 1}
    return Keep(**{name: _whole(reader, section, "checkpoints", name, least[name]) for name in section})


def read_notify(reader: SectionReader, section: Mapping[str, Any]) -> Notify:
    """The section [notify]; raises ConfigError."""
    reader.check_keys(section, ("command", "webhook"), "notify")
    webhook = reader.typed(section.get("webhook", ""), str, "notify", "webhook")
    parts = urlsplit(webhook)
    if "webhook" in section and (
        parts.scheme not in {"http", "https"} or not parts.hostname or not webhook.isprintable() or " " in webhook
    ):
        raise reader.error("notify", "webhook", "must be an address that begins with https:// (or http://)")
    command = reader.typed(section.get("command", ""), str, "notify", "command")
    try:
        argv = tuple(shlex.split(command))
    except ValueError as error:
        raise reader.error("notify", "command", f"cannot be split into words: {error}") from error
    if ("command" in section and not argv) or "\0" in command:
        raise reader.error("notify", "command", "must be a command")
    return Notify(command=argv, webhook=webhook)


def _whole(reader: SectionReader, section: Mapping[str, Any], name: str, key: str, least: int) -> int:
    value: int = reader.typed(section[key], int, name, key)
    if not least <= value <= 1_000_000:
        raise reader.error(name, key, f"is {value}; it must be at least {least}")
    return value


def read_names(reader: SectionReader, section: Mapping[str, Any]) -> dict[str, str]:
    """The section [names]: what reports show, by what is typed. Raises ConfigError."""
    for key, value in section.items():
        if not isinstance(value, str) or not value.strip() or len(value.splitlines()) > 1:
            raise reader.error("names", key, "must be one line of text, such as 'SE-Net'")
    return {key: value.strip() for key, value in section.items()}


def read_groups(reader: SectionReader, section: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The section [groups]: lists of modules by the name that `group:NAME` has in a command. Raises ConfigError."""
    for name, value in section.items():
        fault = groups.fault(name, reader.typed(value, str, "groups", name))
        if fault:
            raise reader.error("groups", name, fault)
    return {name: tuple(part.strip() for part in value.split(",")) for name, value in section.items()}
