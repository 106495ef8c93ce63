"""Which settings can run or send something."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from attnctl import datasets
from attnctl.settings import acting, config
from attnctl.settings.config import TEMPLATE
from attnctl.settings.reader import SectionReader
from attnctl.spec import recipe_fields

ACTING = """
[slurm]
partition = "gpu"
setup = ["module load cuda"]
[slurm.extra]
gres = "gpu:1"
bb = "stage_in"
[slurm.srun]
cpu-bind = "none"
--task-prolog = "./x.sh"
[slurm.profiles.big]
time = "1:00:00"
python = "./python"
[slurm.profiles.big.srun]
container-image = "x.sqsh"
[defaults]
seed = "0,1"
recipe = "mine.toml"
backbone = "resnet20,./net.py:build"
[notify]
webhook = "https://example.org"
[unheard]
of = 1
"""


def keys(text: str) -> list[str]:
    return [item.key for item in acting.acting_settings(tomllib.loads(text))]


def test_settings_that_run_or_send_something_act_in_profiles_too() -> None:
    assert keys(ACTING) == [
        "slurm.setup",
        "slurm.extra.bb",
        "slurm.srun.--task-prolog",
        "slurm.profiles.big.python",
        "slurm.profiles.big.srun.container-image",
        "defaults.recipe",
        "defaults.backbone",
        "notify.webhook",
        "unheard.of",
    ]


DATA = {
    "root",
    "stage",
    "stage_root",
    *(name for name, dataset in datasets.DATASETS.items() if dataset.layout != "embedded"),
}
DEFAULTS = {"dataset", "model", "backbone", "placement", "seed", "recipe", "run_on", *recipe_fields()}


def test_every_setting_that_is_read_is_known_to_act_or_to_be_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each section the keys that its reader accepts. A new one acts, unless it is listed as harmless."""
    accepted: dict[str, set[str]] = {}
    check = SectionReader.check_keys

    def note(self: SectionReader, values: Mapping[str, Any], allowed: tuple[str, ...], section: str) -> None:
        accepted[section] = set(allowed)
        check(self, values, allowed, section)

    monkeypatch.setattr(SectionReader, "check_keys", note)
    file = tmp_path / "attnctl.toml"
    sections = sorted({*re.findall(r"^#? ?\[([\w.]+)\]", TEMPLATE, re.MULTILINE), "slurm", "slurm.profiles.big"})
    rule = '[[slurm.rules]]\nmodule = "se"\nmem = "1G"\n'
    folder = 'cifar10 = "images"\n'  # the data sets are looked up only if a key may be one of them
    file.write_text("".join(f"[{section}]\n" + folder * (section == "data") for section in sections) + rule)
    config.read(file)
    accepted.pop("")
    harmless = {section: accepted[section] - acts(section, accepted[section]) for section in accepted}
    acting_keys = {section: keys for section in accepted if (keys := acts(section, accepted[section]))}
    tables = {"profiles", "rules", "extra", "srun"}  # each option in them is asked about by itself
    of_slurm = {"setup", "command_prefix", "python"}
    of_notify = {"command", "webhook"}
    sections_of_jobs = dict.fromkeys(("slurm", "slurm.profiles.big", "slurm.rules"), of_slurm)
    assert acting_keys == sections_of_jobs | {"notify": of_notify}
    of_jobs = set(acting.HARMLESS["slurm"] or ())
    assert harmless.pop("slurm") - tables == of_jobs
    assert harmless.pop("slurm.profiles.big") - tables == of_jobs
    assert harmless.pop("slurm.rules") - tables == of_jobs | {"backbone", "dataset", "model", "module"}
    assert (harmless.pop("data"), harmless.pop("defaults"), harmless.pop("notify")) == (DATA, DEFAULTS, set())
    assert harmless == {
        "paths": {"runs", "checkpoints", "group"},
        "resume": {"attempts", "sweep_attempts", "memory_factor", "memory_cap", "same_error", "actions"},
        "resume.actions": accepted["resume.actions"],
        "checkpoints": {"finished", "unfinished"},
    }


def acts(section: str, names: Iterable[str]) -> set[str]:
    """The keys of a section that act, whatever their values are."""
    outer, *inner = section.split(".")
    found = set()
    for name in names:
        tables = {"profiles", "extra", "srun", "actions"}
        values: Any = {name: {} if name in tables else [] if name == "rules" else "x"}
        for part in reversed(inner):
            values = {part: [values] if part == "rules" else values}
        if acting.acting_settings({outer: values}):
            found.add(name)
    return found


def test_a_new_key_of_a_section_of_plain_settings_acts_until_it_is_listed() -> None:
    for section in ("paths", "resume", "checkpoints", "slurm", "notify"):
        assert keys(f'[{section}]\nnew = "x"') == [f"{section}.new"]


# ------------------------------------------------------------------------ what starts programs, imports and connects

