"""Pictures in batches: what goes in comes out, whatever the sizes and however many objects."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl.jobs.data.augment import Normalize
from attnctl.jobs.data.errors import DataError
from attnctl.jobs.data.loader import Unreadable
from attnctl.jobs.data.packing import Packed, collate, collate_by_size, detection_batch, pack, segmentation_batch
from attnctl.jobs.data.pictures import Picture
from attnctl.jobs.data.scenes import Objects, no_objects

CPU = torch.device("cpu")


def picture(number: int, height: int, width: int, count: int, *, masks: bool = False, classes: bool = False) -> Picture:
    draw = np.random.default_rng(number)
    flags = draw.integers(0, 2, (2, count)).astype(np.bool_)
    objects = Objects(
        boxes=draw.random((count, 4), np.float32),
        labels=draw.integers(1, 9, count),
        area=draw.random(count, np.float32),
        crowd=flags[0],
        difficult=flags[1],
        outlined=np.ones(count, np.bool_),
    )
    return Picture(
        image=Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8)),
        number=number,
        objects=objects if count else no_objects(),
        masks=draw.integers(0, 2, (count, height, width), dtype=np.uint8) if masks else None,
        classes=draw.integers(0, 5, (height, width), dtype=np.uint8) if classes else None,
    )


def test_a_detection_batch_contains_its_pictures() -> None:
    pictures = [picture(7, 5, 6, 2, masks=True, classes=True), picture(8, 9, 4, 0, masks=True, classes=True)]
    batch = detection_batch(pack(pictures), CPU)
    for image, target, given in zip(batch.images, batch.targets, pictures, strict=True):
        expected = torch.from_numpy(np.asarray(given.image).transpose(2, 0, 1).copy()) / 255
        torch.testing.assert_close(image, expected)
        assert int(target["image_id"]) == given.number
        assert target["boxes"].tolist() == given.objects.boxes.tolist()
        assert target["labels"].tolist() == given.objects.labels.tolist()
        assert target["iscrowd"].tolist() == given.objects.crowd.astype(int).tolist()
        assert target["difficult"].tolist() == given.objects.difficult.astype(int).tolist()
        assert given.masks is not None
        assert given.classes is not None
        assert target["masks"].tolist() == given.masks.tolist()
        assert target["semantic"].tolist() == given.classes.tolist()
        assert target["semantic"].dtype == torch.int64


def test_without_masks_and_class_maps_the_targets_have_none() -> None:
    (target,) = detection_batch(pack([picture(1, 4, 4, 1)]), CPU).targets
    assert not {"masks", "semantic"} & target.keys()


def test_a_segmentation_batch_contains_normalised_images_and_classes() -> None:
    pictures = [picture(number, 4, 6, 0, classes=True) for number in (1, 2)]
    normalize = Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), CPU)
    images, classes = segmentation_batch(pack(pictures), normalize, CPU)
    pixels = torch.from_numpy(np.stack([np.asarray(each.image).transpose(2, 0, 1) for each in pictures])).float() / 255
    torch.testing.assert_close(images, (pixels - 0.5) / 0.25)
    assert [each.tolist() for each in classes] == [
        each.classes.tolist() for each in pictures if each.classes is not None
    ]


def test_images_of_different_sizes_cannot_form_a_segmentation_batch() -> None:
    pictures = [picture(1, 4, 6, 0, classes=True), picture(2, 4, 5, 0, classes=True)]
    with pytest.raises(DataError, match=r"images of 2 sizes, such as 5x4"):
        segmentation_batch(pack(pictures), Normalize((0.5,) * 3, (0.5,) * 3, CPU), CPU)


def test_an_unreadable_picture_replaces_the_batch() -> None:
    broken = Unreadable("x.png cannot be read")
    for gather in (collate, collate_by_size):
        assert gather([picture(1, 4, 4, 0), broken, Unreadable("another")]) == broken


def test_evaluation_batches_contain_images_of_equal_size() -> None:
    found = collate_by_size([picture(1, 4, 6, 1), picture(2, 4, 5, 0), picture(3, 4, 6, 2)])
    assert not isinstance(found, Unreadable)
    assert [batch.numbers.tolist() for batch in found] == [[2], [1, 3]]


def test_only_the_data_is_moved_to_the_device() -> None:
    batch: Packed = pack([picture(1, 4, 4, 1)])
    moved = batch.to(torch.device("meta"))
    assert {moved.pixels.device.type, moved.boxes.device.type} == {"meta"}
    assert {moved.sizes.device.type, moved.counts.device.type, moved.numbers.device.type} == {"cpu"}
