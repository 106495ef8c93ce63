"""HTC: the published counts, and how its branches are wired."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.attnctl.models.counted import AN, parameters
from tests.attnctl.models.rectangles import SIZE, narrow


@pytest.mark.parametrize(
    ("model", "backbone", "module", "placement", "hyperparameters", "count"),
    [
        ("htc", "resnet101", "", "", {}, 99_316_984),
        ("htc", "resnet101", "an", "norm2", AN, 99_768_468),
    ],
)
def test_hybrid_task_cascade(
    model: str, backbone: str, module: str, placement: str, hyperparameters: dict[str, Any], count: int
) -> None:
    """AN, table 3: frozen norms are counted."""
    assert parameters(model, backbone, 80, module, placement, **hyperparameters) == count


def test_mask_heads_of_htc_receive_the_previous_stages_features() -> None:
    """Chen et al., section 3.1: the third mask depends on the first two heads; in a plain cascade it does not."""
    for name, reached in (("cascade_maskrcnn", [False, False, True]), ("htc", [True, True, True])):
        heads = narrow(name).roi_heads
        (hidden,) = heads.mask_hidden(torch.randn(2, 64, 14, 14), [2])
        hidden.sum().backward()
        grads = [next(stage.mask_head.parameters()).grad for stage in heads.stages]
        if name == "htc":
            grads = [next(stage.mask_head.convolutions.parameters()).grad for stage in heads.stages]
            assert heads.stage(0).mask_head.flow[0].weight.grad is None
            assert not heads.stage(0).mask_head.flow[0].weight.requires_grad
            assert all(heads.stage(index).mask_head.flow[0].weight.grad is not None for index in (1, 2))
        assert [grad is not None for grad in grads] == reached
        features = torch.randn(2, 64, 14, 14)
        for index, hidden in enumerate(heads.mask_hidden(features, range(3))):
            torch.testing.assert_close(heads.mask_hidden(features, [index])[0], hidden)


def test_semantic_features_are_in_both_branches_of_htc() -> None:
    heads = narrow("htc").roi_heads
    maps = {
        name: torch.randn(1, 64, side, side) for name, side in zip(["0", "1", "2", "3"], (16, 8, 4, 2), strict=True)
    }
    maps["semantic"] = torch.randn(1, 64, 8, 8, requires_grad=True)
    boxes, shapes = [torch.tensor([[4.0, 4.0, 40.0, 40.0]])], [(SIZE, SIZE)]
    assert heads.box_features(0, maps, boxes, shapes).shape == (1, 64, 7, 7)
    assert heads.mask_features(0, maps, boxes, shapes).shape == (1, 64, 14, 14)
    for features in (heads.box_features, heads.mask_features):
        (grad,) = torch.autograd.grad(features(0, maps, boxes, shapes).sum(), maps["semantic"])
        assert grad.sum().item() == pytest.approx(64 * (49 if features == heads.box_features else 196), rel=1e-4)
