"""Trained networks as files for other tools."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attnctl.jobs.inspect.exporting import export, metadata
from attnctl.networks.weights.read import read
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from tests.jobs.inspect.conftest import Train
from tests.jobs.inspect.untrained import loaded


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_the_weights_of_a_run_can_be_loaded_into_its_network(trained: Train, tmp_path: Path, kind: str) -> None:
    found = trained("ela", kernel="5")
    path = tmp_path / "weights"
    path.write_bytes(export(found, "pt" if kind == "pt" else "safetensors").content)
    weights = read(path)
    state = found.network.state_dict()
    assert weights.keys() == state.keys()
    assert all(torch.equal(weights[name], value) for name, value in state.items())


def test_the_metadata_say_how_to_use_the_weights(trained: Train) -> None:
    found = trained("ela", kernel="5")
    texts = metadata(found)
    assert (texts["attnctl.run"], texts["attnctl.input_size"], texts["attnctl.dataset"]) == (found.run, "16", "digits")
    assert texts["attnctl.mean"] == "[0.3054, 0.3054, 0.3054]"
    assert all(isinstance(text, str) for text in texts.values())


def test_a_detector_of_torchvisions_kind_has_an_onnx_file_for_images_of_any_size(workspace: Workspace) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    found = loaded(workspace, "ssdlite320", "se")
    exported = export(found, "onnx")
    assert exported.agreement is not None
    assert exported.agreement.close
    session = onnxruntime.InferenceSession(exported.content, providers=["CPUExecutionProvider"])
    image = torch.rand(3, 50, 70, generator=torch.Generator().manual_seed(9))
    boxes, labels, scores = session.run(["boxes", "labels", "scores"], {"image": image.numpy()})
    with torch.no_grad():
        expected = found.network([image])[0]
    assert len(boxes) == len(labels) == len(scores) == len(expected["scores"])
    assert torch.allclose(torch.from_numpy(scores), expected["scores"], atol=1e-5)
    assert session.get_modelmeta().custom_metadata_map["attnctl.run"] == found.run


def test_masks_are_an_output_of_the_onnx_file(workspace: Workspace) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    found = loaded(workspace, "maskrcnn")
    exported = export(found, "onnx")
    assert exported.agreement is not None
    assert exported.agreement.close
    session = onnxruntime.InferenceSession(exported.content, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["boxes", "labels", "scores", "masks"]


def test_a_detector_that_onnx_cannot_hold_is_refused_with_the_missing_operator(
    workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxscript")
    found = loaded(workspace, "yolox_nano")
    words = (
        f"cannot convert the YoloxNano of run {found.run} to ONNX: .*cartesian_prod.* export it as safetensors or .pt"
    )
    with pytest.raises(SpecError, match=words):
        export(found, "onnx")
    assert capfd.readouterr().out == ""
