"""GPUs and cores of this machine are shared out among runs."""

import pytest

from attnctl.jobs.local import gpu_slots
from attnctl.values import SpecError
from attnctl.workspace.records import Resources


def test_each_run_has_its_own_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,GPU-1a2b,7,8")
    two = Resources(tasks_per_node=2, gpus_per_node=2)
    shares = [slot.environment()["CUDA_VISIBLE_DEVICES"] for slot in gpu_slots.slots(two, 9, None)]
    assert shares == ["4,5", "GPU-1a2b,7"]
    assert len(gpu_slots.slots(two, 9, 100)) == 2
    with pytest.raises(SpecError, match="a run needs 6 GPUs, but this machine has 5"):
        gpu_slots.slots(Resources(gpus_per_node=6), 1, None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu_slots.gpus() == []
