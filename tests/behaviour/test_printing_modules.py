"""What a user's module prints goes to standard error, so that --json is one document for other programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnctl.settings.config import find
from tests.attnctl.cli.cli_run import Run

TINY = ("--epochs", "1", "--input-size", "8", "--batch", "256", "--norm-batch", "256", "--run-on", "local")
TALKING = '''import torch
from torch import nn

print("loading talking.py")


class Gate(nn.Module):
    """Says what it does."""

    def __init__(self, channels):
        super().__init__()
        print("a gate for", channels)
        self.f = nn.Conv2d(channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        print("forward")
        return self.norm(x * torch.sigmoid(self.f(x.mean((2, 3), keepdim=True))))
'''
COMMANDS = (
    ("predict", "{run}", "--json"),
    ("eval", "{run}", "--json"),
    ("cam", "{run}", "--layer", "layer3", "--json"),
    ("histogram", "{run}", "--layer", "layer3", "--json"),
    ("errors", "{run}", "--json"),
    ("prune-curve", "{run}", "--percent", "0,50", "--json"),
    ("weights", "export", "{run}", "-o", "gate.safetensors", "--json"),
)


def test_standard_output_is_one_json_document(attnctl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (folder / "talking.py").write_text(TALKING)
    done = attnctl("sweep", "./talking.py:Gate", *TINY, "--name", "gates")
    assert done.code == 0, done.err
    (run,) = find(folder, folder, {}).workspace.run_ids()
    for command in COMMANDS:
        result = attnctl(*(word.format(run=run) for word in command))
        assert result.code == 0, (command, result.err)
        assert isinstance(json.loads(result.out), dict), command
        assert "a gate for" in result.err, command
