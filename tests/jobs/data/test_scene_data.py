from __future__ import annotations

import dataclasses
import itertools
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torch import Tensor

from attnctl.datasets import Dataset, describe
from attnctl.jobs.data import open_data
from attnctl.jobs.data.errors import DataError, MissingDataError
from attnctl.jobs.data.packing import DetectionBatch
from attnctl.jobs.data.scene_data import SceneData, open_parts, open_scenes
from attnctl.jobs.data.scenes import trainable
from attnctl.settings.config import DataRoots
from tests.jobs.data.conftest import MakeSpec
from tests.jobs.data.published import jpeg
from tests.jobs.data.scene_files import COCO, VOC, class_map, coco_document, coco_folder, voc_folder

CPU = torch.device("cpu")
Batch = DetectionBatch | tuple[Tensor, Tensor]


@pytest.fixture
def opened(make_spec: MakeSpec) -> Iterator[Callable[..., SceneData]]:
    """`opened(model, augment=..., ...)`: the data of a run on the canvases, or of `dataset` in `folder`."""
    data: list[SceneData] = []

    def open_it(
        model: str = "fasterrcnn",
        dataset: Dataset | None = None,
        folder: Path | None = None,
        workers: int = 0,
        seed: int = 0,
        **recipe: Any,
    ) -> SceneData:
        segment = model == "deeplabv3"
        described = dataset or describe("digits-seg" if segment else "digits-det")
        spec = dataclasses.replace(
            make_spec(described.name, seed, **{"batch": 4, "norm_batch": 2, **recipe}), model=model
        )
        data.append(open_scenes(spec, described, folder, CPU, workers=workers, stage=False))
        return data[-1]

    yield open_it
    for item in data:
        item.close()


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coco_folder(tmp_path_factory.mktemp("coco") / "coco")


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return voc_folder(tmp_path_factory.mktemp("voc") / "VOCdevkit")


def maps(batch: Batch) -> tuple[Tensor, Tensor]:
    """A batch of a segmentation: images and class maps."""
    assert not isinstance(batch, DetectionBatch)
    return batch


def flat(batch: Batch) -> list[Tensor]:
    """The tensors of a batch, in a fixed order."""
    if not isinstance(batch, DetectionBatch):
        return list(batch)
    return [*batch.images, *(value for target in batch.targets for _, value in sorted(target.items()))]


def same(batches: Iterable[Batch], others: Iterable[Batch]) -> bool:
    pairs = list(zip(batches, others, strict=True))
    return bool(pairs) and all(
        torch.equal(a, b) for one, other in pairs for a, b in zip(flat(one), flat(other), strict=True)
    )


# -------------------------------------------------------------------------------------------------------------- batches


def test_a_detection_batch_has_the_documented_shapes(opened: Callable[..., SceneData]) -> None:
    data = opened("htc")
    (images, targets), *_ = batches = list(data.train(0, range(2), 1))
    assert (len(batches), len(images), len(targets)) == (2, 2, 2)
    assert data.steps_per_epoch == 588 // 4  # twelve canvases are empty
    assert data.evaluation_size == 150
    assert data.categories == tuple(range(1, 11))
    for image, target in zip(images, targets, strict=True):
        assert image.shape == (3, 128, 128)
        assert image.dtype == torch.float32
        assert 0 <= image.min() < image.max() <= 1
        count = len(target["boxes"])
        kinds = {name: (value.dtype, tuple(value.shape)) for name, value in target.items()}
        assert kinds == {
            "boxes": (torch.float32, (count, 4)),
            "labels": (torch.int64, (count,)),
            "area": (torch.float32, (count,)),
            "iscrowd": (torch.uint8, (count,)),
            "difficult": (torch.uint8, (count,)),
            "image_id": (torch.int64, ()),
            "masks": (torch.uint8, (count, 128, 128)),
            "semantic": (torch.int64, (128, 128)),
        }
        assert torch.equal(target["masks"].sum((1, 2)), target["area"].long())
    bare = next(opened("fasterrcnn").train(0, range(1), 1))
    assert isinstance(bare, DetectionBatch)
    assert "masks" not in bare.targets[0]


