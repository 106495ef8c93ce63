"""What the user has trusted, by path and content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attnctl.settings import trust
from attnctl.settings.config import Config, ConfigError, read
from attnctl.values import SpecError

SETUP = '[slurm]\nsetup = ["{}"]\n'


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "attnctl" / "trusted"


def written(folder: Path, text: str) -> Config:
    folder.mkdir(exist_ok=True)
    (folder / "attnctl.toml").write_text(text)
    return read(folder / "attnctl.toml")


def acts(config: Config) -> bool:
    """A function, since mypy takes a property for what it was before."""
    return config.may_act


def accept(config: Config) -> None:
    assert config.file is not None
    assert config.source is not None
    trust.accept(config.file, config.source, config.acting)


def test_settings_that_do_not_act_need_no_trust(tmp_path: Path, state: Path) -> None:
    config = written(tmp_path / "a", '[slurm]\ntime = "5"\n')
    assert acts(config)
    assert not state.exists()


def test_settings_act_once_trusted_until_they_change(tmp_path: Path, state: Path) -> None:
    config = written(tmp_path / "a", SETUP.format("x"))
    assert not acts(config)
    with pytest.raises(ConfigError, match=r'is not trusted: run `attnctl trust .*` to let it .* slurm.setup = \["x"\]'):
        config.check_may_act()
    accept(config)
    assert acts(config)
    assert acts(written(tmp_path / "a", SETUP.format("x") + 'time = "5"\n')), "another setting changed"
    assert not acts(written(tmp_path / "a", SETUP.format("y")))
    assert not acts(written(tmp_path / "b", SETUP.format("x"))), "the same content elsewhere"
    assert config.file is not None
    assert trust.revoke(config.file)
    assert not trust.revoke(config.file)
    assert not acts(config)


def test_the_whole_content_is_known_too(tmp_path: Path, state: Path) -> None:
    config = written(tmp_path / "a", SETUP.format("x"))
    assert config.file is not None
    accept(config)
    assert trust.knows(config.file, config.source or b"")
    assert not trust.knows(config.file, b"changed")
    (tmp_path / "link").symlink_to("a")
    assert trust.knows(tmp_path / "link" / "attnctl.toml", config.source or b""), "a file has one name"


def test_what_somebody_else_can_write_down_is_not_trusted(tmp_path: Path, state: Path) -> None:
    config = written(tmp_path / "a", SETUP.format("x"))
    accept(config)
    assert state.stat().st_mode & 0o777 == 0o700
    state.chmod(0o777)
    assert not acts(config)
    with pytest.raises(SpecError, match=r"cannot record that .* is trusted"):
        accept(config)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders to another user")
def test_a_record_of_another_user_is_not_trusted(tmp_path: Path, state: Path) -> None:
    config = written(tmp_path / "a", SETUP.format("x"))
    accept(config)
    os.chown(state, 65534, 65534)
    assert not acts(config)


@pytest.mark.parametrize("damage", ["", "{", '{"path": "/other"}'])
def test_a_damaged_record_is_no_trust(damage: str, tmp_path: Path, state: Path) -> None:
    config = written(tmp_path / "a", SETUP.format("x"))
    accept(config)
    (record,) = state.iterdir()
    record.write_text(damage)
    assert not acts(config)
    accept(config)
    assert acts(config)
