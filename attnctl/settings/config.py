"""Finding and reading the workspace's attnctl.toml, with errors that name the line and the key."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_type_hints

from attnctl import lines, own_data, ownership
from attnctl.files import open_regular, read_regular
from attnctl.lifecycle.resume_policy import Rules
from attnctl.settings import sbatch_options, srun_options, trust
from attnctl.settings.acting import ActingSetting, acting_settings
from attnctl.settings.reader import ConfigError, SectionReader
from attnctl.settings.resource_rules import MATCHED, SECTION, ResourceRule, read_patterns
from attnctl.settings.sections import Keep, Notify, read_groups, read_keep, read_names, read_notify, read_rules
from attnctl.settings.template import TEMPLATE
from attnctl.spec import RunSpec, recipe_fields
from attnctl.units import parse_memory, parse_time
from attnctl.values import Scalar, SpecError, comma_join, did_you_mean
from attnctl.workspace import version
from attnctl.workspace.layout import Workspace

__all__ = [
    "OF_VARIABLES",
    "TEMPLATE",
    "Config",
    "ConfigError",
    "DataRoots",
    "Keep",
    "Notify",
    "Rules",
    "SlurmOptions",
    "find",
    "read",
]

FILE_NAME = "attnctl.toml"
VARIABLE = "ATTNCTL_WORKSPACE"
AUTO: Literal["auto"] = "auto"
"""The time limit that follows from the estimated time of the runs, or the runs per GPU that follow from measurement."""

_DATA_KEYS = {"root", "stage", "stage_root"}
"""The keys of [data] besides the names of data sets."""

_SHOWN, _LONGEST = 3, 120
"""So many settings, and so many characters of each, are named in an error."""

_COMMAND_OPTIONS = ("partition", "account", "qos", "constraint", "mem", "parallel", "runs_per_gpu")
_NUMBERS = ("cpus_per_gpu", "nodes", "parallel", "runs_per_gpu")
_RECORDED = (*_COMMAND_OPTIONS, "exclude", "profile")
_TABLES = ("profiles", "rules")
"""What [slurm] holds besides settings of a job."""

OF_VARIABLES = ("account", "constraint", "partition", "qos", "reservation")
"""The options that a variable such as SBATCH_PARTITION can set, and that later attempts keep."""


@dataclass(frozen=True, kw_only=True)
class SlurmOptions:
    """Options of sbatch; None means the cluster's default. `TEMPLATE` explains each one."""

    clusters: str | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    nodes: int | None = None
    gpus_per_node: int | None = None
    cpus_per_gpu: int | None = None
    mem: str | None = None
    time: str | None = None
    parallel: int | None = None
    runs_per_gpu: int | Literal["auto"] | None = None
    setup: tuple[str, ...] = ()
    command_prefix: tuple[str, ...] = ()
    python: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    srun: Mapping[str, str] = field(default_factory=dict)
    profile: str | None = None
    """The name of the profile they come from; not a key of the file."""
    rules: tuple[str, ...] = ()
    """The rules that changed them, as text; not a key of [slurm]."""
    gpu_type: str | None = None
    """From `gpus_per_node = "a100:2"`; not a key of the file."""
    inherited: Mapping[str, str] = field(default_factory=dict)
    """Those that a variable such as SBATCH_PARTITION set for an earlier attempt; not a key of the file."""

    @property
    def auto_time(self) -> bool:
        """Whether the time limit is to follow from the estimated time of the runs."""
        return self.time == AUTO

    @property
    def minutes(self) -> int | None:
        """The time limit in minutes; None if there is none, or if it follows from an estimate."""
        return parse_time(self.time) if self.time is not None and not self.auto_time else None

    @property
    def target_clusters(self) -> str | None:
        """The clusters that jobs are sent to, joined by commas; None for the local one."""
        return self.clusters or sbatch_options.given(self.extra).get("clusters")

    def to_record(self, configured: SlurmOptions) -> dict[str, Any]:
        """The options to store in an attempt's request.

        from_command: names of the options that came from the command line, not from `configured`, the settings.
        from_environment: those that a variable such as SBATCH_PARTITION set for an earlier attempt, with their values.
        """
        inherited = {name: value for name, value in self.inherited.items() if self._value(name) == value}
        own = {name: getattr(self, name) for name in _RECORDED if name not in inherited}
        values = {name: value for name, value in own.items() if value is not None}
        changed = (name for name in _COMMAND_OPTIONS if name in own and own[name] != getattr(configured, name))
        values |= {"rules": list(self.rules)} if self.rules else {}
        return values | {"from_command": sorted(changed), "from_environment": inherited}

    def with_earlier(self, record: Mapping[str, Any], exported: Collection[str] = ()) -> SlurmOptions:
        """These options, overridden by those of an earlier attempt's command line and environment variables.

        Invalid values are ignored. exported: the options that a variable sets now, so that its earlier value does not
        count.
        """
        names = record.get("from_command")
        chosen: dict[str, Any] = {
            name: record[name]
            for name in (names if isinstance(names, list) else ())
            if name in _COMMAND_OPTIONS
            and (
                type(record.get(name)) is (int if name in _NUMBERS else str)
                or (name, record.get(name)) == ("runs_per_gpu", AUTO)
            )
        }
        values = record.get("from_environment")
        inherited = {
            name: value
            for name, value in (values.items() if isinstance(values, dict) else ())
            if name in OF_VARIABLES
            and name not in exported
            and isinstance(value, str)
            and value
            and value.isprintable()
        }
        chosen |= {name: value for name, value in inherited.items() if name != "reservation"}
        if "reservation" in inherited:
            others = {name: value for name, value in self.extra.items() if sbatch_options.bare(name) != "reservation"}
            chosen["extra"] = others | {"reservation": inherited["reservation"]}
        return replace(self, **chosen, inherited=inherited)

    def decides(self, name: str) -> bool:
        """Whether the script has this option, so that a variable does not set it."""
        return self._value(name) is not None

    def _value(self, name: str) -> Any:
        return sbatch_options.given(self.extra).get(name) if name == "reservation" else getattr(self, name)


