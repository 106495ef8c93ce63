"""The heads of cascades: box coding, refinement and losses."""

from __future__ import annotations

import pytest
import torch

from attnctl.models import cascade
from attnctl.models.pyramid import box_losses
from tests.attnctl.models.rectangles import narrow, scenes


@pytest.mark.parametrize("index", range(3))
def test_box_encoding_and_decoding_are_inverse(index: int) -> None:
    """Cai and Vasconcelos, section 4: each stage standardises the corrections by its own deviations."""
    coder = narrow("cascade_maskrcnn").roi_heads.stage(index).box_coder
    boxes = torch.tensor([[3.0, 4.0, 33.0, 24.0], [10.0, 12.0, 20.0, 52.0]])
    objects = torch.tensor([[6.0, 4.0, 36.0, 24.0], [12.0, 10.0, 22.0, 40.0]])
    (offsets,) = coder.encode([objects], [boxes])
    torch.testing.assert_close(coder.decode(offsets, [boxes])[:, 0], objects)
    deviation = (0.1, 0.05, 0.033)[index]
    torch.testing.assert_close(offsets[0], torch.tensor([0.1 / deviation, 0.0, 0.0, 0.0]))
    overlaps = narrow("cascade_maskrcnn").roi_heads.stage(index).proposal_matcher
    assert overlaps.high_threshold == overlaps.low_threshold == (0.5, 0.6, 0.7)[index]


def test_refined_boxes_are_inside_the_image_and_exclude_the_objects_boxes() -> None:
    heads = narrow("cascade_maskrcnn").roi_heads
    boxes = [torch.tensor([[0.0, 0.0, 20.0, 20.0], [5.0, 5.0, 30.0, 30.0]])]
    offsets = torch.tensor([[-5.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    (refined,) = heads._refine(0, offsets, boxes, [(64, 48)])
    torch.testing.assert_close(refined, torch.tensor([[0.0, 0.0, 10.0, 20.0], [5.0, 5.0, 30.0, 30.0]]))
    (kept,) = cascade._without_objects([refined], boxes, [{"boxes": torch.tensor([[5.0, 5.0, 30.0, 30.0]])}])
    torch.testing.assert_close(kept, refined[:1])
    (kept,) = cascade._without_objects([refined], boxes, [{"boxes": torch.zeros(0, 4)}])
    torch.testing.assert_close(kept, refined)


def test_losses_of_boxes_by_hand() -> None:
    """Cross entropy of all, smooth L1 (whose bend is at 1) of the objects' offsets, over the number of all boxes."""
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    offsets = torch.tensor([[9.0, 9.0, 9.0, 9.0], [0.5, 2.0, 0.0, 0.0]])
    losses = box_losses(logits, offsets, torch.tensor([0, 1]), torch.zeros(2, 4))
    assert losses["loss_classifier"].item() == pytest.approx(0.693147)
    assert losses["loss_box_reg"].item() == pytest.approx((0.125 + 1.5) / 2)
    empty = box_losses(logits[:0], offsets[:0], torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4))
    assert all(loss == 0 for loss in empty.values())


def test_losses_of_stages_are_weighted() -> None:
    network = narrow("cascade_maskrcnn")
    with torch.no_grad():
        for stage in network.roi_heads.stages:
            for value in stage.box_predictor.parameters():
                value.zero_()
    losses = network.train()(*scenes())
    for index, weight in enumerate((1, 0.5, 0.25)):  # four classes, all as probable
        assert losses[f"loss_classifier_{index + 1}"].item() == pytest.approx(weight * 1.386294, rel=1e-5)
