"""`attnctl.network`: a trained network with its transforms."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from attnctl.api.networks import network
from attnctl.cli import main
from attnctl.workspace.layout import Workspace


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """A grey image of another size than the data set's."""
    file = tmp_path / "grey.png"
    Image.fromarray(np.arange(40 * 60).reshape(40, 60).astype(np.uint8)).save(file)
    return file


def test_a_network_classifies_an_image_as_predict_does(
    trained: Path, grey: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Workspace(trained).run_ids()[0]
    found = network(trained, run[:8])
    assert (found.run, found.step, found.module.training, len(found.classes)) == (run, 5, False, 10)
    image = found.transforms(Image.open(grey))
    assert (image.shape, image.dtype) == ((3, 8, 8), torch.float32)
    with torch.no_grad():
        scores = found.module(image[None])
    assert main(["predict", run, str(grey), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["images"]
    assert row["class"] == found.classes[int(scores.argmax())]
    assert row["probability"] == pytest.approx(float(scores.softmax(1).max()), abs=1e-5)
    prepare = pickle.loads(pickle.dumps(found.transforms))  # as a DataLoader's worker processes need it
    assert torch.equal(prepare(Image.open(grey).convert("RGB")), image)


def test_a_run_that_is_not_there_raises(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run is called 'feed'"):
        network(trained, "feed")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="is not a workspace"):
        network(tmp_path / "empty", "feed")
