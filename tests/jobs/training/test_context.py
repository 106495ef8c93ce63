"""What a process knows of its training before the rendezvous."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from attnctl.jobs.training.context import TrainingContext
from attnctl.workspace.layout import Workspace


def test_each_training_has_its_own_position_and_signals(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("0" * 16)
    one, other = (TrainingContext(run=run, token=(1, number)) for number in range(2))
    assert one.position is not other.position
    assert one.signals is not other.signals
    assert one.stopped(15) == "interrupted"
    one.beat()
    assert (one.end, one.save_every) == (None, 300.0)


def test_it_is_made_without_torch() -> None:
    code = "import sys, attnctl.jobs.training.context; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
