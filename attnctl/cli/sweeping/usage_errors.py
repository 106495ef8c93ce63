"""What is wrong with the command line of a command that takes modules: an option that they lack, or a second list."""

from __future__ import annotations

from collections.abc import Sequence

from attnctl import attention
from attnctl.cli.errors import similar_option
from attnctl.cli.sweeping.dynamic_options import option_name
from attnctl.sources.signature import ModuleSource
from attnctl.values import comma_join


def explain(sources: Sequence[ModuleSource], error: Exception) -> str | None:
    """The message for an error of Typer; None where Typer's own says enough. sources: the modules that were named."""
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        having = [name for name in attention.names() if option in _options(attention.describe(name))]
        return _unknown_option(sources, option, having) if having or not similar_option(error) else None
    ctx = getattr(error, "ctx", None)
    _, found, words = str(error).partition("unexpected extra argument(s) (")
    first = ctx.params.get("modules") if ctx is not None and found else None
    if not isinstance(first, str):
        return None
    return f"unexpected {words.removesuffix(')')!r}: modules are one comma list; write {_joined(first, words)}"


def _unknown_option(sources: Sequence[ModuleSource], option: str, having: Sequence[str]) -> str:
    """Which hyperparameters these modules have, and which modules have that one."""
    parts = [
        f"{source.name} has {comma_join(own)}" if (own := _options(source)) else f"{source.name} has no hyperparameters"
        for source in sources
    ]
    if having:
        parts.append(f"{option} belongs to {comma_join(having)}")
    return "; ".join([f"No such option: {option}", *parts, "--help lists all options"])


def _options(source: ModuleSource) -> list[str]:
    return [option_name(item.name) for item in source.hyperparameters]


def _joined(first: str, rest: str) -> str:
    return ",".join([first, *rest.removesuffix(")").split()])
