"""What a sweep says of users' own data sets: how they are trained, what is left out, and that one has changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attnctl import own_data
from attnctl.datasets import own
from attnctl.settings.config import Config
from attnctl.spec import Recipe, RunSpec
from attnctl.units import quantity
from attnctl.values import comma_join, format_value


def notes(config: Config, specs: Sequence[RunSpec]) -> Iterator[str]:
    """Sentences on each own data set of these runs that this command has measured."""
    for name in dict.fromkeys(spec.dataset for spec in specs):
        if (measured := own.MEASURED.get(name)) is None:
            continue
        yield from _of_data(measured)
        recipes = dict.fromkeys(spec.recipe for spec in specs if spec.dataset == name)
        if len(recipes) == 1:
            yield _training(measured, next(iter(recipes)))
        yield from _changed(config, measured)


def _of_data(measured: own.Measured) -> Iterator[str]:
    data = measured.dataset
    how = f"a split of {measured.text} (seed {data.split_seed})" if data.split else measured.text
    yield (
        f"{data.name}: {quantity(data.classes, 'class')}, {quantity(data.train_size, 'training image')} and "
        f"{quantity(data.test_size, 'test image')}, from {how}"
    )
    yield from (f"{data.name}: {words}" for words in measured.notes)


def _training(measured: own.Measured, recipe: Recipe) -> str:
    """The values that a user of an own data set should look at."""
    name = measured.dataset.name
    if not measured.dataset.height:
        size = f"input size {recipe.input_size}" if recipe.input_size else "the model's image size"
        return (
            f"{name}: {_length(recipe)} of batch {recipe.batch}, lr {format_value(recipe.lr)}, augmentation "
            f"{recipe.augment}, at {size}; change it with --epochs, --batch, --lr, --augment, "
            "--min-sizes or --recipe"
        )
    side = recipe.input_size or measured.dataset.height
    crop = "a random crop and flip" if recipe.augment == "imagenet" else f"augmentation {recipe.augment}"
    return (
        f"{name}: {_length(recipe)} of batch {recipe.batch}, lr {format_value(recipe.lr)}, {crop}, at "
        f"{side}x{side} (evaluated: resized to {round(side * 256 / 224)}, then cropped); change it with --epochs, "
        "--batch, --lr, --augment, --input-size or --recipe"
    )


def _length(recipe: Recipe) -> str:
    return quantity(recipe.epochs, "epoch") if recipe.epochs else quantity(recipe.steps, "step")


def _changed(config: Config, measured: own.Measured) -> Iterator[str]:
    """That the workspace has runs of the same folder with other content."""
    stem, content = own_data.stem(measured.dataset.name), measured.dataset.content
    others = [
        name
        for name, record in own.recorded(config.workspace.datasets).items()
        if own_data.stem(name) == stem and own.describe(name).content != content
    ]
    if others:
        runs = "whose runs are kept apart from the new ones"
        yield f"{measured.text} has changed: this workspace already has {comma_join(others)}, {runs}"
