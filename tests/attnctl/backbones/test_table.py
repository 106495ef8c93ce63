"""The table of backbones, read without torch."""

from __future__ import annotations

import subprocess
import sys

from attnctl.backbones import table


def test_the_names_are_those_of_the_table_in_order() -> None:
    names = table.names()
    assert names == tuple(sorted(names))
    assert {"resnet20", "resnet50", "mobilenext"} <= set(names)


def test_a_network_of_two_names_has_one_in_the_table() -> None:
    rows = table.read("backbones.toml")
    twice = {values["also"]: name for name, values in rows.items() if "also" in values}
    assert twice
    for also, name in twice.items():
        assert table.canonical(also) == table.canonical(name) == name


def test_a_networks_origin_is_its_rows_or_the_librarys() -> None:
    assert table.origin("resnet20") == table.read("backbones.toml")["resnet20"]["build"]
    assert table.origin("densenet169") == "torchvision:densenet169"
    assert table.origin("timm:resnet10t") == "timm:resnet10t"


def test_reading_the_table_imports_no_torch() -> None:
    code = "import sys; from attnctl.backbones import table; table.names(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-Pc", code], check=True)
