"""The commands, options and arguments of the command line, read from the Typer app itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from typer.main import get_command

from attnctl.cli.app import build
from attnctl.cli.registry import COMMANDS

# What makes a command line good but for the value under test. `{run}` is replaced by the beginning of a run's id.
GOOD = {
    "sweep": ["ela", "--run-on", "local", "--dry-run"],
    "try": ["ela"],
    "bench": ["ela", "--dataset", "digits", "--batch", "1", "--rounds", "3"],
    "complexity": ["ela", "--backbone", "resnet20", "--dataset", "digits"],
    "audit": ["--paper", "nam", "--table", "4"],
    "diff": ["{run}", "{run}"],
    "show": ["{run}"],
    "logs": ["{run}"],
    "cancel": ["{run}", "--yes"],
    "doctor": ["--job"],
    "export": ["{run}", "--format", "csv"],
    "archive": ["first", "--output", "first.tar.gz"],
    "merge": ["."],
    "figure": ["ela:3"],
    "predict": ["{run}"],
    "eval": ["{run}"],
    "cam": ["{run}"],
    "histogram": ["{run}"],
    "errors": ["{run}"],
    "resume": ["--dry-run"],
    "why": ["{run}"],
    "verdict": ["nam"],
    "rm": ["first", "--yes"],
    "gc": ["--dry-run"],
    "data fetch": ["cifar100"],
    "data pack": ["imagenet"],
    "weights fetch": ["yolox:nano"],
    "weights list": ["yolox:nano"],
    "weights export": ["{run}", "--output", "weights.pt"],
}
NEAR = {
    "--run-on": ["herr", "slrum"],
    "--device": ["gpu", "CUDA"],
    "--backbone": ["resnet21", "./net.py:build", "/", "resnet20,resnet21"],
    "--dataset": ["digit", "cifar"],
    "--placement": ["blok"],
    "--recipe": ["digit", "./mine.toml", "/"],
    "--parameter": ["kernel=5", "ela.kernel", "ela.kernel=", "ela.kernal=5", "se.r=4", ".=", "ela.kernel=4"],
    "--time": ["1:xx", "-5", "0", "1:2:3:4", "10-", "soon"],
    "--partition": ["a b", "a\tb"],
    "--profile": ["big"],
    "--paper": ["nams", "./nam.toml", "/"],
    "--table": ["77", "4,4", "four"],
    "--state": ["timout", "timeout,"],
    "resume --state": ["completed", "running"],
    "--mem": ["lots", "0", "-4G", "4GG"],
    "--constraint": ["a b", "a;b"],
    "--account": ["a b", "a,b"],
    "--qos": ["a b", "-x"],
    "--exclude": ["n1 n2", "n1;n2"],
    "--name": ["../up", "a/b", ".hidden", "a b"],
    "--format": ["html5", "latx"],
    "--x": ["groups", "top1"],
    "--y": ["top2", "accuracy"],
    "--pivot": ["backbon", "module", "seed"],
    "--width": ["3in", "columns", "0", "nan", "39", "501", "-88"],
    "--font": ["No Such Font", "/"],
    "--method": ["grad-cam"],
    "--of": ["gates"],
    "--kernel": ["0", "4", "-3", "65", "5,6", "seven"],
    "modules": ["elaa", "ela,elaa", "ela,ela", "ela,", "./mine.py:Gate", "./mine.toml", "/"],
}
PATHS = {"--workspace", "--lock", "--output", "--class-output"}
TEXTS = {"--caption"}
"""Options that take any line of text."""

ZERO_IS_GOOD = {"--gpus-per-node", "--rank", "--keep", "--threshold", "--margin"}


@dataclass(frozen=True)
class Option:
    """One option, or one argument, of one command, with what is known of its values."""

    command: str
    name: str
    good: tuple[str, ...]
    is_argument: bool
    is_number: bool
    is_list: bool

    @property
    def is_path(self) -> bool:
        return self.name in PATHS

    @property
    def is_text(self) -> bool:
        return self.name in TEXTS

    @property
    def near_misses(self) -> list[str]:
        return [*NEAR.get(self.name, []), *NEAR.get(f"{self.command} {self.name}", [])]

    @property
    def zero_is_good(self) -> bool:
        return self.name in ZERO_IS_GOOD

    def words(self, value: str) -> list[str]:
        """The command line with this value."""
        if self.is_argument:
            return [*self.command.split(), *self.good[1:], "--", value]
        return [*self.command.split(), *self.good, f"{self.name}={value}"]


@cache
def _tree() -> dict[str, Any]:
    names = [command.name for command in COMMANDS]
    # every command is followed by a module, for those whose options depend on it
    group: Any = get_command(build([word for name in names for word in (name, "ela", "--json")], rich=False))
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= {f"{name} {sub}": inner for sub, inner in command.commands.items()}
        else:
            found[name] = command
    return found


def commands() -> list[str]:
    """Every command, subcommands too."""
    return list(_tree())


def options() -> list[Option]:
    """Every option that takes a value, and every argument."""
    return list(_options())


def _options() -> Iterator[Option]:
    for command, made in _tree().items():
        for parameter in made.params:
            if getattr(parameter, "is_flag", False) or parameter.name == "help":
                continue
            annotation = parameter.type_descriptor.annotation
            yield Option(
                command=command,
                name=max(parameter.opts, key=len),
                good=tuple(GOOD.get(command, [])),
                is_argument=parameter.param_type_name == "argument",
                is_number=annotation in {int, float} or int in get_args(annotation),
                is_list=parameter.multiple if hasattr(parameter, "multiple") else False,
            )


def metavars() -> list[tuple[str, str, str | None]]:
    """What every argument is called in the help: its command, its own name and that."""
    return [
        (command, parameter.name, parameter.metavar)
        for command, made in _tree().items()
        for parameter in made.params
        if parameter.param_type_name == "argument"
    ]


def flags() -> list[tuple[str, str]]:
    """Every flag of every command."""
    return [
        (command, max(parameter.opts, key=len))
        for command, made in _tree().items()
        for parameter in made.params
        if getattr(parameter, "is_flag", False) and parameter.name != "help"
    ]
