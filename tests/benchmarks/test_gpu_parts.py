"""What crashes, hangs or fails in benchmarks/gpu.py costs its own row only."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from on_gpu import parts
from on_gpu.parts import Context, Item, Part
from on_gpu.rows import Row, with_ratios


def measured(context: Context, rows: Sequence[Row]) -> list[Row]:
    return [replace(row, images_per_s=1.0 + context.rank) for row in rows]


def failing(context: Context, rows: Sequence[Row]) -> list[Row]:
    raise ValueError("of no use\nand more")


def crashing(context: Context, rows: Sequence[Row]) -> list[Row]:
    os._exit(7)


def hanging(context: Context, rows: Sequence[Row]) -> list[Row]:
    time.sleep(600)
    return list(rows)


def second_rank_fails(context: Context, rows: Sequence[Row]) -> list[Row]:
    if context.rank == 1:
        raise ValueError("the other rank waits")
    time.sleep(600)
    return list(rows)


def item(name: str, work: parts.Work, seconds: float = 0.0, smaller: Sequence[Item] = ()) -> Item:
    row = Row(part="training", network="net", module=name, mode="fp32")
    return Item(empty=[row], work=work, kind=name, seconds=seconds, smaller=smaller)


def context(seconds: float = 120.0) -> Context:
    return Context(device="cpu", quick=True, deadline=time.monotonic() + seconds)


def outcomes(part: Part, around: Context) -> dict[str, str]:
    """Of each row, by its module."""
    rows = [row for found in parts.run(part, around) for row in found]
    return {row.module: row.failed or row.skipped or "measured" for row in rows}


def test_a_failure_and_a_crash_do_not_affect_other_rows() -> None:
    part = Part(items=[item("a", failing), item("b", measured), item("c", crashing), item("d", measured)])
    assert outcomes(part, context()) == {
        "a": "ValueError: of no use",
        "b": "measured",
        "c": "its process ended with exit code 7",
        "d": "measured",
    }


def test_a_process_that_fails_again_and_again_is_given_up() -> None:
    part = Part(items=[item("a", crashing), item("b", crashing), item("c", measured)])
    assert outcomes(part, context())["c"] == "its process failed twice in a row"


def test_a_group_that_fails_is_measured_in_smaller_ones() -> None:
    whole = item("a and b", failing, smaller=[item("a", measured), item("b", failing)])
    assert outcomes(Part(items=[whole, item("c", measured)]), context()) == {
        "a": "measured",
        "b": "ValueError: of no use",
        "c": "measured",
    }


def test_a_hanging_part_is_stopped_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "START", 0.0)
    monkeypatch.setattr(parts, "GRACE", 0.1)
    part = Part(items=[item("long", measured, seconds=500.0), item("a", hanging), item("b", measured)])
    assert outcomes(part, context(20.0)) == {
        "long": "no time left",
        "a": "stopped when the time was over",
        "b": "no time left",
    }


def test_two_processes_form_a_group_and_end_together() -> None:
    part = Part(items=[item("a", measured), item("b", second_rank_fails), item("c", measured)], processes=2)
    assert outcomes(part, context()) == {
        "a": "measured",
        "b": "one of its processes ended with exit code 1",
        "c": "measured",
    }


def test_a_part_that_cannot_run_has_a_reason() -> None:
    part = Part(items=[item("a", measured)], processes=2, missing="it needs two GPUs and there is one")
    assert outcomes(part, context()) == {"a": "it needs two GPUs and there is one"}


def test_ratios_are_to_the_plain_network_of_the_same_mode_and_batch() -> None:
    plain = Row(part="training", network="net", module="none", mode="fp32", batch=8, images_per_s=100.0)
    rows = [
        replace(plain, mode="amp", images_per_s=300.0),
        plain,
        replace(plain, module="ela", images_per_s=80.0),
        replace(plain, module="se", mode="amp", batch=4, images_per_s=150.0),
        replace(plain, part="two processes", images_per_s=190.0),
        replace(plain, module="ean", images_per_s=None, skipped="no time left"),
    ]
    assert [row.ratio for row in with_ratios(rows)] == [1.0, 1.0, 0.8, None, 0.95, None]
