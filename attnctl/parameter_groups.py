"""Parameter groups of a recipe: patterns of parameter names, each with its learning rate and weight decay.

A recipe has them as one text, such as `head.*:lr=10;*.gamma:lr=0.1+weight_decay=0`. The first group whose pattern fits
the whole name of a parameter applies to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from attnctl.values import SpecError, comma_join, convert, did_you_mean, format_value

_SETTINGS = ("lr", "weight_decay")
_EXAMPLE = "'head.*:lr=10;*.gamma:lr=0.1+weight_decay=0'"


@dataclass(frozen=True)
class ParameterGroup:
    """Some parameters. pattern: of their names, with * and ?; lr: factor on the recipe's; weight_decay: None: as it is.

    In the pattern, * also stands for dots, so that `backbone.*` fits `backbone.layer1.0.conv1.weight`.
    """

    pattern: str
    lr: float = 1.0
    weight_decay: float | None = None

    def fits(self, name: str) -> bool:
        """Whether the group contains the parameter of this name."""
        return fnmatchcase(name, self.pattern)


def read(text: str) -> tuple[ParameterGroup, ...]:
    """The groups that a recipe's text describes, in their order. Raises SpecError."""
    groups = tuple(_group(part.strip()) for part in text.split(";"))
    patterns = [group.pattern for group in groups]
    for index, pattern in enumerate(patterns):
        if pattern in patterns[:index]:
            raise SpecError(f"param_groups has {pattern!r} twice; only the first would apply")
    return groups


def canonical(text: str) -> str:
    """The one text of all that describe the same groups. Raises SpecError."""
    return ";".join(f"{group.pattern}:{'+'.join(_settings(group))}" for group in read(text))


def _settings(group: ParameterGroup) -> list[str]:
    lr = [f"lr={format_value(group.lr)}"] if group.lr != 1 or group.weight_decay is None else []
    decay = [] if group.weight_decay is None else [f"weight_decay={format_value(group.weight_decay)}"]
    return lr + decay


def _group(text: str) -> ParameterGroup:
    pattern, colon, settings = (part.strip() for part in text.rpartition(":"))
    if not colon or not pattern or any(character.isspace() for character in pattern):
        raise SpecError(f"param_groups has {text!r}; write PATTERN:SETTING=VALUE, such as {_EXAMPLE}")
    values: dict[str, float] = {}
    for setting in settings.split("+"):
        name, _, value = (part.strip() for part in setting.partition("="))
        if name not in _SETTINGS:
            hint = did_you_mean(name, _SETTINGS) if name else f"; known: {comma_join(_SETTINGS)}"
            raise SpecError(f"param_groups {pattern}: unknown setting {name!r}{hint}")
        number = convert(value, float, f"param_groups {pattern}: {name}")
        if not isinstance(number, float) or number < 0:
            raise SpecError(f"param_groups {pattern}: {name} is {value}; it must be at least 0")
        if name in values:
            raise SpecError(f"param_groups {pattern}: {name} is given twice")
        values[name] = number
    return ParameterGroup(pattern, **values)
