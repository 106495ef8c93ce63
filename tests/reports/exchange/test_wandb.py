"""Runs as wandb's offline runs, read back from their files."""

from __future__ import annotations

import json
from pathlib import Path

from attnctl.lifecycle.run_history import Histories
from attnctl.reports.exchange import names, wandb
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.exchange_cases import spec, wandb_records, write_attempt


def test_a_run_keeps_its_id_name_settings_and_values_and_nothing_of_this_machine(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    write_attempt(workspace, spec(), 1, {10: 50.0, 20: 61.5}, nonce="a")
    wandb.check()
    wandb.write(tmp_path / "offline", [Histories(workspace).read(spec().id)])
    (folder,) = (tmp_path / "offline").iterdir()
    assert folder.name.startswith("offline-run-")
    assert not [path for path in folder.rglob("*") if path.is_symlink() or path.name in {"logs", "tmp"}]
    (file,) = folder.glob("*.wandb")
    records = list(wandb_records(file))
    (run,) = (record.run for record in records if record.HasField("run"))
    assert (run.run_id, run.display_name, run.project) == (spec().id, names.title(spec()), wandb.PROJECT)
    settings = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in run.config.update}
    assert (settings["module"], settings["state"]) == ("ela", "completed")
    values = {
        record.history.step.num: json.loads(item.value_json)
        for record in records
        for item in record.history.item
        if (item.key or item.nested_key[0]) == "top1"
    }
    assert values == {10: 50.0, 20: 61.5}
