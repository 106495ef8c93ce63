"""Runs of networks with a model around their backbone, saved as their seeds initialise them: nothing is learned."""

from __future__ import annotations

import torch

from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.jobs.inspect.load import Trained, load
from attnctl.jobs.training import checkpoint
from attnctl.jobs.training.session import build
from attnctl.workspace.layout import Workspace

MODELS = {
    "ssdlite320": ("mobilenet_v2", "digits-det"),
    "yolox_nano": ("cspdarknet_nano", "digits-det"),
    "maskrcnn": ("resnet18", "digits-det"),
    "deeplabv3": ("resnet18", "digits-seg"),
}

LAYERS = {"ssdlite320": "features.13", "yolox_nano": "dark5", "maskrcnn": "layer2", "deeplabv3": "layer4.1"}


def saved(workspace: Workspace, model: str, module: str = "none", size: str = "64") -> str:
    """The run's id."""
    backbone, dataset = MODELS[model]
    axes = Axes(
        modules=(module,),
        models=(model,),
        backbones=(backbone,),
        datasets=(dataset,),
        overrides={"input_size": (size,)},
    )
    (spec,) = expand(axes).specs
    run = workspace.run(spec.id)
    if not run.spec.exists():
        write_atomic(run.spec, spec.canonical().encode())
        network = build(spec, torch.device("cpu"))
        checkpoint.save(run, checkpoint.Name((1, 0), 0), {"network": network.state_dict()})
    return spec.id


def loaded(workspace: Workspace, model: str, module: str = "none", size: str = "64") -> Trained:
    """The network, as commands load it."""
    return load(workspace, saved(workspace, model, module, size), torch.device("cpu"))
