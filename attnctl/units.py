"""Formatting and parsing of amounts: counted nouns, memory, file sizes, times and durations."""

from __future__ import annotations

import math
import re
import time

from attnctl.values import SpecError

_MEGABYTES = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024 * 1024}
_ELAPSED = re.compile(r"(?:(\d{1,6})-)?(?:(?:(\d{1,6}):)?(\d{1,9}):)?(\d{1,12}(?:\.\d{1,9})?)", re.ASCII)
_HISSES = ("s", "x", "ch", "sh")
_HARD = ("epoch",)
"""Ends of words whose ch is a k, and whose plural is that of most."""

# ------------------------------------------------------------------------------------------------------ counted nouns


def plural(number: int, one: str, many: str = "") -> str:
    """The noun for a number: `run` for 1, else `runs`. many: an irregular plural, such as `are`."""
    if number == 1:
        return one
    return many or one + ("es" if one.endswith(_HISSES) and not one.endswith(_HARD) else "s")


def quantity(number: int, one: str, many: str = "") -> str:
    """The number with its noun: `1 run`, `4 processes`."""
    return f"{number} {plural(number, one, many)}"


# ----------------------------------------------------------------------------------------------------- memory and size


def parse_memory(text: str) -> int:
    """Megabytes of a memory size in SLURM's notation: 64G, 4000M, or a plain number of MB. Raises SpecError."""
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)([KMGT]?)B?", text.strip(), re.ASCII | re.IGNORECASE)
    megabytes = round(float(match[1]) * _MEGABYTES[match[2].upper() or "M"]) if match else 0
    if not 0 < megabytes < 1 << 40:
        raise SpecError(f"{text!r} is not a memory size; write 64G or 4000M")
    return megabytes


def memory(num_bytes: int) -> str:
    """Bytes in SLURM's notation for memory, in powers of 1024: `200M`, `3.5G`."""
    return f"{num_bytes / (1 << 30):.3g}G" if num_bytes >= 1 << 30 else f"{num_bytes >> 20}M"


def size(num_bytes: float) -> str:
    """A file size in powers of 1000: `512 B`, `4.2 MB`."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if num_bytes >= 0.99995 * unit:  # 999,999 bytes are 1.0 MB, not 1000.0 kB
            return f"{num_bytes / unit:.1f} {name}"
    return f"{num_bytes:.0f} B"


def energy(joules: float) -> str:
    """`12 Wh`, `3.5 kWh`."""
    hours = joules / 3600
    return f"{hours / 1000:.3g} kWh" if hours >= 999.5 else f"{hours:.3g} Wh"


# ---------------------------------------------------------------------------------------------------------------- time


def parse_time(text: str) -> int:
    """Minutes, rounded up, of a time in SLURM's notation: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S. Raises SpecError."""
    match = re.fullmatch(
        r"(?:(\d{1,5})-(\d+)(?::(\d+))?(?::(\d+))?|(\d+)(?::(\d+))?(?::(\d+))?)", text.strip(), re.ASCII
    )
    if match is None:
        raise SpecError(
            f"time {text!r} is not SLURM's: use minutes, HH:MM:SS or D-HH:MM:SS, such as 90, 1:30:00 or 2-0"
        )
    days, day_hours, day_minutes, day_seconds, first, second, third = (int(part or 0) for part in match.groups())
    if match[1] is not None:
        hours, minutes, seconds = days * 24 + day_hours, day_minutes, day_seconds
    elif match[7] is not None:
        hours, minutes, seconds = first, second, third
    else:
        hours, minutes, seconds = 0, first, second
    total = hours * 60 + minutes + math.ceil(seconds / 60)
    if not 0 < total <= 366 * 24 * 60:
        raise SpecError(f"time {text!r} must be more than zero and at most a year")
    return total


def parse_elapsed(text: str) -> float:
    """Seconds of a time in sacct's notation, [days-][[hours:]minutes:]seconds[.fraction]; 0 for anything else."""
    match = _ELAPSED.fullmatch(text)
    if match is None:
        return 0.0
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + seconds


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`, `2.1 d`."""
    for unit, name, rounded in ((86400, "d", 180.0), (3600, "h", 30.0), (60, "min", 0.5)):
        if seconds >= unit - rounded:  # 3599 s are 1.0 h, not 60 min
            return f"{seconds / unit:.0f} {name}" if name == "min" else f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def ago(moment: float) -> str:
    """The time since a moment in Unix seconds, in whole units: `3 min ago`."""
    seconds = max(0.0, time.time() - moment)
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name} ago"
    return f"{seconds:.0f} s ago"


def slurm_time(moment: float) -> str:
    """Unix seconds in the format of sacct's options: `2025-06-01T13:05:09`."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(moment))


def clock(moment: float, *, seconds: bool = True) -> str:
    """Unix seconds as local date and time: `2025-06-01 13:05:09`; `?` for a number in a record that is no date."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M", time.localtime(moment))
    except (OSError, OverflowError, ValueError):
        return "?"
