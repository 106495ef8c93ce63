"""Speed on GPUs: training and inference with attention beside the plain networks, in eight minutes at most.

    python benchmarks/gpu.py [--minutes 8] [--json FILE] [--only TEXT ...]
    python benchmarks/gpu.py --device cpu --quick

It needs torch (2.11 or newer), torchvision and attnctl's own modules; where attnctl is not installed, run it in the
repository with PYTHONPATH=src. It measures

- training: resnet20 on CIFAR-like and resnet50 on ImageNet-like random tensors, plain and with ELA, EAN and SE; in
  fp32, with AMP (bf16), with AMP and channels-last, and with torch.compile;
- inference: every network whose speed a paper printed, and all other modules in a resnet50, as ratios to the plain one;
- two processes: the same training on two GPUs over NCCL, relative to twice the speed of one.

Each figure is the median of five repetitions that last half a second and more. The benchmark keeps to its time by
itself: what does not fit is skipped and named. Exit code 1 means that something failed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arguments import Arguments

if TYPE_CHECKING:
    from on_gpu.parts import Part
    from on_gpu.rows import Row

RESERVE = 10.0
"""Seconds of the time that are kept for ending processes and for output."""


def main() -> int:
    """Measure, print the tables and write the JSON; gives the exit code."""
    started = time.monotonic()
    options = command_line()
    if options.quick:
        os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that measure
    from on_gpu import output, parts
    from on_gpu.rows import with_ratios

    environment = output.environment(options.device)
    print(output.headline(environment), file=sys.stderr, flush=True)
    context = parts.Context(
        device=options.device, quick=options.quick, deadline=started + 60 * options.minutes - RESERVE
    )
    rows: list[Row] = []
    for part in chosen(environment.get("memory", []), options.quick, options.only):
        for found in parts.run(part, context):
            rows = with_ratios([*rows, *found])
            for row in found:
                print(f"[{time.monotonic() - started:4.0f} s] {output.line(row)}", file=sys.stderr, flush=True)
            if options.json:
                output.write(options.json, environment, rows, time.monotonic() - started)
    failed = sum(bool(row.failed) for row in rows)
    skipped = sum(bool(row.skipped) for row in rows)
    print(f"{output.headline(environment)}\n\n{output.tables(rows)}\n")
    print(
        f"{len(rows) - failed - skipped} measured, {skipped} skipped, {failed} failed "
        f"in {time.monotonic() - started:.0f} s"
    )
    return 1 if failed else 0


def command_line() -> argparse.Namespace:
    """The options; ends the process with a message where they cannot be met."""
    arguments = Arguments(__doc__)
    add = arguments.parser.add_argument
    add("--minutes", type=float, default=8.0, metavar="M", help="time for all of it (default: 8)")
    add("--device", choices=("cuda", "cpu"), default="cuda", help="(default: cuda)")
    add("--json", type=Path, metavar="FILE", help="write the rows there, too")
    add("--only", action="append", metavar="TEXT", help="measure only rows whose name contains TEXT; repeatable")
    options = arguments.read()
    if options.json and not options.json.parent.is_dir():
        arguments.parser.error(f"--json {options.json}: there is no folder {options.json.parent}")
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        arguments.parser.error(f"torch {torch.__version__} finds no GPU; to try it without one: --device cpu --quick")
    return options


def chosen(memory: Sequence[int], quick: bool, only: Sequence[str] | None) -> list[Part]:
    """The parts in the order of their worth, without the items that --only leaves out. memory: of each GPU."""
    from dataclasses import replace

    from on_gpu import inference, training

    least = min(memory, default=0)
    parts = [*training.parts(len(memory), least, quick=quick), *inference.parts(quick=quick)]
    if not quick:
        parts += training.compiled_parts(least)
    found = []
    for part in parts:
        items = [item for item in part.items if any(text in row.name for row in item.empty for text in only or [""])]
        if items:
            found.append(replace(part, items=items))
    return found


if __name__ == "__main__":
    sys.exit(main())
