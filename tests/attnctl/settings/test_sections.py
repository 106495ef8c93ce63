"""The sections of attnctl.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.lifecycle.resume_policy import Mode, Rules
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config, ConfigError, find
from attnctl.settings.sections import Notify


def config(tmp_path: Path, text: str) -> Config:
    (tmp_path / "attnctl.toml").write_text(text)
    return find(None, tmp_path, {})


def test_the_settings_determine_the_action(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        """
[resume]
attempts = 5
sweep_attempts = 50
memory_factor = 2
memory_cap = "64G"
same_error = 0
[resume.actions]
code-error = "once"
CUDA-out-of-memory = "more_processes"
[checkpoints]
finished = 0
unfinished = 1
[notify]
command = "mail -s 'a b; $(touch x)' me"
webhook = "https://example.org/hook"
[names]
"ela kernel=7" = " ELA-L "
""",
    )
    actions: dict[State, Mode] = {State.ERROR: "once", State.CUDA_OUT_OF_MEMORY: "more_processes"}
    assert found.resume == Rules(
        attempts=5, sweep_attempts=50, memory_factor=2.0, memory_cap=64 * 1024, same_error=0, actions=actions
    )
    assert (found.keep.finished, found.keep.unfinished) == (0, 1)
    assert found.names == {"ela kernel=7": "ELA-L"}
    assert found.notify == Notify(command=("mail", "-s", "a b; $(touch x)", "me"), webhook="https://example.org/hook")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[resume]\nattemps = 3", "attnctl.toml:2: attemps is not a key of [resume]; did you mean 'attempts'?"),
        ("[resume]\nattempts = 0", "attnctl.toml:2: attempts is 0; it must be at least 1"),
        ("[resume]\nattempts = true", "attnctl.toml:2: attempts must be a whole number"),
        ("[resume]\n\nmemory_factor = 1", "attnctl.toml:3: memory_factor is 1; it must be a number above 1"),
        ("[resume]\nmemory_cap = 'much'", "attnctl.toml:2: memory_cap is wrong: 'much' is not a memory size"),
        ("[resume.actions]\ntimout = 'again'", "attnctl.toml:2: timout is not a key of [resume.actions]; did you"),
        (
            "[resume.actions]\ntimeout = 'agian'",
            "timeout is 'agian'; it must be one of always, if_progressed, once",
        ),
        ("[resume]\nactions = 3", "attnctl.toml:2: actions must be a section"),
        ("[checkpoints]\nunfinished = 0", "attnctl.toml:2: unfinished is 0; it must be at least 1"),
        ('[notify]\ncommand = "mail \'x"', "attnctl.toml:2: command cannot be split into words: No closing quotation"),
        ("[notify]\ncommand = ''", "attnctl.toml:2: command must be a command"),
        ("[names]\nse = ''", "attnctl.toml:2: se must be one line of text"),
        ("[names]\nse = 3", "attnctl.toml:2: se must be one line of text"),
        ("[notify]\nwebhook = 'ftp://x'", "attnctl.toml:2: webhook must be an address"),
        ("[notify]\nwebhook = 'file:///etc/passwd'", "attnctl.toml:2: webhook must be an address"),
    ],
)
def test_a_fault_of_the_settings_names_line_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(tmp_path, text)
    assert words in str(error.value)
