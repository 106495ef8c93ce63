"""Other releases of SLURM: what `make slurm-up SLURM=...` says where they are unavailable, and what CI runs."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "slurm" / "release.sh"
RELEASES = re.findall(r"^  (\d\d\.\d\d)\) suite=", SCRIPT.read_text(), re.MULTILINE)
UNAVAILABLE = 77
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


def release(
    *words: str, folder: Path, prefix: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """What release.sh does where no chroot exists yet. prefix: the command that runs it."""
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    places = {"SLURM_CHROOTS": str(folder / "chroots"), "ROOT": str(folder / "cluster")}
    command = [*prefix, str(SCRIPT), *words]
    return subprocess.run(command, env=kept | places | variables, capture_output=True, text=True, timeout=120)


def stand_ins(folder: Path, **scripts: str) -> str:
    """A PATH on which these commands do what their scripts say."""
    folder.mkdir()
    for name, script in scripts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


MIRROR = "echo http://mirror.test/debian/ $(. /etc/os-release; echo $VERSION_CODENAME)"


def test_an_unknown_release_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    done = release("23.02", "up", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "slurm: unknown release '23.02'; choose 22.05, 24.11 or 26.05: make slurm-up SLURM=24.11\n"


@ROOT_ONLY
@pytest.mark.parametrize("name", RELEASES)
def test_without_root_the_tests_are_skipped_by_name(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    stranger = ("setpriv", "--reuid=65534", "--clear-groups")
    for variables in ({}, {"CI": "true"}):
        done = release(name, "test", folder=tmp_path, prefix=stranger, **variables)
        assert (done.returncode, done.stdout) == (0, f"slurm {name}: the tests are skipped\n")
        assert done.stderr == f"slurm {name}: it needs root\n"


@ROOT_ONLY
def test_without_a_debian_mirror_the_reason_is_told(tmp_path: Path) -> None:
    path = stand_ins(tmp_path / "bin", apt_get="exit 0", debootstrap="exit 1")
    done = release("24.11", "up", folder=tmp_path, PATH=path)
    assert (done.returncode, done.stderr) == (UNAVAILABLE, "slurm 24.11: apt of this machine has no Debian mirror\n")


@ROOT_ONLY
def test_a_chroot_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    fails = 'mkdir -p "$3/proc"; mount -t proc proc "$3/proc"; echo "E: no network from $4"; exit 1'
    path = stand_ins(tmp_path / "bin", apt_get=MIRROR, debootstrap=fails)
    done = release("24.11", "up", folder=tmp_path, PATH=path)
    assert done.returncode == UNAVAILABLE
    assert done.stderr.splitlines() == [
        "E: no network from http://mirror.test/debian/",
        f"slurm 24.11: the chroot could not be made from Debian's trixie; all that was printed is in "
        f"{tmp_path}/chroots/slurm-24.11.log",
    ]
    assert sorted(path.name for path in (tmp_path / "chroots").iterdir()) == ["slurm-24.11.lock", "slurm-24.11.log"]
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


@ROOT_ONLY
def test_a_distribution_that_has_moved_on_is_named(tmp_path: Path) -> None:
    folders = 'mkdir -p "$3/etc/apt/apt.conf.d" "$3/etc/dpkg/dpkg.cfg.d" "$3/etc/ssl" "$3/usr/sbin" "$3/proc" "$3/dev"'
    offers = 'case "$*" in *policy*) echo "  Candidate: 27.11.1-2";; esac'
    path = stand_ins(tmp_path / "bin", apt_get=MIRROR, debootstrap=folders, chroot=offers)
    done = release("26.05", "test", folder=tmp_path, PATH=path)
    assert done.returncode == 0
    assert done.stderr == (
        "slurm 26.05: Debian's sid has SLURM 27.11 now, not 26.05; the table in tests/slurm/release.sh must follow\n"
    )
    assert "the tests are skipped" in done.stdout
    assert not (tmp_path / "chroots" / "slurm-26.05").exists()
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


def test_make_passes_the_release_on() -> None:
    def make(*words: str) -> str:
        command = ["make", "--no-print-directory", "-n", *words]  # else it prints folders where a make runs the tests
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert make("slurm-up").strip() == "tests/slurm/up.sh"
    assert make("slurm-up", "SLURM=24.11").strip() == "tests/slurm/release.sh 24.11 up"
    assert make("slurm-down", "SLURM=26.05").strip() == "tests/slurm/release.sh 26.05 down"
    assert "release.sh 24.11 test tests/slurm\n" in make("test-slurm", "SLURM=24.11")
    assert "release.sh 26.05 test -m storm -s tests/slurm tests/storm\n" in make("storm", "SLURM=26.05")


def test_ci_tests_every_release() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^releases=\((.*)\)$", script, re.MULTILINE)[1].split() == sorted({*RELEASES} - {"22.05"})  # type: ignore[index]
    named = re.findall(r"(tests/slurm/\w+\.py)(?:::(\w+))?", script)
    assert {"test_real_submission.py", "test_real_resume.py", "test_requeue.py", "test_silent_accounting.py"} <= {
        Path(file).name for file, _ in named
    }
    for file, test in named:
        assert f"def {test}" in (ROOT / file).read_text(), f"{file} has no {test}"
