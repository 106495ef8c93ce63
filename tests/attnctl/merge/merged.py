"""One workspace's runs taken into another, and what they then come to."""

from __future__ import annotations

import json

from attnctl import merge as merging
from attnctl.workspace.layout import Workspace


def merge(ours: Workspace, theirs: Workspace) -> merging.Plan:
    merging.recover(ours)
    found = merging.plan(ours, theirs)
    assert merging.apply(ours, theirs, found, lambda _: None) == {}
    return found


def nonces(workspace: Workspace, run: str) -> list[str]:
    return [json.loads(attempt.request.read_bytes())["nonce"] for attempt in workspace.run(run).attempts()]
