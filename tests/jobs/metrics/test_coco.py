"""COCO's AP, against pycocotools on the same detections, and by hand where the answer is plain."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from pycocotools import mask as masks_of_theirs
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from attnctl.jobs.metrics.coco import NAMES, CocoAP
from tests.jobs.metrics.random_detections import CATEGORIES, SIDE, batch


def theirs(
    outputs: list[dict[str, torch.Tensor]], targets: list[dict[str, torch.Tensor]], kind: str
) -> npt.NDArray[np.float64]:
    """The first six of pycocotools' values, from files as COCO publishes and takes them."""
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for output, target in zip(outputs, targets, strict=True):
        number = int(target["image_id"])
        for k in range(len(target["labels"])):
            row: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": CATEGORIES[int(target["labels"][k]) - 1],
                "bbox": sizes(target["boxes"][k]),
                "area": float(target["area"][k]),
                "iscrowd": int(target["iscrowd"][k]),
            }
            if kind == "segm":
                row["segmentation"] = encoded(target["masks"][k].numpy())
            annotations.append(row)
        for k in range(len(output["labels"])):
            row = {
                "image_id": number,
                "category_id": CATEGORIES[int(output["labels"][k]) - 1],
                "score": float(output["scores"][k]),
            }
            if kind == "segm":
                row["segmentation"] = encoded((output["masks"][k, 0] > 0.5).numpy())
            else:
                row["bbox"] = sizes(output["boxes"][k])
            results.append(row)
    return evaluated(targets, annotations, results, kind)


def evaluated(
    targets: list[dict[str, torch.Tensor]], annotations: list[Any], results: list[Any], kind: str
) -> npt.NDArray[np.float64]:
    with contextlib.redirect_stdout(io.StringIO()):
        true = COCO()
        true.dataset = {
            "info": {},
            "images": [{"id": int(target["image_id"]), "height": SIDE, "width": SIDE} for target in targets],
            "categories": [{"id": number} for number in CATEGORIES],
            "annotations": annotations,
        }
        true.createIndex()
        evaluation = COCOeval(true, true.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats: npt.NDArray[np.float64] = evaluation.stats
    return stats[:6]


def sizes(box: torch.Tensor) -> list[float]:
    left, top, right, bottom = box.double().tolist()
    return [left, top, right - left, bottom - top]


def encoded(mask: npt.NDArray[Any]) -> Any:
    return masks_of_theirs.encode(np.asfortranarray(mask.astype(np.uint8)))


def ours(
    outputs: list[dict[str, torch.Tensor]],
    targets: list[dict[str, torch.Tensor]],
    *,
    masks: bool = False,
    size: int = 4,
) -> CocoAP:
    metric = CocoAP(CATEGORIES, masks=masks)
    for begin in range(0, len(outputs), size):
        metric.update(outputs[begin : begin + size], targets[begin : begin + size])
    return metric


@pytest.mark.parametrize("seed", range(8))
def test_box_ap_matches_pycocotools(seed: int) -> None:
    outputs, targets = batch(seed)
    values = ours(outputs, targets).compute()
    expected = {name: 100 * value for name, value in zip(NAMES, theirs(outputs, targets, "bbox"), strict=True)}
    assert values == pytest.approx({name: value for name, value in expected.items() if value >= 0}, abs=1e-9)
    assert 5 < values["ap"] < 95


@pytest.mark.parametrize("seed", range(4))
def test_mask_ap_matches_pycocotools(seed: int) -> None:
    outputs, targets = batch(seed, 15, masks=True)
    values = ours(outputs, targets, masks=True).compute()
    for prefix, kind in (("", "bbox"), ("mask_", "segm")):
        for name, expected in zip(NAMES, theirs(outputs, targets, kind), strict=True):
            assert values.get(prefix + name, -100) == pytest.approx(100 * expected, abs=1e-9)


def test_more_than_100_detections_per_image_are_limited_as_in_pycocotools() -> None:
    outputs, targets = batch(3, 4, objects=120)
    assert max(len(output["labels"]) for output in outputs) > 100
    values = ours(outputs, targets).compute()
    assert list(values.values()) == pytest.approx((100 * theirs(outputs, targets, "bbox")).tolist(), abs=1e-9)


def test_pycocotools_computes_the_same_values_from_the_saved_file(tmp_path: Path) -> None:
    outputs, targets = batch(1, 12, masks=True)
    metric = ours(outputs, targets, masks=True)
    metric.write(tmp_path / "detections.json")
    kept = json.loads((tmp_path / "detections.json").read_text())
    assert list(tmp_path.iterdir()) == [tmp_path / "detections.json"]
    assert len(kept) == sum(len(output["labels"]) for output in outputs)
    annotations = [
        {
            "id": 1 + number,
            "image_id": int(target["image_id"]),
            "category_id": CATEGORIES[int(target["labels"][k]) - 1],
            "bbox": sizes(target["boxes"][k]),
            "area": float(target["area"][k]),
            "iscrowd": int(target["iscrowd"][k]),
            "segmentation": encoded(target["masks"][k].numpy()),
        }
        for number, (target, k) in enumerate((target, k) for target in targets for k in range(len(target["labels"])))
    ]
    values = metric.compute()
    only_masks = [{key: value for key, value in row.items() if key != "bbox"} for row in kept]
    for prefix, kind, results in (("", "bbox", kept), ("mask_", "segm", only_masks)):
        for name, expected in zip(NAMES, evaluated(targets, annotations, results, kind), strict=True):
            assert values.get(prefix + name, -100) == pytest.approx(100 * expected, abs=1e-6)


def one(
    found: list[float] | None,
    true: list[float] | None,
    *,
    crowd: int = 0,
    score: float = 0.9,
    label: int = 1,
    wanted: int = 1,
) -> tuple[list[dict[str, torch.Tensor]], list[dict[str, torch.Tensor]]]:
    """An image with at most one detection and one object."""
    box = torch.tensor
    output = {
        "boxes": box([found] if found else []).reshape(-1, 4).float(),
        "labels": torch.full((int(bool(found)),), label),
        "scores": torch.full((int(bool(found)),), score),
    }
    target = {
        "boxes": box([true] if true else []).reshape(-1, 4).float(),
        "labels": torch.full((int(bool(true)),), wanted),
        "area": torch.full((int(bool(true)),), 5000.0),
        "iscrowd": torch.full((int(bool(true)),), crowd, dtype=torch.uint8),
        "image_id": torch.tensor(1),
    }
    return [output], [target]


BOX = [10.0, 10.0, 110.0, 60.0]


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (one(BOX, BOX), {"ap": 100, "ap50": 100, "ap75": 100, "ap_medium": 100}),
        (one([10.0, 10.0, 110.0, 50.1], BOX), {"ap": 70, "ap50": 100, "ap75": 100, "ap_medium": 70}),
        (one(None, BOX), {"ap": 0, "ap50": 0, "ap75": 0, "ap_medium": 0}),
        (one(BOX, BOX, label=2), {"ap": 0, "ap50": 0, "ap75": 0, "ap_medium": 0}),
        (one([10.0, 10.0, 10.0, 60.0], BOX), {"ap": 0, "ap50": 0, "ap75": 0, "ap_medium": 0}),
        (one(BOX, BOX, crowd=1), {}),
        (one(BOX, None), {}),
        (one(None, None), {}),
    ],
    ids=["exact", "overlap 0.802", "nothing found", "another class", "no width", "a crowd", "no object", "nothing"],
)
def test_plain_cases(
    given: tuple[list[dict[str, torch.Tensor]], list[dict[str, torch.Tensor]]], values: dict[str, float]
) -> None:
    assert ours(*given).compute() == pytest.approx(values)


