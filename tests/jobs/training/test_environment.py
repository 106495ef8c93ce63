"""What a run is trained on."""

import pytest
import torch

from attnctl.jobs.training import environment
from attnctl.values import SpecError
from attnctl.workspace.records import Resources


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_requested_gpu_that_does_not_exist_is_an_error() -> None:
    assert environment.choose_device(Resources(), 0).type == "cpu"
    assert environment.choose_device(Resources(gpus_per_node=2, device="cpu"), 0).type == "cpu"
    for resources in (Resources(gpus_per_node=1), Resources(device="cuda")):
        with pytest.raises(SpecError, match="needs a GPU, but torch"):
            environment.choose_device(resources, 0)
