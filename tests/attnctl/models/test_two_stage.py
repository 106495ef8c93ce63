"""The detectors that propose regions first: their conventions, that they learn, and how the cascades are wired."""

import copy

import pytest
import torch
from torchvision.models.detection import FasterRCNN, fasterrcnn_resnet50_fpn

from attnctl import backbones
from attnctl.models import cascade, fasterrcnn, pyramid, semantic
from attnctl.networks import surgery
from tests.attnctl.models.rectangles import PLACES, SIZE, TWO_STAGES, fit, narrow, scenes, small_body, target


@pytest.fixture(scope="module", params=["fasterrcnn", "maskrcnn_an", "cascade_maskrcnn", "htc"])
def fitted(request):
    """A network that was trained on two images, and the losses of its steps."""
    network = narrow(request.param)
    sums = fit(network, 20, 1e-3, *scenes())
    with torch.no_grad():
        for _ in range(5):
            network(*scenes())  # the norms' statistics come to those of the trained weights
    return request.param, network.eval(), sums


def test_its_losses_fall(fitted):
    _, _, sums = fitted
    assert sum(sums[-5:]) / 5 < 0.5 * sums[0]


def test_what_it_gives_and_takes(fitted):
    """Boxes in the pixels of the image given, of whatever size; masks as large as the image; a batch as a tensor."""
    name, network, _ = fitted
    images, _ = scenes()
    images[1] = torch.nn.functional.interpolate(images[1][None], size=(SIZE, SIZE + 36))[0]
    with torch.no_grad():
        found = network(images)
        same = network(torch.stack(scenes()[0]))
        nothing = network([torch.zeros(3, 40, 30)])
    torch.testing.assert_close(same[0]["boxes"], network([scenes()[0][0]])[0]["boxes"], rtol=1e-3, atol=1e-2)
    for each, image in zip([*found, *nothing], [*images, torch.zeros(3, 40, 30)], strict=True):
        count, (height, width) = len(each["boxes"]), image.shape[-2:]
        assert each["boxes"].shape == (count, 4)
        assert each["boxes"].dtype == each["scores"].dtype == torch.float32
        assert each["labels"].dtype == torch.int64
        assert set(each["labels"].tolist()) <= {1, 2, 3}
        assert (each["boxes"] >= 0).all()
        assert (each["boxes"] <= torch.tensor([width, height, width, height])).all()
        assert ("masks" in each) == (name != "fasterrcnn")
        if "masks" in each:
            assert each["masks"].shape == (count, 1, height, width)
            assert ((each["masks"] >= 0) & (each["masks"] <= 1)).all()


@pytest.mark.parametrize("name", TWO_STAGES)
def test_images_without_objects(name):
    """Finite losses, which reach every parameter that is to be trained: no process waits for another's gradient."""
    network = narrow(name).train()
    losses = network(scenes()[0], [target([], []), target([], [])])
    assert all(loss.dim() == 0 and loss.isfinite() for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    assert all(value.grad is not None for value in network.parameters() if value.requires_grad)


@pytest.mark.parametrize("name", ["maskrcnn", "htc"])
def test_crowds_and_boxes_of_no_area_are_not_learned_from(name):
    images, targets = scenes()
    extra = [target([*places, (2, 2, 40, 40), (5, 5, 5, 9)], [1, 2, 1, 2], [0, 0, 1, 0]) for places in PLACES]
    losses = []
    for each in (targets, extra):
        network = narrow(name).train()
        torch.manual_seed(1)
        losses.append(network(images, each))
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("name", "norms"), [("fasterrcnn", "frozen"), ("maskrcnn_an", "frozen"), ("htc", "batch")])
def test_gradients_reach_the_attention(name, norms):
    body = surgery.attach(small_body(), "se", "block", size=SIZE)
    network = narrow(name, body=body, norms=norms).train()
    torch.stack(list(network(*scenes()).values())).sum().backward()
    for stage in range(1, 5):
        found = [
            value.grad
            for path, value in network.named_parameters()
            if f".layer{stage}." in path and ".attention." in path
        ]
        assert found
        assert all((grad is None) == (norms == "frozen" and stage == 1) for grad in found)
        assert stage == 1 or any(grad.abs().sum() > 0 for grad in found)


def test_faster_rcnn_is_torchvisions():
    """The same names as torchvision's own, whose weights so fit; the same losses and boxes from the same weights."""
    with torch.device("meta"):
        own = fasterrcnn.build(backbones.build("resnet50", 5), 80)
        theirs = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=81)
    own_shapes = {name: value.shape for name, value in own.state_dict().items()}
    their_shapes = {name: value.shape for name, value in theirs.state_dict().items()}
    assert {name for name in their_shapes if "num_batches" not in name} == set(own_shapes)
    assert all(their_shapes[name] == shape for name, shape in own_shapes.items())

    network, scale = narrow("fasterrcnn"), pyramid.Scale(SIZE)
    reference = FasterRCNN(
        network.backbone,
        min_size=scale.sides[0],
        max_size=scale.sides[1],
        rpn_anchor_generator=scale.anchors(),
        rpn_head=network.rpn.head,
        rpn_post_nms_top_n_train=160,
        rpn_post_nms_top_n_test=80,
        rpn_pre_nms_top_n_train=160,
        rpn_pre_nms_top_n_test=80,
        box_roi_pool=scale.pool(7),
        box_head=network.roi_heads.box_head,
        box_predictor=network.roi_heads.box_predictor,
        box_batch_size_per_image=16,
    )
    images, targets = scenes()
    found = []
    for each in (network, reference):
        torch.manual_seed(2)
        found.append(each.train()(images, copy.deepcopy(targets)))
    assert found[0] == found[1]
    found = [each.eval()(images) for each in (network, reference)]
    torch.testing.assert_close(found[0], found[1])