_KEYS = tuple(key for key in get_type_hints(SlurmOptions) if key not in {"profile", "rules", "gpu_type", "inherited"})
"""The settings of a job, as they are called in the file."""


@dataclass(frozen=True, kw_only=True)
class DataRoots:
    """The folders of the data sets. stage: copy them once to the node's local disk; stage_root: below this folder.

    folders: by name; of a user's own, by the name of its folder. records: where the workspace records users' own.
    """

    root: Path | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)
    stage: bool = False
    stage_root: Path | None = None
    records: Path | None = None

    def folder(self, dataset: str) -> Path | None:
        """The folder of a data set; None for one that needs no files."""
        from attnctl import datasets  # most commands need no data set, and their modules take 0.1 s
        from attnctl.datasets import own

        described = datasets.describe(dataset)
        if described.is_own:
            return self.folders.get(own_data.stem(described.name)) or own.folder_of(described.name, self.records)
        if described.layout == "embedded" or (described.layout == "loaded" and not described.folder):
            return None
        return self.folders.get(dataset, self.root / described.folder if self.root else None)

    @property
    def staging(self) -> Path | bool:
        """Whether to copy data sets to the node, and below which folder if one is set (`attnctl.jobs.data.staging`)."""
        return self.stage and (self.stage_root or True)

    def signature(self, dataset: str) -> str:
        """The signature of a user's folder when it was measured (`ImageFolder.signature`); empty if unknown."""
        from attnctl.datasets import own

        record = own.read_record(self.records, dataset) if self.records is not None else None
        return record.signature if record is not None else ""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A workspace and its settings; defaults where there is no file."""

    workspace: Workspace
    file: Path | None = None
    slurm: SlurmOptions = field(default_factory=SlurmOptions)
    profiles: Mapping[str, SlurmOptions] = field(default_factory=dict)
    rules: Sequence[ResourceRule] = ()
    """The rules of [slurm] and of all profiles, in the order of the file."""
    data: DataRoots = field(default_factory=DataRoots)
    defaults: Mapping[str, Scalar] = field(default_factory=dict)
    resume: Rules = field(default_factory=Rules)
    keep: Keep = field(default_factory=Keep)
    notify: Notify = field(default_factory=Notify)
    names: Mapping[str, str] = field(default_factory=dict)
    """What reports call modules, rows, hyperparameters, networks and data sets, by what is typed."""
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The user's groups of modules, by name."""
    source: bytes | None = None
    """The content of the file, empty without one; None for settings that a caller has put together."""
    acting: Sequence[ActingSetting] = ()
    """What the file can run or send."""
    vouched_for: bool = False
    """The settings of a submission, unchanged since: its job's command has their digest."""
    ignored: str = ""
    """Why the settings file in the workspace's folder is not used; a sentence."""

    @property
    def digest(self) -> str:
        """The digest of the file's content; empty for settings that a caller has put together."""
        return "" if self.source is None else trust.content_digest(self.source)

    @property
    def may_act(self) -> bool:
        """Whether what the file can run or send may be run and sent."""
        return not self.acting or self.vouched_for or (self.file is not None and trust.allows(self.file, self.acting))

    def check_may_act(self, settings: Sequence[ActingSetting] | None = None) -> None:
        """Raise ConfigError if the user has not trusted what the file can run or send. settings: only these of it."""
        if self.ignored:
            raise ConfigError(self.ignored)
        settings = self.acting if settings is None else settings
        if settings and not self.may_act:
            shown = "; ".join(_cut(str(item)) for item in settings[:_SHOWN])
            more = f"; and {len(settings) - _SHOWN} more" if len(settings) > _SHOWN else ""
            raise ConfigError(
                f"{self.file} is not trusted: run `attnctl trust {_quoted(self.file)}` to let it run or send "
                f"{shown}{more}"
            )

    def profile(self, name: str | None) -> SlurmOptions:
        """The [slurm] settings, overridden by those of a named profile; raises ConfigError."""
        if name is None:
            return self.slurm
        if name not in self.profiles:
            location = f" in {self.file}" if self.file else f"; there is no {FILE_NAME} (attnctl init writes one)"
            nearest = did_you_mean(name, sorted(self.profiles)) if self.profiles else ""
            raise ConfigError(f"no profile {name!r}{location}{nearest}")
        return replace(self.profiles[name], profile=name)

    def rules_of(self, profile: str | None) -> list[ResourceRule]:
        """The rules that count: those of [slurm], then those of the profile; each overrides what comes before it."""
        sections = [SECTION, *([f"slurm.profiles.{profile}.rules"] if profile is not None else [])]
        return [rule for section in sections for rule in self.rules if rule.section == section]

    def for_run(self, profile: str | None, spec: RunSpec) -> SlurmOptions:
        """The [slurm] settings of one run: those of the profile, overridden by the rules for it. Raises ConfigError."""
        return self.with_rules(profile, [rule for rule in self.rules_of(profile) if rule.matches(spec)])

    def with_rules(self, profile: str | None, rules: Sequence[ResourceRule]) -> SlurmOptions:
        """The settings of a profile, overridden by these rules; raises ConfigError."""
        options = self.profile(profile)
        for rule in rules:
            options = replace(options, **rule.settings)
            if two := _two_memories(options):
                raise ConfigError(f"{self.file}: with {rule.name}, {two[0]} and {two[1]} both set the memory of a run")
        if sbatch_options.removed(options.extra, "mem"):
            options = replace(options, mem=None)
        return replace(options, rules=tuple(str(rule) for rule in rules))

    def configured(self, options: SlurmOptions) -> SlurmOptions:
        """The settings that these options come from, without what a command has changed; raises ConfigError."""
        return self.with_rules(options.profile, [r for r in self.rules_of(options.profile) if str(r) in options.rules])


