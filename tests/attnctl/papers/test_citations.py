"""The keys of modules in a bibliography."""

from __future__ import annotations

from attnctl import attention, papers
from attnctl.papers.citations import of_modules


def test_each_paper_is_the_source_of_its_own_module() -> None:
    keys = of_modules()
    assert {name: keys[name] for name in papers.names()} == {name: papers.load(name).cite for name in papers.names()}
    assert keys["se"] == "hu2018se"
    assert keys.keys() <= set(attention.names())
