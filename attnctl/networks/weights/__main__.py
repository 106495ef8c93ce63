"""The process of `attnctl.networks.weights.planned`, started by `attnctl.sources.isolated`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnctl.networks import surgery
from attnctl.networks.complexity.record import Shapes
from attnctl.networks.weights import match
from attnctl.networks.weights.match import Plain
from attnctl.networks.weights.read import read
from attnctl.sources import blame, isolated
from attnctl.spec import RunSpec, Start
from attnctl.values import SpecError


def answer(request: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """What loads, by the keys of the request, as the fields of `planned.Counted`."""
    return {key: counted(item, folder / isolated.SOURCES) for key, item in request.items()}


def counted(item: Mapping[str, Any], stored: Path) -> dict[str, Any]:
    """What loads into the network of one run. stored: the folder of users' files."""
    name = str(item["origin"]["name"])
    try:
        spec = RunSpec.from_json(item["spec"])
        found = match.fit(build(spec, stored), weights_of(item["origin"], stored), partial(plain, spec, stored), name)
    except SpecError as error:
        return {"refusal": str(error)}
    except Exception as error:  # users' code may raise anything; report it
        return {"refusal": blame.describe(error)}
    return {
        "loaded": found.loaded.loaded,
        "total": found.total,
        "words": found.words() if found.missed else "",
        "refusal": found.refusal(name, partial=Start.of(spec.init).partial),
    }


def weights_of(origin: Mapping[str, Any], stored: Path) -> Mapping[str, Tensor]:
    """The names and shapes of the weights, without numbers. Raises SpecError."""
    if origin["file"] is not None:
        return read(Path(origin["file"]), shapes_only=True)
    return build(RunSpec.from_json(origin["base"]), stored).state_dict()


def build(spec: RunSpec, stored: Path) -> nn.Module:
    """The network of a run, on the meta device if that is possible."""
    try:
        with torch.device("meta"), Shapes():
            return surgery.build(spec, stored)
    except SpecError:
        raise
    except (RuntimeError, NotImplementedError):  # it reads the values of tensors when it is built
        return surgery.build(spec, stored)


def plain(spec: RunSpec, stored: Path) -> Plain:
    """The plain network, on the meta device if that is possible."""
    try:
        with torch.device("meta"), Shapes():
            return Plain.of_run(spec, stored)
    except SpecError:
        raise
    except (RuntimeError, NotImplementedError):
        return Plain.of_run(spec, stored)


if __name__ == "__main__":
    isolated.serve(answer)