def test_a_segmentation_batch_is_normalised(opened: Callable[..., SceneData]) -> None:
    data = opened("deeplabv3")
    images, classes = maps(next(data.train(0, range(1), 1)))
    assert (images.shape, classes.shape) == ((2, 3, 128, 128), (2, 128, 128))
    assert (images.dtype, classes.dtype) == (torch.float32, torch.int64)
    every = torch.cat([images for images, _ in map(maps, data.evaluate(0, 1))])
    assert abs(every.mean()) < 0.1
    assert 0.9 < every.std() < 1.1
    seen = torch.cat([classes.flatten() for _, classes in map(maps, data.evaluate(0, 1))]).unique().tolist()
    assert seen == [*range(11), 255]


def test_open_data_opens_each_detection_data_set(make_spec: MakeSpec) -> None:
    spec = dataclasses.replace(make_spec("digits-seg"), model="deeplabv3")
    data = open_data(spec, DataRoots(), CPU)
    assert maps(next(data.train(0, range(1), 1)))[0].shape == (4, 3, 128, 128)
    data.close()


CASES = [
    ("fasterrcnn", "none"),
    ("fasterrcnn", "flip"),
    ("ssdlite320", "ssd"),
    ("yolox_nano", "mosaic"),
    ("yolof", "flip-shift"),
    ("yolof", "shift"),
    ("maskrcnn", "flip"),
    ("deeplabv3", "seg"),
    ("deeplabv3", "flip"),
]


@pytest.mark.parametrize(("model", "augment"), CASES)
def test_interruptions_and_the_number_of_processes_change_nothing(
    opened: Callable[..., SceneData], model: str, augment: str
) -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    whole = list(opened(model, augment=augment).train(0, range(2), 3))
    assert torch.equal(torch.rand(1), expected)  # the network's own numbers are left alone
    assert same(opened(model, augment=augment).train(2, range(2), 3), whole[4:])
    halves = [list(opened(model, augment=augment).train(0, range(r, r + 1), 3)) for r in range(2)]
    assert same(itertools.chain(*zip(*halves, strict=True)), whole)
    other = list(opened(model, augment=augment, seed=1).train(0, range(2), 3))
    assert any(len(flat(a)) != len(flat(b)) or not same([a], [b]) for a, b in zip(other, whole, strict=True))


@pytest.mark.parametrize(("model", "augment"), [("fasterrcnn", "ssd"), ("yolox_nano", "mosaic"), ("maskrcnn", "flip")])
def test_worker_processes_change_nothing(
    opened: Callable[..., SceneData], coco: Path, model: str, augment: str
) -> None:
    chosen = {"dataset": COCO, "folder": coco, "augment": augment, "batch": 2, "norm_batch": 2, "input_size": 64}
    data, alone = opened(model, workers=2, **chosen), opened(model, **chosen)
    for start in (0, 4):
        assert same(data.train(start, range(1), start + 4), list(alone.train(start, range(1), start + 4)))
        assert same(data.evaluate(0, 1), list(alone.evaluate(0, 1)))


@pytest.mark.parametrize("world", [1, 2, 7])
@pytest.mark.parametrize("model", ["maskrcnn", "deeplabv3"])
def test_evaluation_is_complete_and_disjoint_for_any_number_of_processes(
    opened: Callable[..., SceneData], model: str, world: int
) -> None:
    data = opened(model)
    rows = [
        image.numpy().tobytes() for rank in range(world) for images, _ in data.evaluate(rank, world) for image in images
    ]
    assert len(rows) == len(set(rows)) == data.evaluation_size


def test_evaluation_images_are_batched_by_size(opened: Callable[..., SceneData], coco: Path, voc: Path) -> None:
    for dataset, folder in ((COCO, coco), (VOC, voc)):
        for images, targets in opened(dataset=dataset, folder=folder, batch=2).evaluate(0, 1):
            assert len({image.shape for image in images}) == 1
            assert len(images) == len(targets)


