"""What a checkpoint of a ResNet-50 costs: goal, at most 1 % of the training with at most 5 minutes of lost work.

    python benchmarks/checkpoint.py [--quick] [--backbone NAME] [--repeats N]

The state is streamed into a file aside and its digest, fsynced and renamed. Where memory allows, the training waits
only for a copy of the state, and a thread writes it. Beside it what a plain loop does, torch.save into memory, SHA-256
and one fsynced write, and the disk's own limit: the same bytes written and fsynced, nothing else.
"""

from __future__ import annotations

import hashlib
import io
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from arguments import Arguments

from attnctl import backbones
from attnctl.jobs.training import checkpoint
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.saving import CheckpointWriter
from attnctl.workspace.layout import RunDir, Workspace

CLASSES = 1000


def _plain(state: dict[str, Any], path: Path) -> float:
    """Seconds of a checkpoint as a plain loop writes it."""
    started = time.perf_counter()
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    hashlib.sha256(data).hexdigest()
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return time.perf_counter() - started


def _in_background(run: RunDir, number: int, state: dict[str, Any]) -> tuple[float, float]:
    """Seconds that the training waits for a checkpoint, and until it is written; its bytes must be those of `write`."""
    context = TrainingContext(run=run, token=(1, 0))
    path = run.checkpoints / str(checkpoint.Name((1, 0), number))
    CheckpointWriter(context, None).write(number, state)
    expected = hashlib.sha256(path.read_bytes()).digest()
    path.unlink()
    writer, started = CheckpointWriter(context, None), time.perf_counter()
    if writer.begin(number, state) is not None:
        raise SystemExit("there is no memory for a copy of the state")
    waited = time.perf_counter() - started
    writer.finish(wait=True)
    whole = time.perf_counter() - started
    if hashlib.sha256(path.read_bytes()).digest() != expected:
        raise SystemExit("the checkpoint that was written in the background differs")
    return waited, whole


def main() -> None:
    """Print the medians and the share of the training."""
    arguments = Arguments(__doc__)
    arguments.size("repeats", 5, 1, "checkpoints")
    arguments.parser.add_argument("--backbone", help="(default: resnet50; with --quick: resnet20)")
    options = arguments.read()
    backbone = options.backbone or ("resnet20" if options.quick else "resnet50")
    torch.set_num_threads(1)
    network = backbones.build(backbone, CLASSES)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": 1}
    saves, plain, loads, limits, background = [], [], [], [], []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        run = Workspace(Path(folder)).run("0" * 16)
        run.checkpoints.mkdir(parents=True)
        for number in range(options.repeats):
            started = time.perf_counter()
            path, size = checkpoint.save(run, checkpoint.Name((1, 0), number), dict(state))
            saves.append(time.perf_counter() - started)
            plain.append(_plain(state, Path(folder) / "plain"))
            data = path.read_bytes()
            started = time.perf_counter()
            with (Path(folder) / "limit").open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            limits.append(time.perf_counter() - started)
            started = time.perf_counter()
            checkpoint.load(path, run)
            loads.append(time.perf_counter() - started)
            background.append(_in_background(run, number, state))
    save, limit = statistics.median(saves), statistics.median(limits)
    every = TrainingContext.save_every
    print(f"{backbone} with SGD's momentum: {size / 1e6:.0f} MB")
    print(f"saved in {save:.2f} s; its bytes alone written and fsynced in {limit:.2f} s: ratio {save / limit:.2f}")
    usual = statistics.median(plain)
    print(f"torch.save, SHA-256 and one fsynced write: {usual:.2f} s; ours takes {save / usual:.2f} of it")
    print(f"loaded and verified in {statistics.median(loads):.2f} s")
    waited, whole = (statistics.median(seconds) for seconds in zip(*background, strict=True))
    print(f"in a thread: the training waits {waited:.3f} s, {waited / save:.2f} of it; written after {whole:.2f} s")
    for words, seconds in (("while the training waits", save), ("in a thread", waited)):
        print(
            f"one every {every:.0f} s, {words}: {100 * seconds / (every + seconds):.2f} % of the training (goal: 1 %)"
        )


if __name__ == "__main__":
    main()