def find(workspace: Path | None, cwd: Path, environ: Mapping[str, str], *, newer: bool = False) -> Config:
    """Find the workspace: `workspace`, else ATTNCTL_WORKSPACE, else the nearest parent with attnctl.toml, else `cwd`.

    In the search for the nearest parent, files and folders that others own or can write are passed by, unless the user
    has trusted the file with its content; `ownership.PASSED_BY` then has them.

    newer: accept one that a newer attnctl has upgraded, as a job does that was submitted before. Creates nothing.
    Raises ConfigError, and SpecError for a newer workspace.
    """
    named = workspace if workspace is not None else Path(environ[VARIABLE]) if environ.get(VARIABLE) else None
    if named is None:
        return _nearest(cwd, newer=newer)
    root = (cwd / named).resolve()
    if root.exists() and not root.is_dir():
        raise ConfigError(f"workspace {named} is not a folder")
    if not newer:
        version.check(root)
    file = root / FILE_NAME
    return read(file) if file.is_file() else _without_file(root)


def _nearest(cwd: Path, *, newer: bool) -> Config:
    """The settings of the nearest parent with a file that counts; `cwd` without settings if there is none."""
    ignored = ""
    for folder in (cwd, *cwd.parents):
        file = folder / FILE_NAME
        if not file.is_file():
            continue
        concern = ownership.concern_of_entry(file)
        if not concern or trust.is_recorded(file):
            with open_regular(file) as stream:
                concern = concern or ownership.status_concern(os.fstat(stream.fileno()), file)
                content = stream.read()
            if not concern or trust.knows(file, content):
                if not newer:
                    version.check(folder)
                return read(file, content)
        ownership.PASSED_BY[file] = concern
        if folder == cwd:
            ignored = _ignored(file, concern)
    if not newer:
        version.check(cwd)
    return replace(_without_file(cwd), ignored=ignored)


