r"""Texts of users as LaTeX that prints just them, in every engine and with no package but those that tables need.

pylatexenc knows the forms. Of its characters those are taken whose form the kernel of LaTeX has; any other is set as
it is by XeLaTeX and LuaLaTeX, and by its number, [U+4E2D], where the engine cannot (pdfLaTeX): `PREAMBLE` says so.
"""

from __future__ import annotations

import re
from functools import cache

from pylatexenc.latexencode import (  # type: ignore[import-untyped]
    RULE_DICT,
    RULE_REGEX,
    UnicodeToLatexConversionRule,
    UnicodeToLatexEncoder,
)

from attnctl.reports.table import one_line

PREAMBLE = r'\providecommand*{\unicodechar}[1]{\ifdefined\Umathcode\char"#1\relax\else[U+#1]\fi}'
"""Defines what `escape` needs besides the kernel."""

TYPED = {"\u201c": "``", "\u201d": "''", "|": r"\textbar", "`": r"\textasciigrave", "[": "{[}", "]": "{]}"}
"""What pylatexenc leaves as it is, though the standard fonts or a row's beginning make something else of it."""

LIGATURES = ((re.compile("-(?=-)"), "{-}"), (re.compile("'(?=')"), "'{}"), (re.compile(",(?=,)"), ",{}"))
"""Neighbours that fonts would join."""

NOT_IN_THE_KERNEL = "«»ÐÞðþĄąĐđĘęĦħĮįĿŀŊŋŦŧŲųŉſ"
"""Characters of the known ranges that need another font encoding than the standard one."""

KNOWN = re.compile(
    r"[ -~\u00a0-\u017f\u0391-\u03a1\u03a3-\u03a9\u03b1-\u03c9\u2013-\u2014\u2018-\u2019\u201c-\u201d\u2020-\u2022"
    r"\u2026\u2190-\u2193\u2200\u2202\u2203\u2206-\u2208\u220f\u2211\u2212\u221a\u221e\u2227-\u222b\u2248\u2260\u2261"
    r"\u2264\u2265\u2282\u2283\u2286\u2287]"
)

LONGEST_WORD = 24
"""Characters after which a word may be broken, so that no text is wider than its line."""


_OPENING = re.compile(r"""(?<![^\s(\[{/\u2013\u2014-])"(?=\S)""")
"""A double quote with which a quotation begins."""

_SINGLE = re.compile(r"(?<![\w'])'(?=[^\s'])([^']*[^\s'])'(?![\w'])")
"""A quotation in single quotes: apostrophes within words are none."""

_SUBSCRIPT = re.compile(r"\b(AP)(50|75|S|M|L)\b")


def escape(text: str) -> str:
    """A user's text as LaTeX, in one line; its quotation marks open and close. Control characters are left out."""
    return str(_encoder().unicode_to_latex(_quoted(one_line(text))))


def subscripted(text: str) -> str:
    """LaTeX in which AP50 has its threshold as a subscript, as in papers."""
    return _SUBSCRIPT.sub(r"\1$_{\\mathrm{\2}}$", text)


def _quoted(text: str) -> str:
    """The text with typographic quotation marks."""
    return _SINGLE.sub("\u2018\\1\u2019", _OPENING.sub("\u201c", text).replace('"', "\u201d"))


def running(text: str) -> str:
    """As `escape`, for text that is set in lines: words that are too long for one may be broken."""
    return subscripted(
        " ".join(
            r"\allowbreak{}".join(escape(word[at : at + LONGEST_WORD]) for at in range(0, len(word), LONGEST_WORD))
            for word in _quoted(one_line(text)).split(" ")
        )
    )


def comment(text: str) -> str:
    """A user's text as a comment, in one line."""
    return f"% {one_line(text)}"


@cache
def _encoder() -> UnicodeToLatexEncoder:
    typed = {ord(char): form for char, form in TYPED.items()}
    unknown = re.compile(f"(?!{KNOWN.pattern}).|[{NOT_IN_THE_KERNEL}]")
    return UnicodeToLatexEncoder(
        conversion_rules=[
            UnicodeToLatexConversionRule(RULE_REGEX, [(unknown, lambda found: _by_number(found[0])), *LIGATURES]),
            UnicodeToLatexConversionRule(RULE_DICT, typed),
            "defaults",
        ],
        unknown_char_policy=_by_number,
        unknown_char_warning=False,
    )


def _by_number(char: str) -> str:
    return rf"\unicodechar{{{ord(char):04X}}}"
