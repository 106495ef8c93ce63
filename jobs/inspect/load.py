"""A trained network: rebuilt from its run's spec, with the weights of its newest good checkpoint."""

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

    step: how far it was trained. refused: newer checkpoints that could not be used, and why.
    """

    run: str
    spec: RunSpec
    network: nn.Module
    sources: Path
    """The workspace's folder of users' files."""
    device: torch.device
    step: int
    refused: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Pixels of its square input; of that to which it brings images itself where it is a detector."""
        return surgery.input_shape(self.spec)[1]

    @property
    def prefix(self) -> str:
        """Before the paths of the backbone's parts; empty where the backbone is all of the network."""
        return str(getattr(self.network, "body_prefix", ""))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the backbone by their paths in it, in the order of one forward. Raises SpecError."""
        found = trace(self.network, self.size)
        return tuple(
            replace(part, path=part.path.removeprefix(self.prefix))
            for part in found
            if part.path.startswith(self.prefix)
        )


def choose(device: Device) -> torch.device:
    """auto: the GPU where there is one. Raises SpecError when one was asked for and there is none."""
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise SpecError(f"torch {torch.__version__} sees no GPU here; --device cpu computes on the CPU")
    return torch.device("cuda" if cuda and device != "cpu" else "cpu")


def load(workspace: Workspace, run_id: str, device: torch.device) -> Trained:
    """The network of a run, with averaged weights where it averages them; raises SpecError, RecordError."""
    run = workspace.run(run_id)
    spec = run.read_spec()
    refused: list[str] = []
    found = checkpoint.newest(run, refused.append)
    if found is None:
        why = "; ".join(refused) or "it has not been trained far enough, or they were removed"
        raise SpecError(f"run {run_id} has no checkpoint to look into: {why}")
    state = found[1]
    try:
        network = surgery.build(spec, workspace.sources)
        network.load_state_dict(state.get("averaged") or state["network"])
    except SpecError:
        raise
    except Exception as error:  # whatever a user's own module raises is the answer
        raise SpecError(f"run {run_id} cannot be built again: {blame.describe(error)}") from error
    for module in network.modules():
        if getattr(module, "inplace", False):  # it would change the map that a hook has just seen
            setattr(module, "inplace", False)  # noqa: B010 - no attribute that torch declares
    network.eval().to(device)
    return Trained(run_id, spec, network, workspace.sources, device, int(state["step"]), tuple(refused))
