"""The named parts of a recipe and their options: optimizer, schedule, loss, augmentation and metrics.

A part is one of the names below, or a class or function in a user's file. A recipe holds the options of all its parts
as one text, such as `loss.gamma=2;optimizer.eps=1e-06`. Options at their defaults are left out, so that they do not
change the id of a run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attnctl.values import Scalar, SpecError, comma_join, convert, did_you_mean, format_value

KINDS = ("optimizer", "schedule", "loss", "augment", "metrics")
"""The recipe's fields that name a part; several metrics are joined with +."""

DEFAULT, NONE = "default", "none"

_EXAMPLE = "'loss.gamma=2;optimizer.eps=1e-06'"
_CANONICAL = re.compile(r"[^:/;=]+:[A-Za-z_]\w*")
"""A class or function of a user's file, as a run's spec has it: `mine:MyLoss`."""

NUMBERS = tuple[float, ...]
"""The type of an option that is several numbers: typed and kept as a text such as 0.9+0.999."""


@dataclass(frozen=True)
class Option:
    """One option of a part. declared: a type for `attnctl.values.convert`, or NUMBERS. default: None: not passed on."""

    name: str
    declared: Any
    default: Scalar

    def convert(self, value: Scalar, prefix: str) -> Scalar:
        """`value`, possibly typed as text, as the canonical value of this option. Raises SpecError."""
        if self.declared is not NUMBERS:
            return convert(value, self.declared, prefix)
        numbers = numbers_of(str(value))
        length = len(numbers_of(str(self.default)))
        if len(numbers) != length:
            raise SpecError(f"{prefix} is {format_value(value)}; it must be {length} numbers such as {self.default}")
        return joined(numbers)

    def argument(self, value: Scalar) -> Any:
        """The value as the part's constructor takes it."""
        return numbers_of(str(value)) if self.declared is NUMBERS else value


def numbers_of(text: str) -> tuple[float, ...]:
    """The numbers of a text such as 0.9+0.999; empty if it is malformed."""
    try:
        return tuple(float(part) for part in re.split(r"(?<![eE])\+", text))
    except ValueError:
        return ()


def joined(numbers: tuple[float, ...]) -> str:
    """The numbers as one text: 0.9+0.999."""
    return "+".join(format_value(float(number)) for number in numbers)


def _options(**defaults: Scalar | tuple[float, ...]) -> tuple[Option, ...]:
    return tuple(
        Option(name, NUMBERS, joined(value)) if isinstance(value, tuple) else Option(name, type(value), value)
        for name, value in defaults.items()
    )


_ADAM = _options(betas=(0.9, 0.999), eps=1e-8)

OPTIMIZERS: Mapping[str, tuple[Option, ...]] = {
    "sgd": _options(dampening=0.0),
    "adamw": (*_ADAM, *_options(amsgrad=False)),
    "adam": (*_ADAM, *_options(amsgrad=False)),
    "nadam": (*_ADAM, *_options(momentum_decay=0.004, decoupled_weight_decay=False)),
    "radam": (*_ADAM, *_options(decoupled_weight_decay=False)),
    "adamax": _ADAM,
    "adagrad": _options(lr_decay=0.0, initial_accumulator_value=0.0, eps=1e-10),
    "adadelta": _options(rho=0.9, eps=1e-6),
    "asgd": _options(lambd=1e-4, alpha=0.75, t0=1e6),
    "rmsprop": _options(alpha=0.99, eps=1e-8, centered=False),
    "rprop": _options(etas=(0.5, 1.2), step_sizes=(1e-6, 50.0)),
    "lamb": _options(betas=(0.9, 0.999), eps=1e-6, max_grad_norm=1.0),
    "rmsprop-tf": _options(alpha=0.9, eps=1e-3),
}
"""Those of torch.optim for dense parameters of any shape, LAMB, and RMSprop as in TensorFlow.

momentum, nesterov and weight_decay are recipe fields.
"""

SCHEDULES: Mapping[str, tuple[Option, ...]] = dict.fromkeys(("constant", "step", "multistep", "cosine", "poly"), ())

_ERASING = _options(erasing=0.0)

AUGMENTATIONS: Mapping[str, tuple[Option, ...]] = {
    **dict.fromkeys(("none", "shift", "crop-flip", "imagenet", "flip", "flip-shift", "ssd", "mosaic", "seg"), ()),
    "randaugment": (*_options(num_ops=2, magnitude=9), *_ERASING),
    "trivialaugment": _ERASING,
    "autoaugment": _ERASING,
    "augmix": (*_options(severity=3, mixture_width=3, chain_depth=-1, alpha=1.0), *_ERASING),
}
"""The last four are torchvision's, after a random crop and flip; erasing: the probability of random erasing."""

