"""Which sample of a search wins."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

from attnctl.reports.search_samples import modules_of
from attnctl.search.halving import shortened
from tests.reports.report_rows import of_specs
from tests.reports.search_cases import axes, case, searched


def test_samples_are_ranked_for_each_module_by_the_mean_over_the_seeds() -> None:
    search, rows = case((80, 82, 60, 61, 90, 70, 70, 71), "se", "ela", seeds=("0", "1"))
    se, ela = modules_of(search, rows)
    assert [sample.runs.values(se.metric) for sample in se.ranked] == [[80, 82], [90, 70]]
    assert [sample.runs.values(ela.metric) for sample in ela.ranked] == [[70, 71], [60, 61]]
    assert se.winner is se.ranked[0]
    assert se.winner.values == {"lr": rows[0].spec.recipe.lr}
    assert list(ela.ranked[0].values) == ["lr", "ela.kernel"]
    assert se.points == ela.points


def test_nothing_wins_before_all_samples_have_ended() -> None:
    search, rows = case((80, None), "se")
    (module,) = modules_of(search, rows)
    assert module.winner is None
    assert module.ranked[0].ended
    search, rows = case((80, 70), "se")
    (module,) = modules_of(dataclasses.replace(search, samples=3), rows)
    assert module.winner is None, "a third sample was asked for"


def test_a_diverged_sample_has_ended_and_is_the_last() -> None:
    search, rows = case((None, 70), "se", state="diverged")
    (module,) = modules_of(search, rows)
    assert module.winner is module.samples[1]


def test_of_equals_the_first_wins() -> None:
    search, rows = case((80, 80), "se")
    (module,) = modules_of(search, rows)
    assert module.winner is module.samples[0]


def test_the_winner_is_trained_again_without_a_validation_split() -> None:
    search, rows = case((80,), "se")
    (module,) = modules_of(search, rows)
    assert module.winner is not None
    again = module.winner.on_all_images
    assert again.recipe == dataclasses.replace(rows[0].spec.recipe, val_split=0.0)
    assert again.hyperparameters == rows[0].spec.hyperparameters


def test_runs_with_a_broken_spec_are_left_out() -> None:
    search, rows = case((80, 70), "se")
    del rows[0].details["spec"][rows[0].id]
    (module,) = modules_of(search, rows)
    assert len(module.samples) == 1


def test_the_longest_trainings_come_first_and_the_winner_is_one_of_them() -> None:
    search, specs = searched(axes("se"), 4, 2)
    short = [replace(spec, recipe=shortened(spec.recipe, 2)) for spec in specs]
    climbed = [*short, specs[1], specs[3]]
    (module,) = modules_of(search, of_specs(climbed, (10, 90, 20, 80, 60, 70)))
    assert module.wanted == 6
    assert [(sample.length, sample.runs.values(module.metric)) for sample in module.ranked] == [
        (8, [70]), (8, [60]), (4, [90]), (4, [80]), (4, [20]), (4, [10]),
    ]  # fmt: skip
    assert module.winner is not None
    assert module.winner.spec == specs[3]
    (module,) = modules_of(search, of_specs(short, (10, 90, 20, 80)))
    assert module.winner is None, "the next rung is due"
