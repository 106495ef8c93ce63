"""Switchable normalisation, which SN and AN share."""

from typing import Any

import torch

from attnctl import attention
from tests.attnctl.attention.attention_cases import randomised
from tests.attnctl.attention.formulas import CHANNELS, HEIGHT, WIDTH


def test_switchable_norms_keep_nine_tenths_of_their_statistics() -> None:
    module = randomised("sn", CHANNELS).train()
    old = module.normalise.running_mean.clone(), module.normalise.running_var.clone()
    x = torch.randn(3, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64)
    module(x)
    new = module.normalise.running_mean, module.normalise.running_var
    batch = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    for after, before, found in zip(new, old, batch, strict=True):
        torch.testing.assert_close(after, 0.9 * before + 0.1 * found)


def test_running_variances_of_the_released_form_begin_at_zero() -> None:
    forms: dict[str, Any] = {form: attention.create("sn", CHANNELS, form=form) for form in ("paper", "released")}
    assert {form: module.normalise.running_var.unique().item() for form, module in forms.items()} == {
        "paper": 1,
        "released": 0,
    }