def test_the_last_epochs_have_no_mosaic_and_do_not_depend_on_the_start(opened: Callable[..., SceneData]) -> None:
    """A canvas that is alone and plain has its own pixels, but for its colours and its direction."""
    settings = {"model": "yolox_nano", "augment": "mosaic", "batch": 98, "norm_batch": 49, "epochs": 3}
    data = opened(**settings, no_aug_epochs=1)
    per_epoch = data.steps_per_epoch
    assert per_epoch == 6
    late = list(data.train(2 * per_epoch, range(2), 2 * per_epoch + 1))
    early = list(data.train(2 * per_epoch - 1, range(2), 2 * per_epoch))
    throughout = opened(**settings)
    assert same(early, throughout.train(2 * per_epoch - 1, range(2), 2 * per_epoch))
    assert not same(late, throughout.train(2 * per_epoch, range(2), 2 * per_epoch + 1))
    untouched = opened(**{**settings, "augment": "none"})
    for (_, plain), (_, own) in zip(late, untouched.train(2 * per_epoch, range(2), 2 * per_epoch + 1), strict=True):
        for target, expected in zip(plain, own, strict=True):
            boxes = expected["boxes"]
            mirrored = torch.stack((128 - boxes[:, 2], boxes[:, 1], 128 - boxes[:, 0], boxes[:, 3]), 1)
            assert torch.equal(target["boxes"], boxes) or torch.equal(target["boxes"], mirrored)
            assert torch.equal(target["labels"], expected["labels"])


# ---------------------------------------------------------------------------------------------------- what is left out


def targets_of(batches: Iterable[Batch]) -> dict[int, dict[str, Tensor]]:
    return {
        int(target["image_id"]): target
        for batch in batches
        if isinstance(batch, DetectionBatch)
        for target in batch.targets
    }