def nearest_file(cwd: Path) -> Path | None:
    """The nearest settings file in a folder or its parents, whoever it belongs to."""
    return next((file for folder in (cwd, *cwd.parents) if (file := folder / FILE_NAME).is_file()), None)


def _ignored(file: Path, concern: str) -> str:
    return (
        f"{file} {concern}, so it is not used: name the folder with --workspace, or run `attnctl trust {_quoted(file)}`"
    )


def submitted(root: Path, tag: str, digest: str) -> Config:
    """The settings that the jobs of a submission use: those of the time when it was made. Raises ConfigError.

    Those of today, for a submission without them. root: the workspace's folder. digest: of the settings, as the job's
    command has it; if it is empty, what the settings can run or send does not act in the job.
    """
    return frozen(root, Workspace(root).submission_settings(tag), digest, vouched_for=bool(digest))


def frozen(root: Path, path: Path, digest: str, *, vouched_for: bool) -> Config:
    """The settings as they were when `path` was written. Raises ConfigError. root: the workspace's folder.

    digest: of the settings, or empty. vouched_for: the digest comes from where only the user can have written it, so
    that they may act; otherwise they act only if the user trusts what acts in them.
    """
    try:
        content = read_regular(path)
    except FileNotFoundError as error:
        if digest:
            raise ConfigError(f"{path} is missing: run attnctl resume") from error
        return find(root, root, {}, newer=True)
    if digest and trust.content_digest(content) != digest:
        raise ConfigError(f"{path} was changed after its jobs were submitted: run attnctl resume")
    return replace(read(root / FILE_NAME, content) if content else _without_file(root), vouched_for=vouched_for)


def _quoted(file: Path | None) -> str:
    return shlex.quote(str(file))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _without_file(root: Path) -> Config:
    workspace = Workspace(root)
    return Config(workspace=workspace, data=DataRoots(root=root / "data", records=workspace.datasets), source=b"")


def read(file: Path, content: bytes | None = None) -> Config:
    """The settings of one attnctl.toml; raises ConfigError. content: what the file held at another time."""
    content = read_regular(file) if content is None else content
    try:
        source = lines.decoded(content, str(file))
        document = lines.parsed(source, str(file))
    except SpecError as error:
        raise ConfigError(str(error)) from error
    return replace(_Reader(file, source).config(document), source=content, acting=acting_settings(document))