def test_a_detection_that_is_not_finite_is_left_out() -> None:
    outputs, targets = batch(5)
    sound = ours(outputs, targets).compute()
    for output in outputs:
        output["boxes"] = torch.cat([output["boxes"], torch.tensor([[0, 0, float("nan"), 5], [0, 0, 5, 5]])])
        output["labels"] = torch.cat([output["labels"], torch.tensor([1, 1])])
        output["scores"] = torch.cat([output["scores"], torch.tensor([0.99, float("inf")])])
    assert ours(outputs, targets).compute() == sound


def test_a_label_that_the_data_set_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="labels 6 to 6 are not in 1 to 5"):
        ours(*one(BOX, BOX, label=6))
    with pytest.raises(ValueError, match="labels 0 to 0"):
        ours(*one(BOX, BOX, wanted=0))


def test_an_empty_evaluation_has_no_values() -> None:
    assert CocoAP(CATEGORIES).compute() == {}
    assert CocoAP(CATEGORIES, masks=True).compute() == {}


@pytest.mark.parametrize("seed", range(3))
def test_the_ap_of_a_class_is_that_of_the_class_alone(seed: int) -> None:
    outputs, targets = batch(seed, 15, masks=True)
    metric = ours(outputs, targets, masks=True)
    values = metric.class_values()
    for name in ("ap", "ap50", "mask_ap75"):
        mean = sum(of_class[name] for of_class in values.values()) / len(values)
        assert mean == pytest.approx(metric.compute()[name], abs=1e-9)
    for label in values:
        only = [{key: item[output["labels"] == label] for key, item in output.items()} for output in outputs]
        true = [
            {key: item[target["labels"] == label] if item.ndim else item for key, item in target.items()}
            for target in targets
        ]
        assert ours(only, true, masks=True).compute()["ap50"] == pytest.approx(values[label]["ap50"], abs=1e-9)
