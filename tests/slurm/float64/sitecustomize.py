"""On a job's PYTHONPATH this makes its workers train in float64, in which worlds can be compared to 1e-12."""

import torch

from attnctl.jobs.training import loop

assert loop.train.__defaults__ == (None, torch.float32)
loop.train.__defaults__ = (None, torch.float64)
