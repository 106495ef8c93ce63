"""A figure as a file: PDF, SVG or PNG by its ending, in one step, the same bytes for the same values."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnctl.files import write_atomic
from attnctl.reports.figures.data import Bars, Charts, CriticalDifference, Drawing, ImageGrid, Matrices, PrintStyle
from attnctl.values import SpecError, comma_join

IN_A_COLUMN = PrintStyle()

ENDINGS = (".pdf", ".svg", ".png")

_METADATA: Mapping[str, Mapping[str, Any]] = {
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
    ".png": {"Software": None},
}
"""Nothing that differs between two savings of the same."""


def check_ending(file: Path) -> None:
    """Raise SpecError for a file whose ending is no format's."""
    if file.suffix.lower() not in ENDINGS:
        raise SpecError(f"{file}: unknown suffix {file.suffix!r}; use one of {comma_join(ENDINGS)}")


def save(drawing: Drawing, file: Path, printed: PrintStyle = IN_A_COLUMN) -> None:
    """Draw into a file. Raises SpecError for another ending, OSError."""
    check_ending(file)
    write_atomic(file, rendered(drawing, file.suffix.lower(), printed))


def rendered(drawing: Drawing, ending: str, printed: PrintStyle = IN_A_COLUMN) -> bytes:
    """The file's bytes."""
    from attnctl.reports.figures import style

    stream = io.BytesIO()
    with style.styled(font=printed.font):
        figure = drawn(drawing, printed.inches)
        figure.savefig(stream, format=ending.removeprefix("."), metadata=dict(_METADATA[ending]))
    return stream.getvalue()


def drawn(drawing: Drawing, inches: float) -> Any:
    """The matplotlib Figure of this width, made within `style.styled`."""
    from attnctl.reports.figures import bars, critical_difference, histogram, images, lines, matrices

    if isinstance(drawing, Charts):
        return lines.draw(drawing, inches)
    if isinstance(drawing, Bars):
        return bars.draw(drawing, inches)
    if isinstance(drawing, Matrices):
        return matrices.draw(drawing, inches)
    if isinstance(drawing, CriticalDifference):
        return critical_difference.draw(drawing, inches)
    return images.draw(drawing, inches) if isinstance(drawing, ImageGrid) else histogram.draw(drawing, inches)


def to_json(drawing: Drawing) -> dict[str, Any]:
    """The values that are drawn, as JSON values."""
    return _plain(vars(drawing))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # an array
        return value.tolist()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _plain(vars(value)) if hasattr(value, "__dataclass_fields__") else value