def test_sizes_go_with_the_images():
    """At 800 pixels torchvision's anchors, sides and numbers of regions; at an eighth of it an eighth."""
    whole, eighth = pyramid.Scale(0), pyramid.Scale(100)
    assert whole.sides == (800, 1333)
    assert eighth.sides == (100, 167)
    assert whole.anchors().sizes == ((32,), (64,), (128,), (256,), (512,))
    assert eighth.anchors().sizes == ((4,), (8,), (16,), (32,), (64,))
    assert (whole.sampled, eighth.sampled, pyramid.Scale(1600).sampled) == (512, 64, 512)
    assert (whole.proposals()._post_nms_top_n, eighth.proposals()._post_nms_top_n) == (
        {"training": 2000, "testing": 1000},
        {"training": 250, "testing": 125},
    )


@pytest.mark.parametrize("index", range(3))
def test_box_coding_goes_there_and_back(index):
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


def test_refined_boxes_are_within_the_image_and_not_the_objects_own():
    heads = narrow("cascade_maskrcnn").roi_heads
    boxes = [torch.tensor([[0.0, 0.0, 20.0, 20.0], [5.0, 5.0, 30.0, 30.0]])]
    offsets = torch.tensor([[-5.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    (refined,) = heads._refine(0, offsets, boxes, [(64, 48)])
    torch.testing.assert_close(refined, torch.tensor([[0.0, 0.0, 10.0, 20.0], [5.0, 5.0, 30.0, 30.0]]))
    (kept,) = cascade._without_objects([refined], boxes, [{"boxes": torch.tensor([[5.0, 5.0, 30.0, 30.0]])}])
    torch.testing.assert_close(kept, refined[:1])
    (kept,) = cascade._without_objects([refined], boxes, [{"boxes": torch.zeros(0, 4)}])
    torch.testing.assert_close(kept, refined)


def test_losses_of_boxes_by_hand():
    """Cross entropy of all, smooth L1 (whose bend is at 1) of the objects' offsets, over the number of all boxes."""
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    offsets = torch.tensor([[9.0, 9.0, 9.0, 9.0], [0.5, 2.0, 0.0, 0.0]])
    losses = cascade._box_losses(logits, offsets, torch.tensor([0, 1]), torch.zeros(2, 4))
    assert losses["loss_classifier"].item() == pytest.approx(0.693147)
    assert losses["loss_box_reg"].item() == pytest.approx((0.125 + 1.5) / 2)
    empty = cascade._box_losses(logits[:0], offsets[:0], torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4))
    assert all(loss == 0 for loss in empty.values())


def test_losses_of_stages_are_weighted():
    network = narrow("cascade_maskrcnn")
    with torch.no_grad():
        for stage in network.roi_heads.stages:
            for value in stage.box_predictor.parameters():
                value.zero_()
    losses = network.train()(*scenes())
    for index, weight in enumerate((1, 0.5, 0.25)):  # four classes, all as probable
        assert losses[f"loss_classifier_{index + 1}"].item() == pytest.approx(weight * 1.386294, rel=1e-5)


def test_mask_heads_of_htc_pass_on_what_they_found():
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


def test_semantic_features_are_in_both_branches_of_htc():
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


def test_loss_of_the_semantic_branch_by_hand():
    """A cell of 8x8 pixels has the label of its middle; 255 counts for nothing."""
    logits = torch.zeros(1, 4, 2, 2)
    logits[0, 3, 0, 0] = 2.0
    labels = torch.full((16, 12), 255)
    labels[0:8, 0:8] = 3
    expected = -torch.log_softmax(torch.tensor([0.0, 0.0, 0.0, 2.0]), 0)[3]
    torch.testing.assert_close(semantic.loss(logits, [{"semantic": labels}]), expected)
    assert semantic.loss(logits, [{"semantic": torch.full((16, 16), 255)}]) == 0


def test_without_a_class_map_the_masks_are_painted():
    wanted = target([(0, 0, 32, 32), (16, 16, 64, 64)], [3, 1])
    painted = semantic._painted(wanted)
    assert painted[2, 2] == painted[20, 20] == 3
    assert painted[40, 40] == 1
    assert painted[2, 60] == 0
    assert semantic._painted(target([], [])).shape == (SIZE, SIZE)


def test_a_class_map_is_resized_with_its_image():
    network = narrow("htc", size=32)
    images, targets = scenes()
    for each in targets:
        each["semantic"] = torch.zeros(SIZE, SIZE, dtype=torch.int64)
        each["semantic"][:, 32:] = 182
    _, resized = network.transform(images, targets)
    assert resized[0]["semantic"].shape == (32, 32)
    assert resized[0]["semantic"].unique().tolist() == [0, 182]
    assert targets[0]["semantic"].shape == (SIZE, SIZE)
    losses = network.train()(images, targets)
    assert losses["loss_semantic"].isfinite()
