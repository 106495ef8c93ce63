"""`[[slurm.rules]]`: which runs a rule is for, what overrides what, and the errors of a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attnctl.grid import Axes, expand
from attnctl.settings import acting
from attnctl.settings.config import Config, ConfigError, read
from attnctl.settings.resource_rules import ResourceRule
from attnctl.spec import RunSpec

RULES = """\
[slurm]
mem = "8G"
partition = "cpu"
[slurm.profiles.big]
mem = "64G"
constraint = "a100"
[[slurm.profiles.big.rules]]
module = "none"
runs_per_gpu = 2
[[slurm.rules]]
backbone = "resnet*, vgg16"
mem = "16G"
nodes = 2
[[slurm.rules]]
backbone = "resnet5?"
dataset = "digits"
time = "2:00:00"
mem = "24G"
[slurm.rules.extra]
comment = "deep"
"""


def config(folder: Path, text: str) -> Config:
    file = folder / "attnctl.toml"
    file.write_text(text)
    return read(file)


def run(backbone: str = "resnet20", module: str = "se", **more: Any) -> RunSpec:
    (spec,) = expand(Axes(modules=(module,), backbones=(backbone,), datasets=("digits",), **more)).specs
    return spec


def rule(**patterns: str) -> ResourceRule:
    return ResourceRule(section="slurm.rules", number=2, patterns=patterns, settings={})


@pytest.mark.parametrize(
    ("patterns", "matches"),
    [
        ({"backbone": "resnet20"}, True),
        ({"backbone": "resnet"}, False),
        ({"backbone": "vgg*,resnet2?"}, True),
        ({"backbone": "ResNet20"}, False),
        ({"backbone": "*", "dataset": "cifar*"}, False),
        ({"module": "se", "dataset": "digits"}, True),
        ({"model": "*"}, False),
    ],
)
def test_all_that_a_rule_names_must_match_and_a_classifier_has_no_model(
    patterns: dict[str, str], matches: bool
) -> None:
    assert rule(**patterns).matches(run()) is matches


def test_a_rule_is_named_by_its_number_and_its_profile() -> None:
    assert str(rule(backbone="resnet*", dataset="digits")) == "rule 2 (backbone=resnet*, dataset=digits)"
    of_profile = ResourceRule(section="slurm.profiles.big.rules", number=1, patterns={"module": "se"}, settings={})
    assert str(of_profile) == "rule 1 of profile big (module=se)"


def test_later_rules_override_earlier_ones_and_rules_override_the_profile(tmp_path: Path) -> None:
    found = config(tmp_path, RULES)
    plain = found.for_run(None, run("mobilenet_v2"))
    assert (plain.mem, plain.nodes, plain.rules) == ("8G", None, ())
    shallow = found.for_run(None, run("resnet20"))
    assert (shallow.mem, shallow.nodes, shallow.partition, shallow.minutes) == ("16G", 2, "cpu", None)
    deep = found.for_run(None, run("resnet56"))
    assert (deep.mem, deep.nodes, deep.minutes, dict(deep.extra)) == ("24G", 2, 120, {"comment": "deep"})
    assert deep.rules == ("rule 1 (backbone=resnet*, vgg16)", "rule 2 (backbone=resnet5?, dataset=digits)")
    big = found.for_run("big", run("resnet20", "none"))
    assert (big.mem, big.constraint, big.runs_per_gpu) == ("16G", "a100", 2)
    assert big.rules[-1] == "rule 1 of profile big (module=none)"
    assert found.configured(big) == big


@pytest.mark.parametrize(
    ("rules", "line", "words"),
    [
        ('[[slurm.rules]]\nmem = "1G"\n', 1, "rule 1: it names no runs; add one of backbone, dataset, model, module"),
        ('[[slurm.rules]]\nbackbone = "a"\n', 1, "rule 1: it sets nothing; add a setting of [slurm]"),
        ('[[slurm.rules]]\nmodule = "se"\nmem = "1G"\n[[slurm.rules]]\nmodule = "a"\nmemm = "1G"\n', 6,
         "rule 2: memm is not a key of [slurm.rules]; did you mean 'mem'?"),
        ('[[slurm.rules]]\nbackbones = "a"\n', 2, "rule 1: backbones is not a key"),
        ('[[slurm.rules]]\nmodule = "se"\nmem = "lots"\n', 3, "rule 1: 'lots' is not a memory size"),
        ('[[slurm.rules]]\nmodule = ["se"]\nmem = "1G"\n', 2, "rule 1: module must be text in quotes"),
        ('[[slurm.rules]]\nmodule = "se,,ela"\nmem = "1G"\n', 2, "rule 1: module must be a name or a pattern"),
        ('[[slurm.rules]]\nmodule = "se"\nnodes = 0\n', 3, "rule 1: nodes is 0; it must be at least 1"),
        ('[[slurm.rules]]\nmodule = "se"\n[slurm.rules.extra]\ntime = "1"\n', 4, "rule 1: time "),
        ('[[slurm.rules]]\nmodule = "se"\nprofiles = "a"\n', 3, "rule 1: profiles is not a key"),
        ('[slurm]\nrules = 3\n', 2, "rules must be sections, each written [[slurm.rules]]"),
        ('[slurm]\nrules = [3]\n', 2, "rules must be sections, each written [[slurm.rules]]"),
        ('[slurm.rules]\nmem = "1G"\n', 1, "rules must be sections, each written [[slurm.rules]]"),
        ('[[slurm.profiles.big.rules]]\nmodule = "se"\nmem = 1.5\n', 3, "rule 1: mem must be text in quotes"),
        ('[slurm]\nmem = "1G"\n[[slurm.rules]]\nmodule = "se"\nextra = { mem-per-cpu = "1G" }\n', 5,
         "rule 1: mem-per-cpu and mem both set the memory; keep one of them"),
    ],
)  # fmt: skip
def test_an_invalid_rule_is_named_with_its_line(tmp_path: Path, rules: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, rules)
    assert str(caught.value).startswith(f"{tmp_path / 'attnctl.toml'}:{line}: {words}")


def test_rules_that_together_set_the_memory_twice_are_refused_for_the_runs_of_both(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        '[[slurm.rules]]\nmodule = "se"\nmem = "1G"\n'
        '[[slurm.rules]]\nbackbone = "resnet56"\nextra = { mem-per-cpu = "1G" }\n',
    )
    assert found.for_run(None, run("resnet20")).mem == "1G"
    with pytest.raises(ConfigError, match="with rule 2, mem and mem-per-cpu both set the memory of a run"):
        found.for_run(None, run("resnet56"))


def test_what_a_rule_can_run_needs_trust_and_is_named_by_its_number() -> None:
    document = {
        "slurm": {
            "rules": [
                {"module": "se", "mem": "1G"},
                {"module": "ela", "setup": ["touch x"], "srun": {"task-prolog": "x", "cpu-bind": "none"}},
            ],
            "profiles": {"big": {"rules": [{"module": "se", "python": "./python", "unheard": 1}]}},
        }
    }
    assert [item.key for item in acting.acting_settings(document)] == [
        "slurm.rules.2.setup",
        "slurm.rules.2.srun.task-prolog",
        "slurm.profiles.big.rules.1.python",
        "slurm.profiles.big.rules.1.unheard",
    ]
