"""The weights that a run starts from when it does not start from its seed's: another run's, or a file's."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnctl.rundir import Workspace
from attnctl.values import SpecError
from jobs.training import checkpoint

_WRAPPED = ("network", "model", "state_dict", "model_state_dict")
"""Under which a file may hold its weights."""


@dataclass(frozen=True)
class Loaded:
    """What became of the weights: names of the network that the file lacks, of the file that the network lacks, and of
    those whose shapes differ (a head for other classes); each kept its own initialisation, or was left out."""

    loaded: int
    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]


def load(network: nn.Module, init: str, workspace: Workspace) -> Loaded:
    """Put the weights that `RunSpec.init` names into a network. Raises SpecError.

    A name stands for the same part with and without attention after it, so that a plain backbone's file fits.
    """
    kind, _, name = init.partition(":")
    weights = _of_run(workspace, name) if kind == "run" else _of_file(workspace.weights(name))
    plain = {_plain(key): value for key, value in weights.items() if ".attention." not in key}
    own = network.state_dict()
    chosen = {key: weights.get(key, plain.get(_plain(key))) for key in own}
    reshaped = [key for key, value in chosen.items() if value is not None and value.shape != own[key].shape]
    fitting = {key: value for key, value in chosen.items() if value is not None and key not in reshaped}
    if not any(own[key].is_floating_point() for key in fitting):
        raise SpecError(f"no weight of {init} fits this network; its first names are {list(weights)[:3]}")
    network.load_state_dict(fitting, strict=False)
    used = {_plain(key) for key in chosen}
    return Loaded(
        loaded=len(fitting),
        missing=[key for key, value in chosen.items() if value is None],
        unexpected=[key for key in weights if key not in own and _plain(key) not in used],
        reshaped=reshaped,
    )


def _plain(name: str) -> str:
    """The name that a part has without attention after it."""
    return name.replace(".part.", ".")


def _of_run(workspace: Workspace, run_id: str) -> Mapping[str, Tensor]:
    refused: list[str] = []
    found = checkpoint.newest(workspace.run(run_id), refused.append)
    if found is None:
        raise SpecError(f"run {run_id} has no checkpoint to start from" + "".join(f"; {words}" for words in refused))
    state = found[1]
    return state["averaged"] if state.get("averaged") else state["network"]  # type: ignore[no-any-return]


def _of_file(path: Path) -> Mapping[str, Tensor]:
    """The weights in a file that torch.save wrote; nothing in it is executed."""
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise SpecError(f"{path} holds no weights that torch can load: {str(error).splitlines()[0]}") from error
    for key in _WRAPPED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise SpecError(f"{path} holds no state_dict: names and tensors")
    return {str(key).removeprefix("module."): value for key, value in found.items()}