def test_crowds_and_difficult_objects_are_used_only_in_evaluations(
    opened: Callable[..., SceneData], coco: Path, voc: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        learned = targets_of(opened("maskrcnn", COCO, coco, batch=2).train(0, range(1), 4))
    assert caplog.messages[0].startswith("coco: left out of the training: 1 box of negative size, 2 boxes outside")
    assert sorted(learned) == [3, 7]  # neither the image without objects nor that of a crowd alone
    whole = dataclasses.replace(COCO, test_parts=("train2017",), test_size=4)
    judged = targets_of(opened("maskrcnn", whole, coco, batch=2).evaluate(0, 1))
    assert sorted(judged) == [3, 7, 90, 91]
    assert judged[91]["iscrowd"].tolist() == [1]
    assert judged[90]["masks"].shape == (0, 40, 60)
    data = opened(dataset=VOC, folder=voc, batch=2)
    assert not any(target["difficult"].any() for target in targets_of(data.train(0, range(1), 2)).values())
    assert [target["difficult"].tolist() for target in targets_of(data.evaluate(0, 1)).values()] == [[0, 1], []]


def test_stuff_maps_belong_to_their_images(opened: Callable[..., SceneData], coco: Path) -> None:
    lacks = r"stuffthingmaps/train2017 lacks the class maps of 2 images: .*; run `attnctl data fetch coco --maps`"
    with pytest.raises(MissingDataError, match=lacks):
        opened("htc", COCO, coco, batch=2)
    for stem, width in (("a", 60), ("b", 64)):
        class_map(coco / "stuffthingmaps" / "train2017" / f"{stem}.png", np.full((48, width), 181))
    learned = targets_of(opened("htc", COCO, coco, batch=2, augment="flip").train(0, range(1), 1))
    assert all((target["semantic"] == 181).all() for target in learned.values())
    assert learned[3]["semantic"].shape == (48, 64)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("augment", ["none", "mosaic"])
def test_a_damaged_image_is_a_one_line_error_naming_the_file(
    opened: Callable[..., SceneData], tmp_path: Path, workers: int, augment: str
) -> None:
    root = coco_folder(tmp_path / "coco")
    victim = root / "train2017" / "b.jpg"
    data = opened("yolox_nano", COCO, root, workers, batch=2, augment=augment)
    victim.write_bytes(jpeg(3, 64, 48)[:400])
    with pytest.raises(DataError) as caught:
        list(data.train(0, range(1), 2))
    assert str(caught.value) == f"{victim} cannot be read: damaged or not an image"


def test_a_validation_split_comes_out_of_the_training_part(opened: Callable[..., SceneData]) -> None:
    first, second = opened(val_split=0.25), opened(val_split=0.25, seed=4)
    assert (first.evaluation_size, first.steps_per_epoch) == (147, 441 // 4)
    assert same(first.evaluate(0, 1), list(second.evaluate(0, 1)))
    judged = {int(target["image_id"]) for _, targets in first.evaluate(0, 1) for target in targets}
    learned = {int(target["image_id"]) for _, targets in first.train(0, range(2), 110) for target in targets}
    assert not judged & learned
    assert max(judged | learned) <= 600


# ------------------------------------------------------------------------------------------------------ annotated sizes


def resized(path: Path, factor: float) -> None:
    with Image.open(path) as image:
        image.resize((round(image.width * factor), round(image.height * factor))).save(path)


def turned(path: Path) -> None:
    """Stored on its side, with the EXIF orientation that turns it upright; lossless, as PNG under its old name."""
    with Image.open(path) as image:
        lying = image.convert("RGB").transpose(Image.Transpose.ROTATE_90)
    exif = lying.getexif()
    exif[ExifTags.Base.Orientation] = 6
    lying.save(path, "PNG", exif=exif)


@pytest.mark.parametrize("factor", [0.1, 0.9, 2])
@pytest.mark.parametrize("part", ["train2017", "val2017"])
def test_images_resized_after_they_were_annotated_are_refused_before_training(
    opened: Callable[..., SceneData], tmp_path: Path, factor: float, part: str
) -> None:
    root = coco_folder(tmp_path / "coco")
    path = root / part / "b.jpg"
    resized(path, factor)
    width, height = round(64 * factor), round(48 * factor)
    with pytest.raises(DataError, match=f"{path} is {width}x{height} pixels, but its annotation says 64x48"):
        opened("yolox_nano", COCO, root, batch=2)


def test_a_voc_annotation_of_another_size_is_refused_before_training(
    opened: Callable[..., SceneData], tmp_path: Path
) -> None:
    root = voc_folder(tmp_path / "VOCdevkit")
    path = root / "VOC2007" / "JPEGImages" / "000004.jpg"
    resized(path, 0.5)
    with pytest.raises(DataError, match=f"{path} is 30x24 pixels, but its annotation says 60x48"):
        opened(dataset=VOC, folder=root, batch=2)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("augment", ["none", "mosaic"])
def test_a_single_resized_image_is_an_error_when_read(
    opened: Callable[..., SceneData], tmp_path: Path, workers: int, augment: str
) -> None:
    root = coco_folder(tmp_path / "coco")
    data = opened("yolox_nano", COCO, root, workers, batch=2, augment=augment)
    resized(root / "train2017" / "b.jpg", 0.5)
    resized(root / "val2017" / "b.jpg", 0.5)
    for batches in (data.train(0, range(1), 2), data.evaluate(0, 1)):
        with pytest.raises(DataError, match=r"b.jpg is 32x24 pixels, but its annotation says 64x48"):
            list(batches)


@pytest.mark.parametrize("model", ["fasterrcnn", "maskrcnn", "htc"])
def test_rotated_photos_equal_upright_ones_with_boxes_masks_and_maps(
    opened: Callable[..., SceneData], tmp_path: Path, model: str
) -> None:
    roots = [coco_folder(tmp_path / name) for name in ("upright", "lying")]
    for root in roots:
        for path in root.glob("*2017/*.jpg"):
            with Image.open(path) as image:
                image.save(path, "PNG")
                classes = np.arange(image.width * image.height).reshape(image.height, image.width) % 180
            class_map(root / "stuffthingmaps" / path.parent.name / f"{path.stem}.png", classes)
    for path in roots[1].glob("*2017/*.jpg"):
        turned(path)
        with Image.open(path) as image:
            assert image.height > image.width
    upright, lying = (opened(model, COCO, root, batch=2, augment="flip") for root in roots)
    assert same(list(lying.train(0, range(1), 4)), upright.train(0, range(1), 4))
    assert same(list(lying.evaluate(0, 1)), upright.evaluate(0, 1))


@pytest.mark.parametrize("layout", ["coco", "voc"])
def test_sizes_that_are_not_annotated_are_read_from_the_files(
    opened: Callable[..., SceneData], tmp_path: Path, layout: str
) -> None:
    """Objects outside the image are then counted when the data are opened, and a part with no other is refused."""
    if layout == "coco":
        root, described = coco_folder(tmp_path / "coco"), COCO
        for part in ("train2017", "val2017"):
            path = root / "annotations" / f"instances_{part}.json"
            path.write_text(path.read_text().replace('"width"', '"breadth"'))
        images = root / "train2017"
    else:
        root, described = voc_folder(tmp_path / "VOCdevkit"), VOC
        for path in root.glob("VOC2007/Annotations/*.xml"):
            path.write_text(re.sub("<size>.*</size>", "", path.read_text()))
        images = root / "VOC2007" / "JPEGImages"
    opened(dataset=described, folder=root, batch=2)
    for path in images.iterdir():
        Image.new("RGB", (2, 2)).save(path)
    train = open_parts(described, root, "detect").train
    learned, left = trainable(train, masks=False)
    assert train.table.size(0) == (2, 2)
    assert left.small > 0
    assert left.images == len(train) - len(learned) > 0


def test_a_training_without_a_single_object_is_refused(opened: Callable[..., SceneData], tmp_path: Path) -> None:
    document = coco_document()
    document["annotations"] = [
        {**row, "bbox": [1000, 1000, 5, 5]} for row in document["annotations"] if not row["iscrowd"]
    ]
    root = coco_folder(tmp_path / "coco", document)
    with pytest.raises(DataError, match=r"coco has no object to train on; left out: 7 boxes outside their image"):
        opened("fasterrcnn", COCO, root, batch=2)


# --------------------------------------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("model", "augment", "words"),
    [
        (
            "fasterrcnn",
            "crop-flip",
            "augment=crop-flip does not fit the task detect; use one of none, shift, flip, flip-shift, ssd, mosaic",
        ),
        ("maskrcnn", "mosaic", "augment=mosaic does not fit the task instance; use one of none, flip"),
        ("deeplabv3", "ssd", "augment=ssd does not fit the task segment; use one of none, flip, seg"),
    ],
)
def test_an_augmentation_for_another_task_is_an_error(
    opened: Callable[..., SceneData], model: str, augment: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        opened(model, augment=augment)


def test_images_of_different_sizes_cannot_form_a_segmentation_batch(
    opened: Callable[..., SceneData], tmp_path: Path
) -> None:
    root = coco_folder(tmp_path / "coco")
    sizes = {image["file_name"]: (image["height"], image["width"]) for image in coco_document()["images"]}
    for part, few in (("train2017", 4), ("val2017", 2)):
        for name, size in list(sizes.items())[:few]:
            class_map(root / "stuffthingmaps" / part / name.replace("jpg", "png"), np.ones(size))
    stuff = dataclasses.replace(COCO, tasks=("segment",), classes=2)
    with pytest.raises(DataError, match=r"images of \d sizes, such as .*; augment=seg crops them to one size"):
        list(opened("deeplabv3", stuff, root, batch=4, norm_batch=4).train(0, range(1), 1))
    images, _ = maps(next(opened("deeplabv3", stuff, root, augment="seg", input_size=33).train(0, range(1), 1)))
    assert images.shape == (2, 3, 33, 33)
    evaluated = map(maps, opened("deeplabv3", stuff, root).evaluate(0, 1))
    assert [images.shape[-2:] for images, _ in evaluated] == [(48, 60), (48, 64)]
