"""A claim, tested by the paired differences of runs that share a seed, or by exact counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from attnctl import papers
from attnctl.papers.model import Claim
from attnctl.reports import published
from attnctl.reports.selection import ALL
from attnctl.reports.verdict.claims import ClaimVerdict, Comparison, Support, judge_claim
from attnctl.workspace.layout import Workspace
from tests.reports.report_workspace import cells, families, specs, table, train

EAN2 = table("ean:2")
EAN, SE, CA = "ResNet50+EAN", "ResNet50+SE", "ResNet50+CA"


def claim(*pairs: tuple[str, str], most: bool = False, **columns: Any) -> Claim:
    return Claim(text="better", section="4", table="2", columns=columns or {"top1": "higher"}, pairs=pairs, most=most)


def judged(
    folder: Path, values: Mapping[str, Mapping[int, float]], about: Claim, **overrides: Mapping[str, str]
) -> ClaimVerdict:
    """The verdict on a claim of EAN's table 2. values: of each row by seed. overrides: by row."""
    workspace = Workspace(folder)
    items = []
    for row, by_seed in values.items():
        seeds = [str(seed) for seed in by_seed]
        own = overrides.get(row, overrides.get("all", {}))
        for spec, value in zip(specs(EAN2, row, seeds, **own), by_seed.values(), strict=True):
            train(workspace, spec, value)
        items += cells(EAN2, (row,), seeds, **own)
    chosen = published.runs_of(EAN2, items, families(workspace, items), ALL)
    return judge_claim(1, about, EAN2, chosen, "last")


def only(verdict: ClaimVerdict) -> Comparison:
    (comparison,) = verdict.comparisons
    return comparison


def test_pairs_of_seeds_settle_what_two_means_do_not(tmp_path: Path) -> None:
    values = {EAN: {0: 70.5, 1: 75.6, 2: 80.4}, SE: {0: 70.0, 1: 75.0, 2: 80.0}}  # each 0.5 apart, far apart by seed
    found = only(judged(tmp_path, values, claim((EAN, SE))))
    assert found.support is Support.SUPPORTED
    assert found.measured is not None
    assert found.measured.n == 3
    assert found.measured.mean == pytest.approx(0.5)
    assert found.interval == pytest.approx((0.2516, 0.7484), abs=1e-3)
    assert found.published == pytest.approx(79.45 - 78.54)
    assert len(found.runs) == 6


def test_a_worse_row_contradicts_its_claim(tmp_path: Path) -> None:
    found = judged(tmp_path, {EAN: {0: 70.0, 1: 71.0}, SE: {0: 72.0, 1: 73.05}}, claim((EAN, SE)))
    assert found.support is Support.CONTRADICTED


def test_the_lower_value_can_be_the_better_one(tmp_path: Path) -> None:
    values = {EAN: {0: 70.0, 1: 71.0}, SE: {0: 72.0, 1: 73.05}}
    assert judged(tmp_path, values, claim((EAN, SE), top1="lower")).support is Support.SUPPORTED


def test_equal_differences_settle_nothing(tmp_path: Path) -> None:
    found = only(judged(tmp_path, {EAN: {0: 70.0, 1: 71.0}, SE: {0: 69.0, 1: 70.0}}, claim((EAN, SE))))
    assert (found.support, found.interval, found.more) == (Support.OPEN, None, None)


def test_only_seeds_that_both_rows_have_count(tmp_path: Path) -> None:
    values = {EAN: {0: 70.0, 1: 71.0, 2: 0.0}, SE: {0: 69.0, 1: 70.0, 3: 100.0}}
    found = only(judged(tmp_path, values, claim((EAN, SE))))
    assert found.measured is not None
    assert (found.measured.mean, found.measured.n, len(found.runs)) == (1.0, 2, 4)
    apart = only(judged(tmp_path / "b", {EAN: {0: 70.0}, SE: {1: 69.0}}, claim((EAN, SE))))
    assert (apart.support, apart.measured, apart.state) == (Support.OPEN, None, "no seed in common")


def test_an_open_comparison_says_how_many_seeds_would_settle_it(tmp_path: Path) -> None:
    values = {EAN: {0: 70.0, 1: 71.0, 2: 72.0}, SE: {0: 69.0, 1: 71.0, 2: 71.0}}  # 1, 0, 1: mean 0.67, spread 0.58
    found = only(judged(tmp_path, values, claim((EAN, SE))))
    # 6 seeds: t * spread / sqrt(n) = 2.571 * 0.577 / 2.449 = 0.606; with 5 it is 0.717
    assert (found.support, found.more) == (Support.OPEN, 3)
    single = only(judged(tmp_path / "b", {EAN: {0: 70.0}, SE: {0: 69.0}}, claim((EAN, SE))))
    assert (single.support, single.interval, single.more) == (Support.OPEN, None, None)


