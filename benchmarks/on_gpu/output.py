"""The rows as tables and as JSON, and what they were measured on."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from on_gpu.rows import Row

TITLES = {
    "training": "Training on one GPU",
    "inference": "Inference",
    "two processes": "Training in two processes",
    "compiled": "Training with torch.compile",
}


def environment(device: str) -> dict[str, Any]:
    """The GPUs and the software."""
    import torch
    import torchvision

    from attnctl import __version__

    found: dict[str, Any] = {
        "attnctl": __version__,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "device": device,
    }
    if device == "cuda":
        count = torch.cuda.device_count()
        properties = [torch.cuda.get_device_properties(number) for number in range(count)]
        found |= {
            "gpus": [item.name for item in properties],
            "memory": [item.total_memory for item in properties],
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "nccl": ".".join(map(str, torch.cuda.nccl.version())),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
        }
    return found


def write(path: Path, environment: dict[str, Any], rows: Sequence[Row], seconds: float) -> None:
    """Put the JSON in place of what is there, so that a run that is cut keeps what it has measured."""
    document = {"environment": environment, "seconds": seconds, "rows": [dataclasses.asdict(row) for row in rows]}
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    aside.replace(path)


def headline(environment: dict[str, Any]) -> str:
    """The environment in a line."""
    gpus = environment.get("gpus")
    device = f"{len(gpus)} x {gpus[0]}, CUDA {environment['cuda']}" if gpus else "CPU"
    return f"{device}, torch {environment['torch']}, torchvision {environment['torchvision']}"


def line(row: Row) -> str:
    """A row as it is told while the benchmark runs."""
    if row.images_per_s is None:
        return f"{row.name}: {'failed' if row.failed else 'skipped'}, {row.failed or row.skipped}"
    return f"{row.name}: {row.images_per_s:,.1f} images/s"


def tables(rows: Sequence[Row]) -> str:
    """A table for each part, then what was skipped or failed."""
    blocks = []
    for part, title in TITLES.items():
        measured = [row for row in rows if row.part == part and row.images_per_s is not None]
        if measured:
            blocks.append(f"{title}\n{_table(part, measured)}")
    for title, reasons in (
        ("Skipped", [(row.name, row.skipped) for row in rows if row.skipped]),
        ("Failed", [(row.name, row.failed) for row in rows if row.failed]),
    ):
        if reasons:
            blocks.append("\n".join([title, *(f"  {name}: {reason}" for name, reason in reasons)]))
    return "\n\n".join(blocks)


def _table(part: str, rows: Sequence[Row]) -> str:
    infers = part == "inference"
    ratio = "of 2 x one" if part == "two processes" else "of plain"
    columns = ["network", "module", "mode", "batch", "images/s", "ms", "+- %"]
    columns += [ratio, "published", "in"] if infers else ["GB", ratio, "first s"]
    cells = [columns]
    for row in rows:
        own = [row.network, row.module, row.mode, str(row.batch), _number(row.images_per_s, 1), _number(row.ms, 2)]
        own.append(_number(row.spread and 100 * row.spread, 1))
        if infers:
            own += [_number(row.ratio, 2), _number(row.published, 2), row.published_in]
        else:
            gigabytes = row.peak_mb / 1000 if row.peak_mb is not None else None
            own += [_number(gigabytes, 1), _number(row.ratio, 2), _number(row.first_s, 1)]
        cells.append(own)
    widths = [max(len(line[column]) for line in cells) for column in range(len(columns))]
    left = {0, 1, 2, 9}
    lines = (
        "  ".join(text.ljust(width) if at in left else text.rjust(width) for at, (text, width) in enumerate(pairs))
        for pairs in (zip(line, widths, strict=True) for line in cells)
    )
    return "\n".join(f"  {text.rstrip()}" for text in lines)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
