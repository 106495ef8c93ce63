"""Runs come with their attempts and checkpoints."""

from __future__ import annotations

from attnctl.files import write_atomic
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run
from tests.attnctl.cli.exchange_cases import NOW, contents, spec, write_attempt, write_sweep


def test_a_new_run_is_copied_completely(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    write_attempt(theirs, spec(), 1, {10: 50.0}, nonce="a", checkpoint=10)
    write_sweep(theirs, "first", [spec()])
    write_atomic(theirs.sources / "abc" / "mine.py", b"class Gate: ...\n")
    write_atomic(theirs.run(spec().id).detections, b"[]")
    write_atomic(theirs.root / "imports" / "0123.json", b"{}\n")
    before = contents(theirs.root)
    result = attnctl("merge", "../other")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == ["1 run: 1 new", "  sweep first"]
    version = (ours.root / "format.json").read_bytes()
    assert contents(ours.root) == before | {".merge.lock": b"", "format.json": version}
    assert contents(theirs.root) == before
    assert attnctl("merge", "../other").out == "1 run: 1 there already\n"
    assert contents(ours.root) == before | {".merge.lock": b"", "format.json": version}


def test_checkpoints_on_another_file_system_are_merged_too(two: tuple[Workspace, Workspace], attnctl: Run) -> None:
    ours, theirs = two
    (ours.root / "attnctl.toml").write_text('[paths]\ncheckpoints = "far"\n')
    for seed in (0, 1):
        write_attempt(theirs, spec(seed=seed), 1, {10: 1.0}, nonce="a", outcome="error", checkpoint=10)
    far = ours.root / "far" / spec().id
    write_attempt(ours, spec(), 1, {20: 1.0}, nonce="b", outcome="error", created=NOW + 9)
    write_atomic(far / "20-1.0.pt", b"weights b")
    assert attnctl("merge", "../other").code == 0
    assert contents(far) == {"10-1.0.pt": b"weights a", "20-2.0.pt": b"weights b"}
    assert contents(ours.root / "far" / spec(seed=1).id) == {"10-1.0.pt": b"weights a"}
    assert not (ours.run(spec(seed=1).id).path / "checkpoints").exists()
