"""The digits that come with scikit-learn."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from attnctl.datasets import describe
from attnctl.jobs.data import open_data
from attnctl.jobs.data.digits import read_scans
from attnctl.jobs.data.memory import Splits
from attnctl.settings.config import DataRoots
from tests.jobs.data.conftest import MakeSpec

CPU = torch.device("cpu")
GOLDEN_DIGITS = ["7e50dc77a338026a", "7313b63c7825efa8", "372e887cfc7134c9", "0483183ce5e25fc9"]


def test_digits_are_the_same_bytes_in_every_release(scans: Splits) -> None:
    found = [hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16] for part in scans for tensor in part]
    assert found == GOLDEN_DIGITS


def test_the_scans_are_those_of_scikit_learn_which_need_not_be_imported() -> None:
    scans, labels = read_scans()
    theirs = load_digits(return_X_y=True)
    assert np.array_equal(scans, theirs[0])
    assert np.array_equal(labels, theirs[1])
    code = (
        "import sys; from attnctl.jobs.data.digits import read_scans; read_scans(); assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_digits_agree_with_their_descriptor(scans: Splits) -> None:
    dataset = describe("digits")
    assert scans.train.images.shape == (dataset.train_size, 3, 32, 32)
    assert scans.test.images.shape == (dataset.test_size, 3, 32, 32)
    pixels = scans.train.images.float() / 255
    assert pixels.mean().item() == pytest.approx(dataset.mean[0], abs=0.002)
    assert torch.equal(scans.train.images[:, 0], scans.train.images[:, 2])
    shares = torch.bincount(scans.test.labels) / torch.bincount(torch.cat([part.labels for part in scans]))
    assert shares.min() > 0.19
    assert shares.max() < 0.21


def test_digits_can_be_opened_without_configuration(make_spec: MakeSpec) -> None:
    data = open_data(make_spec(augment="shift", batch=64, norm_batch=32), DataRoots(), CPU)
    images, labels = next(data.train(0, range(2), 1))
    assert isinstance(images, torch.Tensor)
    assert isinstance(labels, torch.Tensor)
    assert images.shape == (32, 3, 32, 32)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert data.steps_per_epoch == 1437 // 64
    assert data.evaluation_size == 360
    data.close()
