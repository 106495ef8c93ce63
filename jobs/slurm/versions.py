"""What differs between SLURM's releases, each with its man page.

The functions recognise the form of a value, and need no version number.

tests/slurm runs on 22.05, 24.11 and 26.05. What is not named here has the same form on all of them.
"""

from __future__ import annotations

import re
from typing import Literal


def exit_code(text: str) -> str:
    """The exit code of `squeue -O exit_code` in the form of sacct: `137:0`, or `0:9` for a signal; "" if it is neither.

    22.05 prints one number, the status of wait(2). 24.11 and 26.05 print `CODE:SIGNAL` (squeue(1), exit_code).
    """
    if re.fullmatch(r"[0-9]{1,5}:[0-9]{1,3}", text):
        return text
    if not re.fullmatch(r"[0-9]{1,9}", text):
        return ""
    code, signal = divmod(int(text), 256)
    return f"{code}:{signal & 127}"


def requested_memory(text: str) -> tuple[str, Literal["node", "core", "job"]]:
    """The amount in sacct's ReqMem, and of what it is the memory.

    Before 21.08 it ends in n (per node) or c (per core); since then it is that of the whole job (sacct(1), ReqMem).
    """
    if text.endswith("n"):
        return text[:-1], "node"
    return (text[:-1], "core") if text.endswith("c") else (text, "job")
