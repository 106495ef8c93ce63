"""How much memory a joint forward may take."""

from __future__ import annotations

import subprocess
import sys

import torch

from attnctl.jobs.training.joint_check import allowed_bytes
from attnctl.jobs.training.joint_memory import CPU_MEMORY, GPU_SHARE


def test_the_training_allows_what_estimates_assume() -> None:
    assert allowed_bytes(torch.device("cpu")) == CPU_MEMORY
    assert 0 < GPU_SHARE < 1


def test_estimates_read_it_without_torch() -> None:
    code = "import sys, attnctl.cost.model; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
