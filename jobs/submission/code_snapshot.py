"""The code that runs are submitted with, kept beside them: what is edited while jobs wait does not reach them.

    code/<digest>/           the package as it was; the digest is that of names and contents
    code/<digest>.json       where they came from: version, commit, the patch's hash, untracked files
    code/<sha256>.patch      what the working tree had changed since the commit

Only a working tree is kept, such as an editable installation is. An installed wheel is named by its version, and by the
commit where it was installed from a git address.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sysconfig
import uuid
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import attnctl
from attnctl.files import private_folder, write_atomic
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError

VARIABLE = "ATTNCTL_CODE"
PACKAGE = "attnctl"
FOLDERS = (PACKAGE, "jobs", "db", "reports")
"""What the package is made of in a checkout, where three of its folders are links to these."""

_TREE = Path(attnctl.__file__).absolute().parents[1]
_CHECKOUT = Path(attnctl.__file__).resolve().parents[1]
"""The same without links: an editable installation finds the package by the link in src, git only where it lies."""


def keep(workspace: Workspace) -> str | None:
    """Keep the running code in the workspace unless it is there; its digest, None where it is not kept.

    Raises OSError, and SpecError when what is there was changed.
    """
    code = digest()
    if code is None or not _can_be_named(workspace):
        return None
    if folder(workspace, code) == _TREE:  # a job that submits the next attempt of its run
        return code
    target = folder(workspace, code)
    if target.is_dir():
        if _digest_of(target) != code:
            raise SpecError(f"{target} was changed after it was kept: remove it, and submit again")
        return code
    aside = workspace.code / f".{code}.{uuid.uuid4().hex}"
    private_folder(workspace.code, workspace.private)
    try:
        for name, path in _files(_TREE):
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, aside / name)
        write_atomic(target.with_suffix(".json"), json.dumps(_origin(workspace.code), indent=1).encode() + b"\n")
        if _digest_of(aside) != code:
            raise SpecError(f"{_TREE} was changed while it was copied: submit again")
        _rename(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return code


def lines(workspace: Workspace) -> list[str]:
    """The script's lines by which a job runs the kept code."""
    code = digest()
    if code is None or not _can_be_named(workspace):
        return []
    path = shlex.quote(str(folder(workspace, code)))
    return [f"export {VARIABLE}={code} PYTHONPATH={path}${{PYTHONPATH:+:$PYTHONPATH}}"]


def variables(workspace: Workspace, environ: Mapping[str, str]) -> dict[str, str]:
    """The same for a process that is started here."""
    code = digest()
    if code is None or not folder(workspace, code).is_dir():
        return {}
    before = environ.get("PYTHONPATH")
    path = str(folder(workspace, code))
    return {VARIABLE: code, "PYTHONPATH": f"{path}:{before}" if before else path}


def check(workspace: Workspace, environ: Mapping[str, str]) -> None:
    """Raise SpecError unless this process runs the code that its job was submitted with, unchanged."""
    code = environ.get(VARIABLE)
    if code is None:
        return
    kept = folder(workspace, code)
    if not kept.is_dir() or not kept.samefile(_TREE):
        raise SpecError(f"the job was submitted with the code in {kept}, and runs that in {_TREE}")
    if _digest_of(kept) != code:
        raise SpecError(f"{kept} was changed after it was kept: attnctl resume submits again")


def describe(workspace: Workspace, environ: Mapping[str, str]) -> dict[str, Any]:
    """What this process runs, for its record: version, digest, commit, the patch's hash, untracked files."""
    code = environ.get(VARIABLE)
    if code is not None:
        try:
            kept = untrusted_json.read_object(folder(workspace, code).with_suffix(".json"))
        except RecordError:
            kept = None
        return {"digest": code} | (kept or {"version": attnctl.__version__})
    return {"digest": digest()} | _origin(None)


def folder(workspace: Workspace, code: str) -> Path:
    """Where the code of a digest lies."""
    return workspace.code.absolute() / code


@functools.cache
def digest() -> str | None:
    """The digest of the running code; None for an installed wheel."""
    installed = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    return None if _TREE in installed else _digest_of(_TREE)


def _can_be_named(workspace: Workspace) -> bool:
    """PYTHONPATH has no way to name a folder with a colon."""
    return ":" not in str(workspace.root.absolute())


def _digest_of(tree: Path) -> str:
    found = hashlib.sha256()
    for name, path in _files(tree):
        data = path.read_bytes()
        found.update(f"{name}\0{len(data)}\0".encode())
        found.update(data)
    return found.hexdigest()[:16]


def _files(tree: Path) -> Iterator[tuple[str, Path]]:
    """The files of the package below a tree, by name, without hidden ones and what Python compiled."""
    for parent, folders, names in os.walk(tree / PACKAGE, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith((".pyc", "~")):
                path = Path(parent, name)
                yield path.relative_to(tree).as_posix(), path


def _origin(patches: Path | None) -> dict[str, Any]:
    """Where the running code comes from. patches: the folder that keeps what it has changed since its commit."""
    origin = {"version": attnctl.__version__, "tree": str(_CHECKOUT)}
    if not _git("ls-files", "--", f"{PACKAGE}/__init__.py"):  # the repository around it, if any, is the user's own
        return {**origin, "commit": _installed_commit(), "patch": None, "untracked": []}
    patch = _git("diff", "--binary", "HEAD", "--", *FOLDERS)
    sha256 = hashlib.sha256(patch).hexdigest() if patch else None
    if patch and patches is not None:
        write_atomic(patches / f"{sha256}.patch", patch)
    untracked = _git("ls-files", "-z", "--others", "--exclude-standard", "--", *FOLDERS) or b""
    return {
        **origin,
        "commit": os.fsdecode(_git("rev-parse", "HEAD") or b"").strip() or None,
        "patch": sha256,
        "untracked": [os.fsdecode(name) for name in untracked.split(b"\0") if name],
    }


def _installed_commit() -> str | None:
    """The commit that the running code was installed from, where pip was given a git address (PEP 610)."""
    for distribution in metadata.distributions(name=PACKAGE, path=[str(_TREE)]):
        try:
            document = untrusted_json.loads_object(distribution.read_text("direct_url.json") or "")
        except ValueError:
            continue
        source = document.get("vcs_info")
        if isinstance(source, dict) and untrusted_json.fits(source.get("commit_id"), str):
            return str(source["commit_id"])
    return None


def _git(*words: str) -> bytes | None:
    """What git says of the running code's working tree; None when there is no git, or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(_CHECKOUT), *words], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _rename(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except OSError:
        if not target.is_dir():  # else another command has just kept the same
            raise
