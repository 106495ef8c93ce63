"""`[[slurm.rules]]` of attnctl.toml: settings of [slurm] for the runs of some networks, data sets or modules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from attnctl.settings.reader import SectionReader
from attnctl.spec import RunSpec

MATCHED = ("backbone", "dataset", "model", "module")
"""The keys that say which runs a rule is for; each is a pattern, or several with commas between them."""

SECTION = "slurm.rules"
"""Where the rules stand; those of a profile stand in `slurm.profiles.NAME.rules`."""


@dataclass(frozen=True, kw_only=True)
class ResourceRule:
    """One rule. section: where it stands; number: which one there, from 1.

    patterns: of the keys that it names, all of which must match. settings: the fields of SlurmOptions that it sets.
    """

    section: str
    number: int
    patterns: Mapping[str, str]
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        """Such as `rule 2 (backbone=resnet101*, dataset=imagenet)`."""
        return f"{self.name} ({', '.join(f'{key}={pattern}' for key, pattern in self.patterns.items())})"

    @property
    def name(self) -> str:
        """Such as `rule 2`, or `rule 1 of profile big`."""
        profile = re.fullmatch(r"slurm\.profiles\.(.+)\.rules", self.section)
        return f"rule {self.number}{f' of profile {profile[1]}' if profile else ''}"

    def matches(self, spec: RunSpec) -> bool:
        """Whether the rule is for this run. A classifier has no model, so that no pattern matches it."""
        return all(_fits(getattr(spec, key), pattern) for key, pattern in self.patterns.items())


def _fits(value: str, patterns: str) -> bool:
    return bool(value) and any(fnmatchcase(value, part.strip()) for part in patterns.split(","))


def read_patterns(reader: SectionReader, section: str, values: Mapping[str, Any]) -> dict[str, str]:
    """What the rule says about its runs; raises ConfigError. section: with the rule's index, `slurm.rules.0`."""
    patterns: dict[str, str] = {}
    for key in (key for key in MATCHED if key in values):
        text = reader.typed(values[key], str, section, key)
        if not text.isprintable() or not all(part.strip() for part in text.split(",")):
            raise reader.error(section, key, 'must be a name or a pattern, such as "resnet101" or "resnet*,vgg*"')
        patterns[key] = text
    return patterns
