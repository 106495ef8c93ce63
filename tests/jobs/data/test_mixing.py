from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision.transforms import v2

from attnctl.jobs.data import mixing
from attnctl.jobs.data.mixing import Mixing

IMAGES = torch.rand(6, 3, 16, 24, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 3, 0])


def test_disabled_mixing_leaves_the_batch_unchanged() -> None:
    images, labels = Mixing(0, 0, 4, seed=0)(IMAGES, LABELS, 0, 0)
    assert images is IMAGES
    assert labels is LABELS


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.2, 0), (0, 1.0), (0.8, 1.0)])
def test_targets_are_distributions_and_draws_depend_only_on_step_and_replica(mixup: float, cutmix: float) -> None:
    mix = Mixing(mixup, cutmix, 4, seed=3)
    images, targets = mix(IMAGES, LABELS, 5, 1)
    assert targets.shape == (6, 4)
    torch.testing.assert_close(targets.sum(1), torch.ones(6))
    again = Mixing(mixup, cutmix, 4, seed=3)(IMAGES, LABELS, 5, 1)
    assert torch.equal(images, again[0])
    assert torch.equal(targets, again[1])
    assert not torch.equal(images, mix(IMAGES, LABELS, 5, 2)[0])
    assert not torch.equal(images, mix(IMAGES, LABELS, 6, 1)[0])


@pytest.mark.parametrize("step", range(5))
def test_mixup_equals_torchvisions_with_the_same_lambda(step: int) -> None:
    images, targets = Mixing(0.4, 0, 4, seed=0)(IMAGES, LABELS, step, 0)
    # The kept part, read from sample 0: its own class is 0, its neighbour's (the last one's) is 0 too; so sample 1.
    kept = float(targets[1, 1])
    reference = v2.MixUp(alpha=0.4, num_classes=4)
    expected = reference.transform(IMAGES, {"lam": kept, "labels": LABELS, "batch_size": 6})
    torch.testing.assert_close(images, expected)
    torch.testing.assert_close(targets, reference.transform(LABELS, {"lam": kept, "labels": LABELS}))


@pytest.mark.parametrize("step", range(20))
def test_cutmix_pastes_a_box_of_the_neighbour_and_weighs_the_labels_by_its_area(step: int) -> None:
    images, targets = Mixing(0, 1.0, 4, seed=0)(IMAGES, LABELS, step, 0)
    pasted = (images != IMAGES).any(dim=(0, 1))
    assert torch.equal(images[..., pasted], IMAGES.roll(1, 0)[..., pasted])
    rows, columns = pasted.any(1), pasted.any(0)
    assert torch.equal(pasted, rows[:, None] & columns)  # one box
    assert float(targets[1, 1]) == pytest.approx(1 - pasted.float().mean().item(), abs=1e-6)


def test_with_both_enabled_each_batch_uses_one_of_them_equally_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pasted = []
    paste = mixing._paste

    def counted(*arguments: Any) -> Any:
        pasted.append(1)
        return paste(*arguments)

    monkeypatch.setattr(mixing, "_paste", counted)
    mix = Mixing(0.2, 1.0, 4, seed=0)
    for step in range(400):
        mix(IMAGES, LABELS, step, 0)
    assert 160 < len(pasted) < 240