POLICIES = ("randaugment", "trivialaugment", "autoaugment", "augmix")

LOSSES: Mapping[str, tuple[Option, ...]] = {
    DEFAULT: (),
    "bce": _options(threshold=0.0),
    "focal": _options(gamma=2.0),
}
"""default: cross-entropy. threshold: targets above it become 1, others 0; 0: they stay as they are."""

METRICS: Mapping[str, tuple[Option, ...]] = {NONE: ()}

BUILT_IN: Mapping[str, Mapping[str, tuple[Option, ...]]] = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "loss": LOSSES,
    "augment": AUGMENTATIONS,
    "metrics": METRICS,
}
"""Kind -> name -> options."""

EXAMPLES: Mapping[str, str] = {
    "optimizer": "./mine.py:MyOptimizer",
    "schedule": "./mine.py:my_schedule",
    "loss": "./mine.py:MyLoss",
    "augment": "./mine.py:MyAugmentation",
    "metrics": "./mine.py:my_metric",
}


def metric_columns(text: str) -> tuple[str, ...]:
    """The names of the results of a recipe's metrics: of `mine:kappa+mine:F1` kappa and F1."""
    return tuple(name.partition(":")[2] for name in text.split("+")) if text != NONE else ()


def is_policy(augment: str) -> bool:
    """Whether an augmentation follows a random crop and flip: torchvision's and timm's do."""
    return augment in POLICIES or augment.startswith("timm:")


def is_file(name: str) -> bool:
    """Whether a part's name, as typed, refers to a user's file: `./mine.py:MyLoss`."""
    return ".py" in name or "/" in name


def check_name(kind: str, text: str) -> None:
    """Raise SpecError unless `text` is a name of that kind, or can be a user's file or a class or function of one."""
    if text in BUILT_IN[kind] or is_file(text) or all(map(_CANONICAL.fullmatch, text.split("+"))):
        return
    known = BUILT_IN[kind]
    raise SpecError(
        f"{kind} is {text or 'empty'}; it must be one of {comma_join(known)}, or a file such as {EXAMPLES[kind]}"
        + (did_you_mean(text, known) if did_you_mean(text, known).startswith("; did") else "")
    )


def read(text: str) -> dict[str, str]:
    """The options of a recipe's text by name, such as `loss.gamma`. Raises SpecError."""
    options: dict[str, str] = {}
    for part in text.split(";") if text != NONE else ():
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value or not is_option(name):
            raise SpecError(f"part_options has {part.strip()!r}; write PART.NAME=VALUE, such as {_EXAMPLE}")
        if name in options:
            raise SpecError(f"part_options has {name} twice")
        options[name] = value
    return options


def merged(base: Mapping[str, Scalar], values: Mapping[str, Scalar]) -> str:
    """The options of a recipe whose values replace some of a base's: its own, and those of parts that it keeps."""
    kept = {name: value for name, value in read(_text(base)).items() if name.partition(".")[0] not in values}
    return written({**kept, **read(_text(values))})


def _text(values: Mapping[str, Scalar]) -> str:
    return str(values.get("part_options", NONE))


def is_option(name: str) -> bool:
    """Whether a name is that of a part's option: `loss.gamma`."""
    kind, dot, option = name.partition(".")
    return bool(dot) and kind in KINDS and option.isidentifier()


def written(options: Mapping[str, Scalar]) -> str:
    """The text of options, sorted by name; `none` if there are none. Raises SpecError for a value that has a `;`."""
    texts = {name: format_value(value) for name, value in sorted(options.items())}
    for name, value in texts.items():
        if ";" in value:
            raise SpecError(f"{name} is {value}; it cannot have a semicolon")
    return ";".join(f"{name}={value}" for name, value in texts.items()) or NONE


def setting_text(name: str, value: Scalar) -> str:
    """A recipe's field as text: `lr=0.1`, and the options of its parts: `loss.gamma=2 optimizer.eps=1e-06`."""
    if name == "part_options":
        return "default options" if value == NONE else str(value).replace(";", " ")
    return f"{name}={format_value(value)}"


def read_code(code: str) -> dict[str, tuple[str, ...]]:
    """Kind -> versions of its users' files, from a run's `Versions.recipe`: `loss=ast:...;metrics=ast:...+ast:...`."""
    return {
        kind: tuple(versions.split("+"))
        for kind, _, versions in (item.partition("=") for item in code.split(";"))
        if kind
    }


def written_code(versions: Mapping[str, tuple[str, ...]]) -> str:
    """The inverse of `read_code`."""
    return ";".join(f"{kind}={'+'.join(items)}" for kind, items in sorted(versions.items()) if any(items))
