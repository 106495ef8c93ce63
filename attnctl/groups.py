"""Named groups of modules, typed as `group:NAME` wherever a command takes modules: those here, and the user's own.

The groups hold gates, which go after a block or a stage; what replaces a norm has other placements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from attnctl.spec import NO_MODULE
from attnctl.values import SpecError, comma_join, did_you_mean

PREFIX = "group:"

LIGHTWEIGHT = (
    *(NO_MODULE, "ca", "ca_gn", "ean", "eca", "ela", "ema", "fca", "ge", "mca", "mlca", "nam", "pdfam"),
    *("sa", "scsa", "se", "sge", "simam", "srm", "strip", "triplet"),
)
"""At most as many parameters as SE at 256 channels, with the default hyperparameters."""

PAPERS = (
    *(NO_MODULE, "bam", "ca", "ca_gn", "cbam", "ean", "eca", "ela", "ema", "gam", "nam", "pdfam", "sa", "se"),
    *("sge", "triplet"),
)
"""The gates that the tables of the built-in papers compare."""

BUILT_IN: Mapping[str, tuple[Sequence[str], str]] = {
    "lightweight": (LIGHTWEIGHT, "at most as many parameters as se"),
    "papers": (PAPERS, "the gates that the built-in papers compare"),
    "channel": ((NO_MODULE, "eca", "ese", "fca", "ge", "mlca", "nam", "se", "srm"), "one gate for each channel"),
    "position": (
        (NO_MODULE, "ca", "ca_gn", "ela", "mca", "scoord", "scsa", "strip", "triplet"),
        "gates along rows and columns",
    ),
    "kernel": ((NO_MODULE, "caa", "cpca", "gam", "lsk", "lska"), "large convolution kernels"),
    "global": ((NO_MODULE, "gc", "nl", "shsa"), "attention between all positions"),
}
"""Name -> the modules, and what they have in common."""


def is_group(text: str) -> bool:
    """Whether a part of a module list names a group."""
    return text.startswith(PREFIX)


def names(own: Iterable[str] = ()) -> tuple[str, ...]:
    """The names of all groups. own: those of the settings."""
    return tuple(sorted({*BUILT_IN, *own}))


def members(name: str, own: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The modules of a group, the plain backbone first if it is one of them. Raises SpecError for an unknown name."""
    if name in own:
        return own[name]
    if name not in BUILT_IN:
        raise SpecError(f"unknown group {name!r}{did_you_mean(name, names(own))}")
    return BUILT_IN[name][0]


def expanded(parts: Iterable[str], own: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The parts of a module list with the groups replaced by their modules, each module once; raises SpecError.

    The plain backbone comes first if a group brought it.
    """
    listed: dict[str, None] = {}
    baseline = False
    for part in parts:
        found = members(part.removeprefix(PREFIX), own) if is_group(part) else (part,)
        baseline |= is_group(part) and NO_MODULE in found
        listed |= dict.fromkeys(found)
    ordered = (NO_MODULE, *(part for part in listed if part != NO_MODULE)) if baseline else listed
    return tuple(ordered)


def fault(name: str, text: str) -> str:
    """What is wrong with a user's group as written in the settings; empty for nothing. Continues a sentence.

    A user's file is not allowed: settings that can name one would have to be trusted before a sweep.
    """
    if name in BUILT_IN:
        return f"is a built-in group; choose another name than {comma_join(BUILT_IN)}"
    if not re.fullmatch(r"[\w.-]+", name):
        return "is not a name of letters, digits, '-', '_' and '.'"
    parts = [part.strip() for part in text.split(",")]
    if not all(parts) or not text.isprintable():
        return "must be a comma list of modules, such as 'none,se,ela'"
    for part in parts:
        if is_group(part):
            return f"holds {part}; write its modules"
        if ".py" in part or "/" in part:
            return f"holds the file {part}; name files in the command: sweep {part},{PREFIX}{name}"
    return ""