class _Reader(SectionReader):
    """Turns the document into a Config; every error names file, line and key."""

    def config(self, document: Mapping[str, Any]) -> Config:
        sections = ("slurm", "paths", "data", "defaults", "resume", "checkpoints", "notify", "names", "groups")
        self.check_keys(document, sections, "")
        for section, value in document.items():
            if not isinstance(value, dict):
                raise self.error("", section, f"must be a section, written [{section}]")
        base, profiles, rules = self._slurm(document.get("slurm", {}))
        return Config(
            workspace=self._workspace(document.get("paths", {})),
            file=self.file,
            slurm=base,
            profiles=profiles,
            rules=rules,
            data=self._data(document.get("data", {})),
            defaults=self._defaults(document.get("defaults", {})),
            resume=read_rules(self, document.get("resume", {})),
            keep=read_keep(self, document.get("checkpoints", {})),
            notify=read_notify(self, document.get("notify", {})),
            names=read_names(self, document.get("names", {})),
            groups=read_groups(self, document.get("groups", {})),
        )

    def _slurm(self, section: Mapping[str, Any]) -> tuple[SlurmOptions, dict[str, SlurmOptions], list[ResourceRule]]:
        named = section.get("profiles", {})
        if not isinstance(named, dict):
            raise self.error("slurm", "profiles", "must hold sections such as [slurm.profiles.big]")
        base = self._options(SlurmOptions(), _without_tables(section), "slurm")
        profiles = {}
        rules = self._rules(base, section.get("rules", []), "slurm")
        for name, values in named.items():
            if not isinstance(values, dict):
                raise self.error("slurm.profiles", name, "must be a section")
            section_name = f"slurm.profiles.{name}"
            profiles[name] = self._options(base, _without_tables(values, "rules"), section_name)
            rules += self._rules(profiles[name], values.get("rules", []), section_name)
        return base, profiles, rules

    def _rules(self, base: SlurmOptions, values: Any, section: str) -> list[ResourceRule]:
        """The rules of a section. base: the settings that they override."""
        if not isinstance(values, list) or not all(isinstance(item, dict) for item in values):
            raise self.error(section, "rules", f"must be sections, each written [[{section}.rules]]")
        return [self._rule(base, item, f"{section}.rules", index) for index, item in enumerate(values)]

    def _rule(self, base: SlurmOptions, values: Mapping[str, Any], section: str, index: int) -> ResourceRule:
        reader = _RuleReader(self.file, self.source, section, index)
        reader.check_keys(values, (*MATCHED, *_KEYS), section)
        patterns = read_patterns(reader, section, values)
        if not patterns:
            raise reader.located(section, "", f"it names no runs; add one of {comma_join(MATCHED)}")
        settings = reader.checked(values, section)
        if not settings:
            raise reader.located(section, "", 'it sets nothing; add a setting of [slurm], such as mem = "64G"')
        reader.check_memory(replace(base, **settings), settings, section)
        return ResourceRule(section=section, number=index + 1, patterns=patterns, settings=settings)

    def _options(self, base: SlurmOptions, values: Mapping[str, Any], section: str) -> SlurmOptions:
        self.check_keys(values, (*_KEYS, *(_TABLES if section == "slurm" else _TABLES[1:])), section)
        checked = self.checked(values, section)
        options = replace(base, **checked)
        self.check_memory(options, checked, section)
        return replace(options, mem=None) if sbatch_options.removed(options.extra, "mem") else options

    def checked(self, values: Mapping[str, Any], section: str) -> dict[str, Any]:
        """Settings of [slurm] as fields of SlurmOptions; raises ConfigError for an invalid value."""
        checked: dict[str, Any] = {}
        for key, value in values.items():
            if key == "setup":
                checked[key] = tuple(
                    self.typed(line, str, section, key) for line in self.typed(value, list, section, key)
                )
            elif key in {"extra", "srun"}:
                table = self.typed(value, dict, section, key)
                checked[key] = {name: self._option(item, f"{section}.{key}", name) for name, item in table.items()}
            elif key == "command_prefix":
                checked[key] = self._words(value, section, key)
            elif key == "gpus_per_node":
                checked["gpu_type"], checked[key] = self._gpus(value, section)
            elif key == "runs_per_gpu" and isinstance(value, str):
                if value != AUTO:
                    raise self.error(section, key, f'is {value!r}; it must be a whole number, or "auto"')
                checked[key] = AUTO
            elif key in _NUMBERS:
                checked[key] = self.typed(value, int, section, key)
                if checked[key] < 1:
                    raise self.error(section, key, f"is {value}; it must be at least 1")
            elif key in _KEYS:
                checked[key] = str(value) if type(value) is int else self.typed(value, str, section, key)
                if not checked[key] or "\n" in checked[key]:
                    raise self.error(section, key, "must be one line of text")
        for key, parse in (("time", parse_time), ("mem", parse_memory)):
            if key in checked and not (key == "time" and checked[key] == AUTO):
                try:
                    parse(checked[key])
                except SpecError as error:
                    raise self.located(section, key, str(error)) from error
        return checked

    def check_memory(self, options: SlurmOptions, checked: Mapping[str, Any], section: str) -> None:
        """Raise ConfigError if the settings ask for memory in two ways, or in a way that is no amount."""
        extra = sbatch_options.given(options.extra)
        for name in (name for name in sbatch_options.MEMORY if name in extra):
            try:
                parse_memory(extra[name])
            except SpecError as error:
                raise self.error(f"{section}.extra", name, f"is wrong: {error}") from error
        if two := _two_memories(options):
            key = "mem" if "mem" in checked else next(name for name in two if name != "mem")
            other = next(name for name in two if name != key)
            where = section if key == "mem" else f"{section}.extra"
            raise self.error(where, key, f"and {other} both set the memory; keep one of them")

    def _option(self, value: Any, section: str, name: str) -> str:
        """The value of an option of sbatch or srun as text."""
        if not isinstance(value, str | int | float) or "\n" in str(value):
            raise self.error(section, name, "must be one line of text, a number, true or false")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        options = srun_options if section.endswith(".srun") else sbatch_options
        if problem := options.problem(name, text):
            raise self.error(section, name, problem)
        return text

    def _words(self, value: Any, section: str, key: str) -> tuple[str, ...]:
        """A command as its words, split as a shell would; `~/` is the user's folder."""
        text = self.typed(value, str, section, key)
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise self.error(section, key, f"cannot be split into words: {error}") from error
        if not words or not text.isprintable():
            raise self.error(section, key, "must be a command on one line")
        return tuple(str(Path(word).expanduser()) if word.startswith("~/") else word for word in words)

    def _gpus(self, value: Any, section: str) -> tuple[str | None, int]:
        """The type, if one is named, and the number of GPUs per node."""
        key = "gpus_per_node"
        if isinstance(value, str):
            typed = re.fullmatch(r"([A-Za-z_][\w.+-]*|\d+g\.\d+gb[\w.+-]*)(?::(\d{1,4}))?", value)
            # A word without a digit, such as "two", is more likely a mistake than a type.
            if typed is None or (typed[2] is None and not re.search(r"\d", value)):
                raise self.error(section, key, 'must be a whole number, or a type and a number such as "a100:2"')
            return typed[1], int(typed[2] or 1)
        number = self.typed(value, int, section, key)
        if number < 0:
            raise self.error(section, key, f"is {value}; it must be at least 0")
        return None, number

    def _workspace(self, section: Mapping[str, Any]) -> Workspace:
        self.check_keys(section, ("runs", "checkpoints", "group"), "paths")
        roots = {key: self.path(value, "paths", key) for key, value in section.items() if key != "group"}
        group = self.typed(section.get("group", False), bool, "paths", "group")
        return Workspace(self.file.parent, roots.get("runs"), roots.get("checkpoints"), group)

    def _data(self, section: Mapping[str, Any]) -> DataRoots:
        records = Workspace(self.file.parent).datasets
        on_disk = _data_sets_on_disk(section, records) if set(section) - _DATA_KEYS else []
        self.check_keys(section, (*sorted(_DATA_KEYS), *on_disk), "data")
        root = self.path(section["root"], "data", "root") if "root" in section else self.file.parent / "data"
        folders = {name: self.path(section[name], "data", name) for name in on_disk if name in section}
        below = self.path(section["stage_root"], "data", "stage_root") if "stage_root" in section else None
        stage = self.typed(section.get("stage", below is not None), bool, "data", "stage")
        return DataRoots(root=root, folders=folders, stage=stage, stage_root=below, records=records)

    def _defaults(self, section: Mapping[str, Any]) -> dict[str, Scalar]:
        self.check_keys(
            section,
            ("dataset", "model", "backbone", "placement", "seed", "recipe", "run_on", *recipe_fields()),
            "defaults",
        )
        for key, value in section.items():
            if not isinstance(value, str | int | float | bool):
                raise self.error("defaults", key, "must be a text, a number, true or false")
        return dict(section)


