"""The options of `sweep` that make it a search: how many samples of its ranges, and how they are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import typer

from attnctl import recipes
from attnctl.cli import value_names
from attnctl.grid import Axes
from attnctl.search import bayes, halving, samples
from attnctl.spec import recipe_value
from attnctl.values import SpecError
from attnctl.workspace.records import Search

PANEL = "Search"
VAL_SPLIT = 0.1
"""The fraction of the training set by which samples are compared, unless the recipe or `--val-split` says it."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """The options as typed; None if not given."""

    samples: Annotated[
        int | None,
        typer.Option(
            help="Train N samples of ranges such as --lr log:1e-3..1e-1 and of comma lists, as many for each module.",
            rich_help_panel=PANEL,
            metavar=value_names.NUMBER,
        ),
    ] = None
    search: Annotated[
        Literal["random", "sobol", "bayes"] | None,
        typer.Option(
            help="How samples are chosen (default: random); bayes: by optuna, from the results so far.",
            rich_help_panel=PANEL,
        ),
    ] = None
    search_seed: Annotated[
        int | None,
        typer.Option(
            help="Seed of the samples (default: 0); --seed is that of the trainings.",
            rich_help_panel=PANEL,
            metavar=value_names.NUMBER,
            min=0,
            max=2**32 - 1,
        ),
    ] = None

    halving: Annotated[
        int | None,
        typer.Option(
            help="Train all samples briefly, and only the best 1/N of each module longer, up to the whole training.",
            rich_help_panel=PANEL,
            metavar=value_names.NUMBER,
            min=2,
            max=10,
        ),
    ] = None
    asha: Annotated[
        bool,
        typer.Option(
            "--asha",
            help="Let samples go on as soon as they are among the best so far, without waiting for their rung (ASHA).",
            rich_help_panel=PANEL,
        ),
    ] = False

    def check_paper(self) -> None:
        """Raise SpecError if an option is given although the sweep is of a paper."""
        for option in self._given():
            raise SpecError(f"{option} is for a sweep of modules; a paper's table has its own values")

    def request(self, axes: Axes, name: str | None = None) -> tuple[Axes, Search | None]:
        """The axes, with a validation split in a search; and what is searched, None for a grid. Raises SpecError.

        name: of the sweep
        """
        if self.asha and self.halving is None:
            raise SpecError("--asha needs --halving, such as --halving 3")
        if self.samples is None:
            for option in self._given():
                raise SpecError(f"{option} needs --samples, the number of samples")
            samples.check_no_ranges(axes, "--samples 20 trains 20 samples of it")
            return axes, None
        if self.search == "bayes":
            bayes.check_installed()
            if self.halving is not None:
                raise SpecError("--halving is for --search random and sobol; bayes chooses by whole trainings")
        rounds = "--search bayes" if self.search == "bayes" else "--halving" if self.halving is not None else ""
        if rounds and name is None:
            raise SpecError(f"{rounds} needs --name: each round continues the sweep of that name")
        axes = _with_validation(axes)
        method, seed = self.search or "random", self.search_seed or 0
        search = samples.search_of(axes, method, self.samples, seed, self.halving or 0)
        if search.halving:
            halving.check(axes, search)
        return axes, replace(search, asynchronous=self.asha)

    def _given(self) -> Sequence[str]:
        given = {
            "--samples": self.samples,
            "--search": self.search,
            "--search-seed": self.search_seed,
            "--halving": self.halving,
            "--asha": self.asha or None,
        }
        return [option for option, value in given.items() if value is not None]


def _with_validation(axes: Axes) -> Axes:
    """The axes with a validation split: the test set must not choose. Raises SpecError."""
    standing = recipes.load(axes.recipe).get("val_split") if axes.recipe is not None else None
    typed = axes.overrides.get("val_split", (str(standing or VAL_SPLIT),))
    if len(typed) > 1:
        raise SpecError("a search compares its samples on one validation split; give --val-split one value")
    if not recipe_value("val_split", typed[0]):
        raise SpecError(
            "a search chooses by held-out training images, not by the test set; --val-split must be above 0"
        )
    return replace(axes, overrides={**axes.overrides, "val_split": typed})
