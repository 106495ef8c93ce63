"""What of a user's source counts, and what does not."""

from __future__ import annotations

import ast

import pytest

from attnctl.sources.digest import digest


def of(text: str) -> str:
    return digest({"mine.py": ast.parse(text)})


def test_formatting_comments_and_docstrings_do_not_count() -> None:
    plain = "class A:\n    def f(self, x=1):\n        return x + 1\n"
    other = (
        '"""Mine."""\n# why\nclass A:\n    """A."""\n\n    def f( self, x = 1 ):\n        "f"\n        return (x\n + 1)'
    )
    assert of(plain) == of(other)


@pytest.mark.parametrize("text", ["x = 1.0", "x = 2", "y = 1", "x = '1'", "x: int = 1", "x = True", "x = -1", "x = 1j"])
def test_only_changes_that_affect_results_count(text: str) -> None:
    assert of(text) != of("x = 1")


def test_the_hash_is_the_same_in_every_python() -> None:
    """Ids outlive the interpreter: a changed hash would run everything again."""
    text = "from a import b\n@d\nclass A(B):\n    x: int = f'{1}' if b else None\n    def f(self, *a, k=2, **kw): ...\n"
    assert of(text) == "1e88a0dce789f95a"