def test_a_claim_needs_all_its_comparisons_or_most(tmp_path: Path) -> None:
    values = {EAN: {0: 70.0, 1: 71.0}, SE: {0: 69.0, 1: 70.05}, CA: {0: 72.0, 1: 73.05}}
    values["ResNet50"] = {0: 60.0, 1: 61.05}
    pairs = [(EAN, SE), (EAN, CA), (EAN, "ResNet50")]
    assert judged(tmp_path, values, claim(*pairs)).support is Support.CONTRADICTED
    assert judged(tmp_path, values, claim(*pairs, most=True)).support is Support.SUPPORTED
    assert judged(tmp_path, values, claim(*pairs[:2], most=True)).support is Support.CONTRADICTED
    assert judged(tmp_path, values, claim(pairs[0], (EAN, "ResNet50+SA"))).support is Support.OPEN


def test_runs_on_other_data_are_compared_with_each_other_and_say_so(tmp_path: Path) -> None:
    values = {EAN: {0: 70.0, 1: 71.0}, SE: {0: 69.0, 1: 70.05}}
    found = judged(tmp_path, values, claim((EAN, SE)), all={"dataset": "digits"})
    assert (found.support, found.elsewhere) == (Support.SUPPORTED, "dataset=digits")
    mixed = only(judged(tmp_path / "b", values, claim((EAN, SE)), **{EAN: {"dataset": "digits"}}))
    assert (mixed.support, mixed.state) == (Support.OPEN, "measured on different data or networks")


def test_a_comparison_says_what_was_not_trained_alike(tmp_path: Path) -> None:
    values = {EAN: {0: 70.0, 1: 71.0}, SE: {0: 69.0, 1: 70.0}}
    overrides: dict[str, Any] = {EAN: {"fields": {"norm_batch": "64"}}}
    found = only(judged(tmp_path, values, claim((EAN, SE)), **overrides))
    assert found.unlike == ("not the same norm batch: 64 (ResNet50+EAN); 32 (ResNet50+SE)",)


def test_counted_columns_are_compared_exactly_and_need_no_runs(tmp_path: Path) -> None:
    found = judged(tmp_path, {}, claim((EAN, SE), (EAN, "ResNet50+SA"), params="lower"))
    se, sa = found.comparisons
    assert se.support is Support.SUPPORTED
    assert se.published == pytest.approx(-5.04e6)
    assert se.measured is not None
    widths = [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3
    assert se.measured.mean == 16 * 59 - sum(2 * c * c // 8 + c // 8 + c for c in widths)  # 4 C / G against SE, r=8
    assert sa.support is Support.CONTRADICTED  # printed alike, as 23.71, but SA has fewer


def test_a_claim_that_the_printed_numbers_do_not_show_is_known() -> None:
    unshown = {
        f"{name} {item.better.name} / {item.other.name} {item.column.key}"
        for name in papers.names()
        for number, about in enumerate(papers.load(name).claims, 1)
        for item in judge_claim(number, about, papers.load(name).tables[about.table], {}, "last").comparisons
        if item.printed is Support.CONTRADICTED and item.column.kind == "run"
    }
    assert unshown == {
        "an ResNet-50 AN, AN head / ResNet-50 SN ap50",
        "ean EAN-ResNet50 / CA-ResNet50 ap50",
        "ela DeepLabV3 / DeepLabV3+SA miou",
        "ela MobileNetV2+ELA-S / MobileNetV2+CA(r=16) top1",
        "ela MobileNetV2+ELA-S / MobileNetV2+CA(r=24) top1",
        "ela ResNet101+ELA-B / ResNet101+CA top1",
        "ela ResNet50+ELA-k7-g8-ng16(L) / ResNet50+ELA-k5-g8-ng16(S) top1",
        "ela ResNet50+ELA-k7-g8-ng16(L) / ResNet50+ELA-k7-g-ng16(B) top1",
        "ela YOLOF+ELA-L / YOLOF+CA ap_small",
        "nam ResNet50+NAM(sp) / ResNet50+CBAM top5",
    }