def _data_sets_on_disk(section: Mapping[str, Any], records: Path) -> list[str]:
    """The data sets whose folders can be set: of installed packages and users only if a key may be one of them."""
    from attnctl import datasets
    from attnctl.datasets import own

    built_in = set(section) - _DATA_KEYS <= {*datasets.DATASETS}
    names = datasets.DATASETS if built_in else datasets.names()
    on_disk = [name for name in names if datasets.describe(name).layout != "embedded"]
    return on_disk + ([] if built_in else sorted({own_data.stem(name) for name in own.recorded(records)} - {*names}))


@dataclass(frozen=True)
class _RuleReader(_Reader):
    """Checks one rule. section: where the rules stand; index: which one it is, from 0. Its errors name its number."""

    section: str
    index: int

    def line(self, section: str, key: str) -> int:
        """The line number of a key, or of the rule. section: that of the rules, or a table of the rule."""
        inner = section.removeprefix(self.section).split(".")
        path: list[str | int] = [*self.section.split("."), self.index, *filter(None, (*inner, key))]
        return lines.line_of(self.source, path)

    def located(self, section: str, key: str, text: str) -> ConfigError:
        """The error about a key, with the rule's number."""
        return super().located(section, key, f"rule {self.index + 1}: {text}")


def _without_tables(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in (names or _TABLES)}


def _two_memories(options: SlurmOptions) -> tuple[str, str] | None:
    """The names of two settings that both set the memory; None if at most one does."""
    given = sbatch_options.given(options.extra)
    mem = [] if options.mem is None or sbatch_options.removed(options.extra, "mem") else ["mem"]
    names = [*mem, *(name for name in sbatch_options.MEMORY if name in given)]
    return (names[0], names[1]) if len(names) > 1 else None
