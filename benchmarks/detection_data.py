"""Loading speed of detection batches: attnctl's data beside torchvision's CocoDetection with its reference transforms.

    python benchmarks/detection_data.py [--quick] [--images N] [--batches N] [--pairs N] [--workers N ...]

Both read the same COCO folder, made here: JPEGs of 640x480 with seven objects each, as COCO has on average, of two
polygons of fifteen corners. The peer is what torchvision's reference training of detectors builds with --use-v2:
CocoDetection wrapped for the transforms, flips, conversion to float, boxes made sound, a DataLoader that keeps lists.
Both give batches of float32 images and their targets in this process. Interleaved pairs, medians; the goal is a ratio
of at least 1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arguments import Arguments
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import CocoDetection, wrap_dataset_for_transforms_v2
from torchvision.transforms import v2

from attnctl.datasets import Dataset, describe
from attnctl.jobs.data.scene_data import open_scenes
from attnctl.spec import LOOP_VERSION, Recipe, RunSpec, Versions

BATCH = 8
WIDTH, HEIGHT, OBJECTS, CORNERS = 640, 480, 7, 15
PART = "train2017"


def make(folder: Path, images: int) -> Dataset:
    """The folder, and its descriptor."""
    rng = np.random.default_rng(0)
    rows, annotations = [], []
    (folder / "annotations").mkdir(parents=True)
    (folder / PART).mkdir()
    for number in range(1, images + 1):
        small = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(folder / PART / f"{number:012d}.jpg", quality=90)
        rows.append({"id": number, "file_name": f"{number:012d}.jpg", "width": WIDTH, "height": HEIGHT})
        annotations += [annotation(rng, number) for _ in range(OBJECTS)]
    for key, item in enumerate(annotations, 1):
        item["id"] = key
    document = {"images": rows, "annotations": annotations, "categories": [{"id": 5, "name": "a"}]}
    (folder / "annotations" / f"instances_{PART}.json").write_text(json.dumps(document))
    return dataclasses.replace(
        describe("coco"),
        classes=1,
        train_size=images,
        test_size=images,
        test_parts=(PART,),
        files=(),
    )


def annotation(rng: np.random.Generator, image: int) -> dict[str, Any]:
    """An object: two ellipses beside each other, as polygons."""
    width, height = rng.uniform(20, 200, 2)
    left, top = rng.uniform(0, WIDTH - width), rng.uniform(0, HEIGHT - height)
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    outlines = [
        np.stack(
            [
                left + width * (0.25 + 0.5 * part + 0.25 * np.cos(angles)),
                top + height * (0.5 + 0.5 * np.sin(angles)),
            ],
            axis=1,
        )
        for part in range(2)
    ]
    return {
        "image_id": image,
        "category_id": 5,
        "bbox": [left, top, width, height],
        "area": width * height / 2,
        "iscrowd": 0,
        "segmentation": [outline.round(2).ravel().tolist() for outline in outlines],
    }


def ours(dataset: Dataset, folder: Path, model: str, workers: int) -> Callable[[int], Iterator[Any]]:
    """Batches by their number."""
    recipe = Recipe(
        epochs=1,
        batch=BATCH,
        norm_batch=BATCH,
        optimizer="sgd",
        lr=0.1,
        momentum=0.9,
        weight_decay=0.0,
        schedule="constant",
        augment="flip",
    )
    spec = RunSpec(
        module="none",
        hyperparameters=(),
        backbone="resnet50",
        placement="block",
        dataset="coco",
        recipe=recipe,
        seed=0,
        versions=Versions(module="", backbone=1, placement=1, dataset=1, loop=LOOP_VERSION, model=1),
        model=model,
    )
    data = open_scenes(spec, dataset, folder, torch.device("cpu"), workers=workers, stage=False)
    return lambda batches: data.train(0, range(1), batches)


def peer(folder: Path, masks: bool, workers: int) -> Callable[[int], Iterator[Any]]:
    """torchvision's reference."""
    transforms = v2.Compose(
        [
            v2.RandomHorizontalFlip(0.5),
            v2.PILToTensor(),
            v2.ToDtype(torch.float, scale=True),
            v2.ConvertBoundingBoxFormat("XYXY"),
            v2.SanitizeBoundingBoxes(),
            v2.ToPureTensor(),
        ]
    )
    with contextlib.redirect_stdout(io.StringIO()):
        plain = CocoDetection(folder / PART, folder / "annotations" / f"instances_{PART}.json", transforms=transforms)
    keys = ["boxes", "labels", "image_id", *(["masks"] if masks else [])]
    wrapped = wrap_dataset_for_transforms_v2(plain, target_keys=keys)
    loader = DataLoader(
        wrapped,
        batch_size=BATCH,
        shuffle=True,
        num_workers=workers,
        collate_fn=lambda samples: tuple(zip(*samples, strict=True)),
        multiprocessing_context="fork" if workers else None,
        persistent_workers=workers > 0,
    )

    def batches(count: int) -> Iterator[Any]:
        found = 0
        while found < count:
            for batch in loader:
                yield batch
                found += 1
                if found == count:
                    return

    return batches


def seconds(batches: Callable[[int], Iterator[Any]], count: int) -> float:
    """For so many batches, workers' start included in neither."""
    iterator = batches(count + 1)
    next(iterator)
    started = time.perf_counter()
    found = sum(1 for _ in iterator)
    assert found == count
    return time.perf_counter() - started


def main() -> None:
    """Print the medians and their ratio, for boxes and for masks."""
    arguments = Arguments(__doc__)
    arguments.size("images", 160, 16, "images in the folder")
    arguments.size("batches", 16, 1, "batches of each measurement")
    arguments.size("pairs", 7, 1, "measured pairs")
    arguments.parser.add_argument("--workers", type=int, nargs="+", help="(default: 0 2; with --quick: 0)")
    options = arguments.read()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="pycocotools")
    with tempfile.TemporaryDirectory(prefix="attnctl-bench-") as place:
        folder = Path(place) / "coco"
        dataset = make(folder, options.images)
        for workers in options.workers or ([0] if options.quick else [0, 2]):
            for model, words in (("fasterrcnn", "boxes"), ("maskrcnn", "boxes and masks")):
                loaders = (peer(folder, model == "maskrcnn", workers), ours(dataset, folder, model, workers))
                times = [[seconds(loader, options.batches) for loader in loaders] for _ in range(options.pairs)]
                theirs, own = (statistics.median(column) for column in zip(*times, strict=True))
                ratio = statistics.median(a / b for a, b in times)
                images = options.batches * BATCH
                print(
                    f"{words}, {workers} workers: CocoDetection {images / theirs:,.0f} images/s, "
                    f"attnctl {images / own:,.0f} images/s: {ratio:.2f} of the peer's speed (goal: 1)"
                )


if __name__ == "__main__":
    main()
