"""Text in the columns of a terminal: how wide it is, made shorter, and wrapped. Widths are in terminal cells."""

from __future__ import annotations

from collections.abc import Iterator

ELLIPSIS = "…"


def width(text: str) -> int:
    """The cells that a text takes: two for each wide character."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # most texts do without

    return cell_len(text)


def shortened(text: str, cells: int) -> str:
    """The text in at most that many cells, with an ellipsis for what is left out. cells: at least 1.

    It is cut between words if one fits, so that no value is cut; and never within a number: `densenet121` becomes
    `densenet…`.
    """
    if width(text) <= cells:
        return text
    start = _start(text, cells - 2)
    words = start if text[len(start)] == " " else start.rpartition(" ")[0]
    if words.strip():
        return f"{words.rstrip()} {ELLIPSIS}"
    start = _start(text, cells - 1)
    return (start.rstrip("0123456789.") if text[len(start)].isdigit() else start.rstrip()) + ELLIPSIS


def wrapped(text: str, cells: int) -> list[str]:
    """The text in lines of at most that many cells, broken between words; only a word that is wider is broken itself.

    An empty text has one empty line.
    """
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width(longer) <= cells:
            lines[-1] = longer
            continue
        pieces = list(_pieces(word, cells))
        lines = [*lines, *pieces] if lines[-1] else pieces
    return lines


def longest_word(text: str) -> int:
    """The cells of the widest word."""
    return max(map(width, text.split(" ")))


def _start(text: str, cells: int) -> str:
    """The longest beginning of a text in that many cells."""
    start = text[: max(0, cells)]
    while start and width(start) > cells:
        start = start[:-1]
    return start


def _pieces(word: str, cells: int) -> Iterator[str]:
    """A word in pieces of at most that many cells, one character at least."""
    while width(word) > cells:
        piece = _start(word, cells) or word[0]
        yield piece
        word = word[len(piece) :]
    yield word
