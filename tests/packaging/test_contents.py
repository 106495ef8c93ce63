"""What an installation puts on a machine: the one package `attnctl`, whole."""

from __future__ import annotations

import json
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import attnctl
from tests.packaging.builds import DESCRIBE, OFFLINE, PIP, ROOT, files_of_the_package, git, run, wheel_of

METADATA = f"attnctl-{attnctl.__version__}.dist-info"


def content_of(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


def assert_whole(names: list[str]) -> None:
    """That an installation of these files is the package of this tree and what describes it, nothing else."""
    assert {name.partition("/")[0] for name in names} == {"attnctl", METADATA}
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert {name for name in names if name.startswith("attnctl/")} == files_of_the_package()


def test_the_tree_has_every_kind_of_file_of_the_package() -> None:
    files = files_of_the_package()
    for name in ("py.typed", "jobs/submission/guard.sh", "reports/page/report.html", "papers/ela.toml", "db/schema.py"):
        assert f"attnctl/{name}" in files


def test_a_wheel_contains_one_package(wheel: Path) -> None:
    assert_whole(content_of(wheel))
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(f"{METADATA}/top_level.txt").split() == [b"attnctl"]
        assert archive.read(f"{METADATA}/entry_points.txt").split()[1:] == [b"attnctl", b"=", b"attnctl.cli:main"]
        assert archive.read(f"{METADATA}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_a_wheel_of_the_sdist_is_the_same(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    assert content_of(wheel_of(str(sdist), tmp_path)) == content_of(wheel)


def test_an_sdist_contains_the_package_its_readme_and_its_license(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = [member for member in archive.getmembers() if not member.isdir()]
    assert all(member.isfile() for member in members), "a link would need the file that it names"
    names = {member.name.partition("/")[2] for member in members}
    assert len(names) == len(members)
    package = {name for name in names if name.startswith("src/attnctl/")}
    assert {name.removeprefix("src/") for name in package} == files_of_the_package()
    assert {name for name in names - package if not name.startswith("src/attnctl.egg-info/")} == {
        "LICENSE",
        "MANIFEST.in",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        "setup.cfg",
    }


def test_an_installation_from_a_git_address_is_the_same_and_knows_its_commit(checkout: Path, tmp_path: Path) -> None:
    address = f"git+file://{checkout}"
    run(*PIP, "install", *OFFLINE, "--no-compile", "--target", str(tmp_path / "there"), address, cwd=tmp_path)
    files = [path for path in (tmp_path / "there").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert_whole([path.relative_to(tmp_path / "there").as_posix() for path in files if path.parent.name != "bin"])
    found = json.loads(run(sys.executable, "-P", "-c", DESCRIBE, cwd=tmp_path, PYTHONPATH=str(tmp_path / "there")))
    assert found["commit"] == git(checkout, "rev-parse", "HEAD")
    assert found["tree"] == str(tmp_path / "there")
    assert (found["patch"], found["untracked"]) == (None, [])
