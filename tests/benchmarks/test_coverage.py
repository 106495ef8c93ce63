"""The table of coverage in docs/statistics.md is what `make coverage` finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "statistics.md"


def rows(text: str) -> dict[tuple[str, ...], list[float | None]]:
    """(seeds, correlation, values) -> coverage by the paired t-test, Welch's test and BCa, in percent."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 8 and cells[0].isdecimal():
            shares = [cell.removesuffix(" %") for cell in (cells[3], cells[5], cells[7])]
            found[tuple(cells[:3])] = [float(share) if share else None for share in shares]
    return found


def test_the_make_target_puts_the_simulated_table_into_the_document(tmp_path: Path) -> None:
    copy = tmp_path / "statistics.md"
    copy.write_bytes(DOCUMENT.read_bytes())
    recipe = subprocess.run(["make", "-n", "coverage"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "benchmarks/coverage.py --write docs/statistics.md" in recipe
    command = [sys.executable, "benchmarks/coverage.py", "--quick", "--write", str(copy)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    documented, simulated = rows(DOCUMENT.read_text()), rows(copy.read_text())
    assert simulated.keys() == documented.keys()
    assert len(documented) == 18
    for key, shares in simulated.items():
        for ours, theirs in zip(shares[:2], documented[key][:2], strict=True):
            assert ours is not None
            assert theirs is not None
            assert abs(ours - theirs) < 5  # 400 trials: four standard errors of 95 % are 4.4 points
        assert (shares[2] is None) == (key[0] != "10")


def test_the_paired_interval_covers_what_it_promises() -> None:
    for (_, _, values), (paired, _, bca) in rows(DOCUMENT.read_text()).items():
        assert paired is not None
        assert abs(paired - 95) < (1.5 if values == "normal" else 3)
        assert bca is None or bca < 95
