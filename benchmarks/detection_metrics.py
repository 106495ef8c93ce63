"""The evaluation of detections, against pycocotools on the same ones: COCO val's size, 5,000 images of 100 detections.

Goal: the whole evaluation, from the networks' tensors to the values, in seconds, and at most a quarter of what
pycocotools takes from ready lists of annotations. Interleaved rounds, medians; VOC's mAP and the kept file beside it.

    python benchmarks/detection_metrics.py [--quick] [--images N] [--detections N] [--rounds N]
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from arguments import Arguments
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from attnctl.jobs.metrics.coco import NAMES, CocoAP
from attnctl.jobs.metrics.detections import Detections
from attnctl.jobs.metrics.voc import VocMAP

CLASSES = 80
OBJECTS = 7
"""On an image in the mean, as in COCO's val2017."""

Rows = list[dict[str, Tensor]]


def drawn(images: int, detections: int) -> tuple[Rows, Rows]:
    """(outputs, targets). Half of the detections are near an object, the others anywhere."""
    draw = np.random.default_rng(0)
    outputs, targets = [], []
    for number in range(images):
        count = int(draw.poisson(OBJECTS))
        true, labels = boxes(draw, count), draw.integers(1, CLASSES + 1, count)
        near = draw.integers(0, count, detections // 2) if count else np.zeros(0, int)
        found = np.concatenate([true[near] + draw.normal(0, 5, (len(near), 4)), boxes(draw, detections - len(near))])
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2])
        alike = np.concatenate([labels[near], draw.integers(1, CLASSES + 1, detections - len(near))])
        outputs.append(
            {
                "boxes": torch.from_numpy(found).float(),
                "labels": torch.from_numpy(alike),
                "scores": torch.from_numpy(draw.random(detections)).float(),
            }
        )
        targets.append(
            {
                "boxes": torch.from_numpy(true).float(),
                "labels": torch.from_numpy(labels),
                "area": torch.from_numpy((true[:, 2] - true[:, 0]) * (true[:, 3] - true[:, 1])).float(),
                "iscrowd": torch.from_numpy((draw.random(count) < 0.01).astype(np.uint8)),
                "image_id": torch.tensor(number + 1),
            }
        )
    return outputs, targets


def boxes(draw: np.random.Generator, count: int) -> np.ndarray:
    """(count, 4) corners on 640x480."""
    centre, size = draw.uniform(0, (640, 480), (count, 2)), draw.lognormal(4, 0.8, (count, 2))
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def taken_in(metric: Detections, outputs: Rows, targets: Rows) -> Detections:
    """The metric with all images, in batches of 16."""
    for begin in range(0, len(outputs), 16):
        metric.update(outputs[begin : begin + 16], targets[begin : begin + 16])
    return metric


def pycocotools(metric: Detections) -> Callable[[], dict[str, float]]:
    """pycocotools' evaluation, as its users run it on loaded annotations and a file of detections."""
    results = list(metric.results())
    annotations, number = [], 0
    for image in metric.images:
        objects = image.annotated
        columns = (objects.boxes, objects.labels, objects.area, objects.crowd)
        for box, label, area, crowd in zip(*columns, strict=True):
            number += 1
            left, top, right, bottom = box.tolist()
            sizes = [left, top, right - left, bottom - top]
            row = {"id": number, "image_id": image.number, "category_id": int(label), "bbox": sizes}
            annotations.append({**row, "area": float(area), "iscrowd": int(crowd)})
    document = {
        "info": {},
        "images": [{"id": image.number} for image in metric.images],
        "categories": [{"id": k} for k in range(1, CLASSES + 1)],
        "annotations": annotations,
    }

    def run() -> dict[str, float]:
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            truth.dataset = document
            truth.createIndex()
            evaluation = COCOeval(truth, truth.loadRes([dict(row) for row in results]), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return {name: 100 * value for name, value in zip(NAMES, evaluation.stats, strict=False)}

    return run


def main() -> None:
    """Print the medians, their ratios, and how far the values are apart."""
    arguments = Arguments(__doc__)
    arguments.size("images", 5000, 50, "images")
    arguments.size("detections", 100, 20, "detections of each image")
    arguments.size("rounds", 3, 1, "measured rounds")
    options = arguments.read()
    images, detections, rounds = options.images, options.detections, options.rounds
    torch.set_num_threads(1)
    outputs, targets = drawn(images, detections)
    whole = taken_in(CocoAP(range(1, CLASSES + 1)), outputs, targets)
    peer = pycocotools(whole)
    folder = Path(tempfile.mkdtemp())
    file = folder / "detections.json"
    tasks: dict[str, Callable[[], object]] = {
        "pycocotools, from lists": peer,
        "COCO's AP, from tensors": lambda: taken_in(CocoAP(range(1, CLASSES + 1)), outputs, targets).compute(),
        "VOC's mAP, from tensors": lambda: taken_in(
            VocMAP(range(1, CLASSES + 1), "11-point"), outputs, targets
        ).compute(),
        "detections.json": lambda: whole.write(file),
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    found: dict[str, object] = {}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.process_time()
            found[name] = task()
            times[name].append(time.process_time() - started)
    first = statistics.median(times["pycocotools, from lists"])
    print(f"{images} images of {detections} detections, {CLASSES} classes; seconds of the processor, {rounds} rounds")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"{name:<26}{middle:8.2f} s{middle / first:8.2f}x")
    print(f"{'':<26}{file.stat().st_size / 1e6:8.1f} MB")
    ours, theirs = found["COCO's AP, from tensors"], found["pycocotools, from lists"]
    assert isinstance(ours, dict)
    assert isinstance(theirs, dict)
    apart = max(abs(ours[name] - theirs[name]) for name in ours)
    print(json.dumps({"goal": "<= 0.25x pycocotools", "largest difference in points of AP": apart}))
    file.unlink()
    folder.rmdir()


if __name__ == "__main__":
    main()
