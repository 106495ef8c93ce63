"""Expressions in a module's class: what they may say, and that they can do nothing else."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnctl import attention
from attnctl.sources import rules
from attnctl.sources.rules import RuleError
from attnctl.sources.signature import read_modules
from attnctl.values import SpecError

pytestmark = pytest.mark.usefixtures("real_processes")

VALUES: dict[str, Any] = {"kernel": 7, "r": 4.0, "mode": "paper", "flag": True, "absent": None, "C": 64}


@pytest.mark.parametrize("name", attention.names())
def test_expressions_of_our_modules_have_the_value_that_python_gives_them(name: str) -> None:
    source = attention.describe(name)
    values = {**source.resolve({}), "C": 64}
    for expression in (*source.rules, *source.effective.values()):
        rules.check(expression, list(values))
        assert rules.evaluate(expression, values) == eval(expression, dict(rules.FUNCTIONS), values)


EXPRESSIONS = [
    *(
        "1 <= kernel <= 63 and kernel % 2 == 1",
        "not isinstance(mode, int) or mode >= 1",
        "absent or kernel // 2 * 2 + 1",
    ),
    *(
        "mode in ('paper', 'code')",
        "mode not in ['paper']",
        "-kernel + +C",
        "kernel if flag else C",
        "C / r",
        "0 and C",
    ),
    *(
        "min(kernel, C) < max(r, 1)",
        "gcd(kernel, C)",
        "int((log2(C) + 1) / 2)",
        "absent is None",
        "'' or flag",
        "str(r)",
    ),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_allowed_expression_has_the_value_that_python_gives_it(expression: str) -> None:
    rules.check(expression, list(VALUES))
    assert rules.evaluate(expression, VALUES) == eval(expression, dict(rules.FUNCTIONS), VALUES)


REACH = "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == '_wrap_close'][0].__init__.__globals__"
"""An expression without builtins that gives the module os."""

ATTACKS = [
    f"{REACH}['system']('x')",
    *(
        "().__class__",
        "kernel.__class__",
        "'{0.__class__}'.format(kernel)",
        "f'{kernel}'",
        "(lambda: 1)()",
        "[x for x in C]",
    ),
    *(
        "__import__('os').system('x')",
        "open('x', 'w')",
        "min(*C)",
        "max(1, key=print)",
        "(kernel := 1)",
        "C[0]",
        "{1: 2}",
    ),
    *(
        "10 ** 10 ** 10",
        "1 << 99",
        "~C",
        "C @ C",
        "...",
        "b'x'",
        "1j",
        "await C",
        "yield",
        "a; b",
        "",
        "(",
        "\0",
        "1" * 600,
    ),
    *("divides.__globals__", "isinstance(1, int).real", "int.__subclasses__()", "getattr(C, 'x')"),
]


@pytest.mark.parametrize("expression", ATTACKS)
def test_anything_else_is_refused_before_it_is_evaluated(expression: str) -> None:
    with pytest.raises(RuleError):
        rules.check(expression, list(VALUES))
    with pytest.raises(RuleError):
        rules.evaluate(expression, VALUES)


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "mode % 1",
            "mode * 9999999999",
            "'x' * 9999999999",
            "C // 0",
            "log2(0)",
            "int(mode)",
            "mode < C",
            "min(C)",
            "gcd(r, 1)",
        ),
        *(
            "9007199254740992 * 9",
            "isinstance(C, mode)",
            "(1, 2)",
            "min",
            "divides(1)",
            "missing",
            "-mode",
        ),
    ],
)
def test_an_expression_that_fails_is_quoted_in_one_line(expression: str) -> None:
    values = {**VALUES, "mode": "%999999999d"}
    started = time.monotonic()
    with pytest.raises(RuleError) as caught:
        rules.evaluate(expression, values)
    assert expression[:30] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 2


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text("()[]{}.,+-*/%<>=!:'\"_ 019abCkernlmis\n", max_size=60)))
def test_no_text_does_anything_but_give_a_plain_value_or_an_error(text: str) -> None:
    try:
        value = rules.evaluate(text, VALUES)
    except RuleError:
        return
    assert value is None or isinstance(value, bool | int | float | str)


def test_a_deeply_nested_expression_has_its_value_or_is_refused() -> None:
    assert rules.evaluate("-" * 100 + "1", VALUES) == 1
    with pytest.raises(RuleError, match=r"^'\(\(\("):
        rules.check("(" * 240 + "1" + ")" * 240, [])


CLASS = """
class Mine:
    {setting}
    def __init__(self, channels, *, kernel: int = 7): ...
"""


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        (
            "rules = {\"().__class__\": 'x'}",
            r"mine\.py:2: Mine's rules: '\(\)\.__class__' contains '\(\)\.__class__'; it may",
        ),
        (
            "rules = {'kernal > 1': 'x'}",
            r"mine\.py:2: Mine's rules: 'kernal > 1' uses kernal, which is not a hyperparam",
        ),
        ("rules = {'kernel >': 'x'}", r"mine\.py:2: Mine's rules: 'kernel >' is not an expression: invalid syntax"),
        (
            "effective = {'kernel': 'open(1)'}",
            r"mine\.py:2: Mine's effective: 'open\(1\)' contains 'open\(1\)'; it may",
        ),
        ("rules = ['kernel > 1']", r"mine\.py:2: Mine's rules must be a dictionary of texts"),
        ("rules = {'kernel > 1': 1}", r"mine\.py:2: Mine's rules must be a dictionary of texts"),
    ],
)
def test_a_wrong_expression_is_an_error_with_its_file_and_line(tmp_path: Path, setting: str, problem: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(CLASS.format(setting=setting))
    with pytest.raises(SpecError, match=problem):
        read_modules(path, "mine")


def test_a_dry_run_of_a_hostile_class_executes_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    attack = f"{REACH}['system']('touch {made}') + 1"
    eval(attack, {"__builtins__": {}}, {})  # the attack works where it is not stopped
    assert made.exists()
    made.unlink()
    setting = f"rules = {{{attack!r}: 'x'}}"
    (tmp_path / "mine.py").write_text("import torch\n" + CLASS.format(setting=setting))
    (tmp_path / "attnctl.toml").touch()
    command = [sys.executable, "-P", "-m", "attnctl", "sweep", "./mine.py:Mine", "--dry-run"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, env={**os.environ})
    assert answer.returncode == 2
    assert "mine.py:3: Mine's rules: " in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not made.exists()


def test_the_module_has_no_eval() -> None:
    source = Path(importlib.import_module("attnctl.sources.signature").__file__ or "").parent
    assert not [path.name for path in source.glob("*.py") if " eval(" in path.read_text()]
