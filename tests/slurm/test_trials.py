"""Trials on compute nodes of the real SLURM, and the estimates that follow from them."""

from __future__ import annotations

import json

import pytest

from attnctl.cli import main
from tests.slurm.real_cluster import Cluster

TINY = ["--dataset", "digits", "--batch", "128", "--norm-batch", "64", "--input-size", "8", "--epochs", "2"]


def test_shapes_are_tried_as_one_array_and_the_sweep_is_estimated_from_them(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.config.workspace.root.mkdir()
    (cluster.config.workspace.root / "attnctl.toml").write_text("")
    workspace = ["--workspace", str(cluster.config.workspace.root)]
    rows = ["--table", "ean:2", "--rows", "ResNet56,ResNet56+SE"]
    assert main([*workspace, "try", *rows, *TINY, "--run-on", "slurm", "--gpus-per-node", "0", "--json"]) == 0
    captured = capsys.readouterr()
    tried = json.loads(captured.out)["runs"]
    assert sorted(run["module"] for run in tried) == ["none", "se"]
    assert all(run["images_per_s"] > 0 for run in tried)
    assert "2 trials" in captured.err
    assert len(cluster.config.workspace.trials()) == 2
    assert [path.name for path in cluster.config.workspace.trials_folder.iterdir() if path.is_dir()] == []
    sweep = ["sweep", *rows, *TINY, "--seed", "0..2", "--gpus-per-node", "0", "--time", "auto"]
    assert main([*workspace, *sweep, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["cost"]["sources"] == {"a trial of this shape": 6}
    assert plan["resources"]["minutes"] == 10
    assert "--time=10\n" in plan["scripts"][0]
