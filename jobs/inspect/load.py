"""Loads a trained network: built from its run's spec, with the weights of its newest valid checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from attnctl.backbones.places import Part
from attnctl.backbones.trace import trace
from attnctl.jobs.training import checkpoint
from attnctl.networks import surgery
from attnctl.sources import blame
from attnctl.spec import RunSpec
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Device


@dataclass(frozen=True)
class Trained:
    """A network in evaluation mode.

    step: the training step of its checkpoint. skipped: newer checkpoints that could not be used, with the reasons.
    """

    run: str
    spec: RunSpec
    network: nn.Module
    sources: Path
    """The workspace's folder of users' source files."""
    device: torch.device
    step: int
    skipped: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The side of its square input in pixels; for a detector, that to which it resizes images itself."""
        return surgery.input_shape(self.spec)[1]

    @property
    def prefix(self) -> str:
        """The prefix of the paths of the backbone's parts; empty if the backbone is the whole network."""
        return str(getattr(self.network, "body_prefix", ""))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the backbone by their paths in it, in the order of a forward. Raises SpecError."""
        return tuple(
            replace(part, path=part.path.removeprefix(self.prefix))
            for part in trace(self.network, self.size)
            if part.path.startswith(self.prefix)
        )


def choose(device: Device) -> torch.device:
    """The device; auto: a GPU if there is one. Raises SpecError if a GPU was requested but there is none."""
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise SpecError(f"torch {torch.__version__} detects no GPU on this machine; use --device cpu")
    return torch.device("cuda" if cuda and device != "cpu" else "cpu")


def load(workspace: Workspace, run_id: str, device: torch.device) -> Trained:
    """Load the network of a run, with the averaged weights if it has them; raises SpecError, RecordError."""
    run = workspace.run(run_id)
    spec = run.read_spec()
    skipped: list[str] = []
    newest = checkpoint.newest(run, skipped.append)
    if newest is None:
        reason = "; ".join(skipped) or "it was not trained long enough, or they were deleted"
        raise SpecError(f"run {run_id} has no checkpoint: {reason}")
    state = newest[1]
    try:
        network = surgery.build(spec, workspace.sources)
        network.load_state_dict(state.get("averaged") or state["network"])
    except SpecError:
        raise
    except Exception as error:  # any error of a user's own module
        raise SpecError(f"cannot rebuild the network of run {run_id}: {blame.describe(error)}") from error
    for module in network.modules():
        if getattr(module, "inplace", False):  # an in-place operation would change the map that a hook has stored
            setattr(module, "inplace", False)  # noqa: B010 - not an attribute that torch declares
    network.eval().to(device)
    return Trained(run_id, spec, network, workspace.sources, device, int(state["step"]), tuple(skipped))
