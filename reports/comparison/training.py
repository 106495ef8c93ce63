"""The note on how the rows of a comparison were trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from attnctl import own_data, recipe_parts, recipes
from attnctl.db import RunRow
from attnctl.reports.display_names import DisplayNames
from attnctl.spec import NONE, recipe_fields
from attnctl.units import quantity
from attnctl.values import Scalar, SpecError, comma_join, format_value
from attnctl.workspace.untrusted_json import RecordError

_ALWAYS = ("epochs", "steps", "batch", "optimizer", "lr", "schedule", "weight_decay", "input_size")
"""The fields of a recipe that the note names whatever their values; a zero says that the field does not count."""

_NO_TRAINING = frozenset({"metrics", "val_split", "eval_interval", "eval_resize", "compile", "channels_last"})
"""Fields that leave the training as it is, or that another note names."""

_FORMS = {
    "batch": "batch {}",
    "optimizer": "{}",
    "schedule": "{} schedule",
    "input_size": "inputs of {} pixels",
    "loss": "{} loss",
    "augment": "{} augmentation",
    "ema_decay": "EMA decay {}",
    "cutmix": "CutMix {}",
}
"""The words for fields whose names, with spaces, would not read well."""

_WORDS: Mapping[tuple[str, Scalar], str] = {
    ("loss", recipe_parts.DEFAULT): "cross-entropy loss",
    ("augment", NONE): "no augmentation",
    ("nesterov", True): "Nesterov momentum",
    ("nesterov", False): "no Nesterov momentum",
    ("part_options", NONE): "default options",
}


def training_notes(rows: Sequence[RunRow], names: DisplayNames, sweeps: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """How the rows were trained, for all networks and data sets that were trained alike.

    Further fields stand there where they are not those of the data set's default recipe. sweeps: those that stand side
    by side, with their runs.
    """
    if not sweeps:
        yield from _training(rows, names)
    for sweep, runs in sweeps.items():
        members = set(runs)
        yield from (f"{sweep}: {text}" for text in _training([row for row in rows if row.id in members], names))


def _training(rows: Sequence[RunRow], names: DisplayNames) -> Iterator[str]:
    """Fields in which the rows of a network on a data set differ stand in the titles of the groups."""
    found: dict[tuple[str, str], dict[tuple[Scalar, ...], RunRow]] = defaultdict(dict)
    for row in rows:
        if row.recipe_values:
            found[row.network, row.dataset].setdefault(row.recipe_values, row)
    texts: dict[str, list[str]] = defaultdict(list)
    for (network, dataset), several in found.items():
        recipes_here = [row.recipe for row in several.values()]
        alike = {
            name: value
            for name, value in recipes_here[0].items()
            if all(recipe[name] == value for recipe in recipes_here)
        }
        usual = _usual(next(iter(several.values())))
        texts[comma_join(_told(alike, usual))].append(f"{names.network(network)} on {names.dataset(dataset)}")
    for text, where in texts.items():
        if text:
            yield f"Training{f' of {comma_join(where)}' if len(texts) > 1 else ''}: {text}."


def _told(recipe: Mapping[str, Scalar], usual: Mapping[str, Scalar]) -> Iterator[str]:
    """Such as `8 epochs`, `batch 64`, `sgd`, `lr 0.1`, `focal loss`."""
    yield from (_text(name, recipe[name]) for name in _ALWAYS if recipe.get(name))
    for name, value in recipe.items():
        if name in _ALWAYS or name in _NO_TRAINING or value == usual.get(name, value):
            continue
        yield from _options(str(value)) if name == "part_options" and value != NONE else [_text(name, value)]


def _text(name: str, value: Scalar) -> str:
    if name in {"epochs", "steps"}:
        return quantity(int(str(value)), name[:-1])
    words = _WORDS.get((name, value), "")
    return words or _FORMS.get(name, f"{name.replace('_', ' ')} {{}}").format(format_value(value))


def _options(text: str) -> Iterator[str]:
    """The options of a recipe's parts, such as `loss.gamma 2`."""
    yield from (f"{name} {value}" for name, value in recipe_parts.read(text).items())


def _usual(row: RunRow) -> Mapping[str, Scalar]:
    """What a reader takes for granted: the values of the default recipe, else those that leave the training plain."""
    plain = {name: item.metadata["neutral"] for name, item in recipe_fields().items() if "neutral" in item.metadata}
    usual = {**plain, "momentum": row.recipe.get("momentum"), "augment": "", **_default_recipe(row)}
    forwards = [int(str(value)) for value in (row.recipe["batch"], usual.get("norm_batch")) if value]
    return {**usual, "norm_batch": min(forwards) if len(forwards) > 1 else row.recipe["norm_batch"]}


def _default_recipe(row: RunRow) -> Mapping[str, Scalar]:
    """The values of the default recipe; empty where the data set, the model or the backbone is no longer known."""
    try:
        if own_data.is_own(row.dataset):
            _ = row.spec  # that reads the data set's description too
        return recipes.load(recipes.default_for(row.dataset, row.backbone, row.model))
    except (SpecError, RecordError):
        return {}