PROGRAMS = {
    "subprocess.run",
    "subprocess.Popen",
    "subprocess.check_output",
    "subprocess.check_call",
    "socket.socket",
    "socket.create_connection",
    "runpy.run_path",
    "runpy.run_module",
    *("exec", "eval", "__import__"),
    *(f"os.{name}" for name in ("system", "popen", "posix_spawn", "execv", "execve", "execvp", "execvpe", "spawnv")),
}
LAST = {"import_module", "urlopen", "urlretrieve", "hf_hub_download", "load_state_dict_from_url", "exec_module"}
OF_PACKAGE = "imports modules of attnctl, or of a library that it names itself"
KNOWN = {
    "attnctl": OF_PACKAGE,
    "attnctl.attention": "imports classes of the table of modules, or of a user's module by `attnctl.sources`",
    "attnctl.backbones.build": "imports networks of the tables, or of a user's file by `attnctl.sources`",
    "attnctl.cli.app": OF_PACKAGE,
    "attnctl.jobs.data.coded": "imports users' data sets by `attnctl.sources`: a default that names one acts",
    "attnctl.jobs.data.fetch": "downloads from addresses of the package, for `attnctl data fetch`",
    "attnctl.jobs.data.loaded": "imports data sets of installed packages",
    "attnctl.jobs.doctor.checks": "starts this Python",
    "attnctl.jobs.inspect.responses": "imports classes of the table of modules, or of a user's by `attnctl.sources`",
    "attnctl.jobs.local.gpu_slots": "starts nvidia-smi",
    "attnctl.jobs.local.supervisor": "starts workers; their setup lines are [slurm] setup, which acts",
    "attnctl.jobs.notify": "runs and sends [notify] command and webhook, which act",
    "attnctl.jobs.packed.step": "starts srun by the command of the job's script; what acts of its options acts there",
    "attnctl.jobs.runtime.rendezvous": "finds a free port of loopback",
    "attnctl.jobs.slurm.commands": "starts SLURM's programs; what acts of their options acts here",
    "attnctl.jobs.submission.code_snapshot": "starts git in the folder of attnctl itself",
    "attnctl.jobs.submission.next_rounds": "starts this Python on what the user typed; it needs trust as that does",
    "attnctl.jobs.training.optimizers": "imports timm, an installed package",
    "attnctl.models": "imports networks of the table of models",
    "attnctl.networks.probe.__main__": "imports classes of the table of modules, or of a user's by `attnctl.sources`",
    "attnctl.networks.weights.catalogue": OF_PACKAGE,
    "attnctl.recipes.timm_created": "imports timm, an installed package",
    "attnctl.recipes.parts": "imports users' parts of recipes: a default that names one, or a recipe's file, acts",
    "attnctl.reports.formats": OF_PACKAGE,
    "attnctl.sources.importing": "runs users' files: those that a default names act",
    "attnctl.sources.isolated": "starts this Python on users' files: those that a default names act",
}
"""Module -> what it starts, and which settings decide that."""


def test_every_module_that_starts_a_program_or_connects_is_known() -> None:
    root = Path(__file__).parents[3]
    found = set()
    for part in ("attnctl", "jobs", "db", "reports"):
        for path in (root / part).rglob("*.py"):
            inside = path.relative_to(root)
            if not any((root / parent).is_symlink() for parent in inside.parents) and starts_something(path):
                name = ".".join(inside.with_suffix("").parts).removesuffix(".__init__")
                found.add(name if part == "attnctl" else f"attnctl.{name}")
    assert found == KNOWN.keys(), "say in KNOWN which setting reaches it, and let that setting act"


def starts_something(path: Path) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    names = {ast.unparse(call) for call in calls}
    return any(name in PROGRAMS or name.rpartition(".")[2] in LAST for name in names)


def test_the_search_for_what_starts_something_sees_each_way(tmp_path: Path) -> None:
    for code in (*PROGRAMS, *LAST, *(f"a.b.{name}" for name in LAST)):
        (tmp_path / "x.py").write_text(f"{code}(1)\n")
        assert starts_something(tmp_path / "x.py"), code
    (tmp_path / "x.py").write_text("subprocess.PIPE\nmodel.eval()\nre.compile(a)\n")
    assert not starts_something(tmp_path / "x.py")


@pytest.mark.parametrize(
    "option",
    [
        "prolog",
        "epilog",
        "task-prolog",
        "task-epilog",
        "container",
        "container-image",
        "container-mounts",
        "bcast",
        "x",
    ],
)
def test_options_of_srun_that_run_something_or_are_unknown_act(option: str) -> None:
    assert keys(f'[slurm.srun]\n{option} = "x"') == [f"slurm.srun.{option}"]


@pytest.mark.parametrize("option", ["bb", "bbf", "container", "mail-user", "container-image", "x"])
def test_options_of_sbatch_that_run_or_send_something_or_are_unknown_act(option: str) -> None:
    assert keys(f'[slurm.extra]\n{option} = "x"') == [f"slurm.extra.{option}"]


def test_the_digest_covers_what_acts_in_whatever_order() -> None:
    def digest(text: str) -> str:
        return acting.digest(acting.acting_settings(tomllib.loads(text)))

    one = '[slurm]\nsetup = ["a", "b"]\ntime = "5"\n[notify]\ncommand = "c"\n'
    same = '[notify]\ncommand = "c"\n[slurm]\nsetup = ["a", "b"]\ntime = "6"\n'
    other = one.replace('"a", "b"', '"b", "a"')
    assert digest(one) == digest(same)
    assert digest(one) != digest(other)
    (setting, _) = acting.acting_settings(tomllib.loads(one))
    assert str(setting) == 'slurm.setup = ["a", "b"]'
