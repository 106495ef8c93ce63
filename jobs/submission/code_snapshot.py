"""Keeps a snapshot of the code in the workspace, so that edits made while jobs wait in the queue do not affect them.

    code/<digest>/           the package; the digest is the hash of the files' names and contents
    code/<digest>.json       its origin: version, commit, hash of the patch, untracked files
    code/<sha256>.patch      the uncommitted changes of the working tree

A snapshot is only taken of a working tree, such as that of an editable installation. An installed wheel is identified
by its version and, if it was installed from a git URL, by the commit.

In a group workspace others can write into a snapshot, and Python would run what they put there before any check of
ours: sitecustomize.py, usercustomize.py, a module of a library's name, a forged .pyc file. So the job script, which
SLURM has copied, first compares all files with their digest. Python then gets its bytecode from a private folder: with
-B or PYTHONDONTWRITEBYTECODE it would write none, but still read the snapshot's __pycache__.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sysconfig
import uuid
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import attnctl
from attnctl import user_cache
from attnctl.files import is_regular, others_can_write_above, own_folder, private_folder, write_atomic
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError

VARIABLE = "ATTNCTL_CODE"
_BYTECODE = "PYTHONPYCACHEPREFIX"
PACKAGE = "attnctl"
FOLDERS = (PACKAGE, "jobs", "db", "reports")
"""The folders of the package in a checkout, where attnctl/jobs, attnctl/db and attnctl/reports are links to them."""

_TREE = Path(attnctl.__file__).absolute().parents[1]
_CHECKOUT = Path(attnctl.__file__).resolve().parents[1]
"""The same without symbolic links: an editable installation uses the link in src, but git needs the real path."""


def keep(workspace: Workspace) -> str | None:
    """Copy the running code to the workspace unless it is already there; returns its digest, None if not copied.

    Raises OSError, and SpecError if the existing copy was changed.
    """
    code = digest()
    if code is None or not _can_be_named(workspace):
        return None
    if folder(workspace, code) == _TREE:  # this is a job that submits the next attempt of its run
        return code
    if workspace.group:
        _make_bytecode_folder()
    target = folder(workspace, code)
    if target.is_dir():
        if entry := _foreign(target, workspace):
            raise SpecError(f"{entry} is not part of the code in {target}: delete that folder, then submit again")
        if _digest_of(target) != code:
            raise SpecError(f"{target} was changed after it was created: delete it, then submit again")
        return code
    aside = workspace.code / f".{code}.{uuid.uuid4().hex}"
    private_folder(workspace.code, workspace.private)
    try:
        for name, path in _files(_TREE):
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, aside / name)
        write_atomic(target.with_suffix(".json"), json.dumps(_origin(workspace.code), indent=1).encode() + b"\n")
        if _digest_of(aside) != code:
            raise SpecError(f"{_TREE} was changed while it was being copied: submit again")
        _rename(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return code


def script_lines(workspace: Workspace) -> list[str]:
    """The lines of the job script that make the job run the snapshot."""
    code = digest()
    if code is None or not _can_be_named(workspace):
        return []
    path = shlex.quote(str(folder(workspace, code)))
    bytecode = f" {_BYTECODE}={shlex.quote(str(_bytecode_folder()))}" if workspace.group else ""
    return [f"export {VARIABLE}={code} PYTHONPATH={path}${{PYTHONPATH:+:$PYTHONPATH}}{bytecode}"]


def check_lines(workspace: Workspace) -> list[str]:
    """The lines of the job script of a group workspace that end the job if the snapshot contains anything else now.

    They run no Python, so that nothing in the snapshot can run before it is compared.
    """
    code = digest()
    if code is None or not workspace.group or not _can_be_named(workspace):
        return []
    path = folder(workspace, code)
    reason = shlex.quote(f"{path} was changed after it was created: delete it, then run attnctl resume")
    listed = f"cd {shlex.quote(str(path))} && find . ! -type d -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"
    return [
        f'[ "$({listed} | sha256sum)" = "{_shell_digest(_TREE)}  -" ] || {{ attnctl_failed={reason}; exit 1; }}',
    ]


def variables(workspace: Workspace, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that make a local process run the snapshot."""
    code = digest()
    if code is None or not folder(workspace, code).is_dir():
        return {}
    inherited = environ.get("PYTHONPATH")
    path = str(folder(workspace, code))
    bytecode = {_BYTECODE: str(_bytecode_folder())} if workspace.group else {}
    return {VARIABLE: code, "PYTHONPATH": f"{path}:{inherited}" if inherited else path, **bytecode}


def check(workspace: Workspace, environ: Mapping[str, str]) -> None:
    """Raise SpecError unless this process runs the unchanged snapshot that its job was submitted with."""
    code = environ.get(VARIABLE)
    if code is None:
        return
    snapshot = folder(workspace, code)
    if not snapshot.is_dir() or not snapshot.samefile(_TREE):
        raise SpecError(f"the job was submitted with the code in {snapshot}, but runs the code in {_TREE}")
    if entry := _foreign(snapshot, workspace):
        raise SpecError(f"{entry} is not part of the code in {snapshot}: delete that folder, then run attnctl resume")
    if _digest_of(snapshot) != code:
        raise SpecError(f"{snapshot} was changed after it was created: run attnctl resume")


