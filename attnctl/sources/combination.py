"""Several modules in one network, declared as one: the hyperparameters of `ean+se` are `ean.G`, `se.r` and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attnctl.components import AND
from attnctl.sources.signature import Hyperparameter, ModuleSource
from attnctl.values import Scalar, SpecError, comma_join


@dataclass(frozen=True, kw_only=True)
class Combination(ModuleSource):
    """Several modules. Its hyperparameters are those of its parts, each with the name of its module before it."""

    parts: tuple[ModuleSource, ...]

    def check(self, values: Mapping[str, Scalar], channels: int | None = None) -> None:
        """Raise SpecError when a rule of a part is violated. With `channels`, all parts are at so many."""
        for part in self.parts:
            part.check(of_part(part, values), channels)

    def check_any_size(self, values: Mapping[str, Scalar], network: str) -> None:
        """Raise SpecError if a part with these values works for maps of one size only."""
        for part in self.parts:
            part.check_any_size(of_part(part, values), network)

    def resolve(self, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """The values of all hyperparameters, as for one module. Raises SpecError."""
        for name in given:
            if name.rpartition(".")[0] not in {part.name for part in self.parts}:
                raise SpecError(f"{self.name} has no hyperparameter {name!r}; write {self.parts[0].name}.NAME")
        return {
            f"{part.name}.{name}": value
            for part in self.parts
            for name, value in part.resolve(of_part(part, given)).items()
        }


def combine(parts: Sequence[ModuleSource]) -> Combination:
    """The parts as one module; raises SpecError for a module that is there twice."""
    names = [part.name for part in parts]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SpecError(f"{AND.join(names)} has {twice} twice; one module at several places is {twice}@conv2{AND}stage")
    unsplittable = [name for name in names if AND in name or "@" in name]
    if unsplittable:
        raise SpecError(f"a file in a combination cannot have + or @ in its name: {comma_join(unsplittable)}")
    return Combination(
        parts=tuple(parts),
        name=AND.join(names),
        class_name="",
        path=parts[0].path,
        import_name="",
        summary="; ".join(part.summary for part in parts),
        version=AND.join(part.version for part in parts),
        hyperparameters=tuple(
            Hyperparameter(f"{part.name}.{item.name}", item.declared, item.default, item.help)
            for part in parts
            for item in part.hyperparameters
        ),
        neutral={f"{part.name}.{name}": value for part in parts for name, value in part.neutral.items()},
    )


def parts_of(source: ModuleSource) -> tuple[ModuleSource, ...]:
    """The modules of a combination; a single module itself."""
    return source.parts if isinstance(source, Combination) else (source,)


def values_of(source: ModuleSource, part: ModuleSource, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The hyperparameters of one of the modules of a source, by its own names."""
    return of_part(part, values) if isinstance(source, Combination) else dict(values)


def of_part(part: ModuleSource, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Of a combination's hyperparameters those of a part, by its own names."""
    prefix = f"{part.name}."
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
