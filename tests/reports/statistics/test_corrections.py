"""Corrections for several comparisons, held against definitions, published numbers and scipy.stats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from attnctl.reports.statistics.corrections import dunnett, holm, welch
from tests.reports.statistics.samples import samples


def test_holm_gives_the_published_values() -> None:
    # R's p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm"), and Holm's own rule of 4, 3, 2, 1 times p
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.03, 0.005, 0.04, 0.01]) == pytest.approx([0.06, 0.02, 0.06, 0.03])
    assert holm([]) == []
    assert holm([0.4]) == [0.4]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_as_its_step_down_rule_does(values: list[float]) -> None:
    rejected = 0
    for rank, value in enumerate(sorted(values)):
        if (len(values) - rank) * value > 0.05:
            break
        rejected += 1
    assert sum(item <= 0.05 for item in holm(values)) == rejected


def test_dunnett_gives_the_numbers_of_his_paper() -> None:
    # Dunnett 1955, table 1: blood counts of a control and two drugs; only drug B differs
    control, drug_a = [7.40, 8.50, 7.20, 8.24, 9.84, 8.32], [9.76, 8.80, 7.68, 9.36]
    drug_b = [12.80, 9.68, 12.16, 9.20, 10.55]
    found = dunnett([drug_a, drug_b], control)
    assert found == pytest.approx([0.62, 0.0058], abs=0.01)
    assert dunnett([drug_a, drug_b], control) == found


def test_dunnett_of_one_row_is_the_t_test() -> None:
    generator = np.random.default_rng(1)
    one, other = list(generator.normal(91, 0.5, 6)), list(generator.normal(90.4, 0.5, 6))
    assert dunnett([one], other) == pytest.approx([stats.ttest_ind(one, other).pvalue], abs=1e-4)


def test_what_cannot_be_tested_has_no_p_value() -> None:
    assert dunnett([[1.0], [1.0, 2.0]], [1.0]) == [None, None]
    assert dunnett([[1.0, 1.0]], [2.0, 2.0]) == [None]
    first, second = dunnett([[1.0], [5.0, 5.1, 5.2]], [1.0, 1.1, 1.2])
    assert first is None
    assert second is not None
    assert second < 0.01


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # of the oracle
@given(samples, samples)
def test_welchs_p_is_that_of_scipy(first: list[float], second: list[float]) -> None:
    if len(set(first)) > 1 or len(set(second)) > 1:
        assert welch(first, second) == pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue, abs=1e-9)
    else:
        assert welch(first, second) == 1.0
    assert welch(first[:1], second) == 1.0
