"""Measures a data set that users' code makes, in the process that `attnctl.datasets.own_code` starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from attnctl.datasets import folder_scan, image_statistics, own
from attnctl.datasets.image_statistics import sampled
from attnctl.jobs.data import coded
from attnctl.sources import isolated, remember
from attnctl.values import SpecError


def answer(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The fields of the data set's description, and notes. Raises SpecError.

    The current folder is not the user's, so that a relative path fails here and not only in the jobs.
    """
    remember(folder / isolated.SOURCES, [request["version"]])
    os.chdir(folder)
    code, split = str(request["code"]), request["test"]
    parts = coded.open_parts(code, str(request["version"]), Path(request["folder"]))
    if len(parts) == 2 and (split is not None or request["seed"]):
        raise SpecError(f"{code} returns two parts, so it is not split")
    fraction = (own.SPLIT if split is None else float(split)) if len(parts) == 1 else 0.0
    train = parts[0]
    seen = image_statistics.measure_decoded(map(train.image, sampled(len(train.labels))))
    content = coded.content(parts)
    counts = (len(train.labels), len(parts[1].labels) if len(parts) == 2 else 0)
    values = {
        **own.class_values(train.class_names, seen.side),
        **dict(zip(("train_size", "test_size"), own.sizes(code, counts, fraction), strict=True)),
        "mean": seen.mean,
        "std": seen.std,
        "train_parts": (folder_scan.TRAIN,),
        "test_parts": ("test",),
        "split": fraction,
        "split_seed": request["seed"],
        "content": content,
        "code": code,
        "code_version": request["version"],
    }
    return {"values": values, "notes": [_of_content(content)]}


def _of_content(content: str) -> str:
    if content.startswith("sample:"):
        return (
            f"its content is known by all labels and a sample of {coded.SAMPLED} images of each part, since it is large"
        )
    return "its content is known by all labels and images"


if __name__ == "__main__":
    isolated.serve(answer)