def describe(workspace: Workspace, environ: Mapping[str, str]) -> dict[str, Any]:
    """The running code, for the record of a run: version, digest, commit, hash of the patch, untracked files."""
    code = environ.get(VARIABLE)
    if code is not None:
        try:
            origin = untrusted_json.read_object(folder(workspace, code).with_suffix(".json"))
        except RecordError:
            origin = None
        return {"digest": code} | (origin or {"version": attnctl.__version__})
    return {"digest": digest()} | _origin(None)


def folder(workspace: Workspace, code: str) -> Path:
    """The folder of the snapshot with this digest."""
    return workspace.code.absolute() / code


@functools.cache
def digest() -> str | None:
    """The digest of the running code; None for an installed wheel."""
    installed = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    return None if _TREE in installed else _digest_of(_TREE)


def _can_be_named(workspace: Workspace) -> bool:
    """Whether PYTHONPATH can contain the workspace: it cannot contain a folder with a colon in its name."""
    return ":" not in str(workspace.root.absolute())


def _digest_of(tree: Path) -> str:
    digest = hashlib.sha256()
    for name, path in _files(tree):
        data = path.read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


def _shell_digest(tree: Path) -> str:
    """What `find . ! -type d -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum` prints in a snapshot."""
    files = sorted((f"./{name}".encode(), path) for name, path in _files(tree))
    lines = [hashlib.sha256(path.read_bytes()).hexdigest().encode() + b"  " + name + b"\n" for name, path in files]
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _foreign(snapshot: Path, workspace: Workspace) -> Path | None:
    """The first entry of a snapshot that its digest does not cover, or None.

    Compiled files are foreign in a group workspace; in one that only its user can write, Python keeps them here.
    """
    for parent, folders, names in os.walk(snapshot):
        if not workspace.group and "__pycache__" in folders:
            folders.remove("__pycache__")
        for name in sorted((*folders, *names)):
            path = Path(parent, name)
            outside = path.parent == snapshot and name != PACKAGE
            skipped = name.startswith(".") or name == "__pycache__" or name.endswith((".pyc", "~"))
            plain = stat.S_ISDIR(path.lstat().st_mode) if name in folders else is_regular(path)
            if outside or skipped or not plain:
                return path
    return None


_NO_FOLDER = Path(os.devnull)
"""Below it Python neither finds nor writes a compiled file."""


def _bytecode_folder() -> Path:
    """The user's own folder for compiled files; _NO_FOLDER if others could make it before the user, on some node.

    Python reads it before any check of ours, so that all folders above it must be closed to others.
    """
    path = user_cache.folder().absolute() / "bytecode"
    return path if others_can_write_above(path.parent) is None else _NO_FOLDER


def _make_bytecode_folder() -> None:
    """Create the folder for compiled files. Raises SpecError when it could be somebody else's."""
    path = _bytecode_folder()
    if path == _NO_FOLDER:
        return
    try:
        user_cache.own()
        own_folder(path)
    except OSError as error:
        raise SpecError(f"{error.filename}: {error.strerror}; delete it, then submit again") from error


def _files(tree: Path) -> Iterator[tuple[str, Path]]:
    """The package's files below a tree, in a fixed order; hidden files and compiled ones are left out."""
    for parent, folders, names in os.walk(tree / PACKAGE, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith((".pyc", "~")):
                path = Path(parent, name)
                yield path.relative_to(tree).as_posix(), path


def _origin(patches: Path | None) -> dict[str, Any]:
    """The origin of the running code. patches: the folder to which uncommitted changes are written, or None."""
    origin = {"version": attnctl.__version__, "tree": str(_CHECKOUT)}
    # If the file is not tracked, then a repository around it is the user's own and unrelated.
    if not _git("ls-files", "--", f"{PACKAGE}/__init__.py"):
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
    """The commit that was installed if pip was given a git URL (PEP 610), else None."""
    for distribution in metadata.distributions(name=PACKAGE, path=[str(_TREE)]):
        try:
            document = untrusted_json.loads_object(distribution.read_text("direct_url.json") or "")
        except ValueError:
            continue
        source = document.get("vcs_info")
        if isinstance(source, dict) and untrusted_json.fits(source.get("commit_id"), str):
            return str(source["commit_id"])
    return None


def _git(*arguments: str) -> bytes | None:
    """The output of git in the tree of the running code; None if git or the repository is missing."""
    try:
        done = subprocess.run(["git", "-C", str(_CHECKOUT), *arguments], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _rename(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except OSError:
        if not target.is_dir():  # another command has taken the same snapshot meanwhile
            raise
