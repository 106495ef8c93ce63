"""The index's file: made once whoever comes first, emptied when of another version, replaced when broken."""

from __future__ import annotations

import multiprocessing
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from attnctl import user_cache
from attnctl.db import open_index, rebuild, schema
from attnctl.db.frames import load
from attnctl.db.location import location
from attnctl.db.store import MEANING, TABLES, VERSION, ForeignFileError, Store, StoreError, open_store, schema_version
from attnctl.spec import recipe_fields, recipe_types
from attnctl.workspace.file_systems import mount_of
from attnctl.workspace.layout import Workspace
from tests.db import written

FIELDS = {"batch": "int", "lr": "float"}


def test_a_changed_schema_has_another_version() -> None:
    text = Path(schema.__file__).read_bytes()
    changed = [
        schema_version(text, FIELDS),
        schema_version(text.replace(b"Integer", b"Float", 1), FIELDS),
        schema_version(text, {"lr": "float", "batch": "int"}),
        schema_version(text, FIELDS | {"batch": "str"}),
        schema_version(text, FIELDS | {"new": "int"}),
        schema_version(text, FIELDS, MEANING + 1),
    ]
    assert len(set(changed)) == len(changed)
    assert schema_version(text, FIELDS) == changed[0]
    assert all(0 < version < 1 << 31 for version in changed)


def test_the_version_is_of_all_that_the_tables_are_made_of() -> None:
    """What schema.py imports decides no column, but for the recipe's fields, which the version is also made of."""
    imported = {name for name in vars(schema) if name not in {"annotations", "TypeEngine"}}
    modules = {name: getattr(vars(schema)[name], "__module__", "") for name in imported}
    ours = {name for name, module in modules.items() if module.startswith("attnctl") and module != schema.__name__}
    assert ours == {"recipe_fields", "recipe_types"}
    assert {name: str(field.type) for name, field in recipe_fields().items()}.keys() == recipe_types().keys()


def test_an_index_of_another_version_is_rebuilt(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    written.submit(workspace, written.specs())
    with open_index(workspace) as index:
        index.refresh()
        found = index.runs()
        path = index.location
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE old (x)")
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with open_index(workspace) as index:
        assert index.runs() == []
        index.refresh()
        assert index.runs() == found


def test_an_empty_file_becomes_an_index(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    path.touch()
    store = open_store(path)
    assert store.version() == VERSION
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == ["x.sqlite"]
    assert path.read_bytes()[68:72] == b"attn"


def test_a_torn_index_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    open_store(path).close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 9000)
    store = open_store(path)
    assert store.version() == VERSION
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == ["x.sqlite"]


def _database(path: Path) -> None:
    """A database of another program, with a schema version of its own."""
    connection = sqlite3.connect(path)
    connection.executescript(f"CREATE TABLE thesis (chapter TEXT); INSERT INTO thesis VALUES ('{'one ' * 5000}');")
    connection.execute("PRAGMA user_version = 7")
    connection.close()


def _link(path: Path) -> None:
    other = path.parent.parent / "thesis.sqlite"
    _database(other)
    path.symlink_to(other)


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link to another database": (_link, "a symbolic link"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "a symbolic link"),
    "a database of another program": (_database, "a database of another program"),
    "a text": (lambda path: path.write_bytes(b"not a database at all" * 100), "not a database"),
    "a folder": (lambda path: path.mkdir(), "not a regular file"),
    "a FIFO": (os.mkfifo, "not a regular file"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_not_an_index_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    make, words = FOREIGN[kind]
    workspace = Workspace(tmp_path / "w")
    written.submit(workspace, written.specs())
    path = location(workspace)
    make(path)

    def state() -> list[tuple[Path, int, int, bytes]]:
        return sorted(
            (path, path.lstat().st_ino, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in tmp_path.glob("**/*sqlite*")
        )

    before = state()
    with open_index(workspace) as index:
        index.refresh()
        assert len(index.runs()) == 1
        assert index.foreign == f"{path} is {words}, not an index of attnctl, and stays as it is; move or delete it"
    with pytest.raises(StoreError, match=f"{path} is {words}, not an index of attnctl"):
        rebuild(workspace)
    assert state() == before


def test_a_journal_beside_a_foreign_database_is_not_played_back(tmp_path: Path) -> None:
    """SQLite itself would do so when it is asked whose database it is."""
    other, path = tmp_path / "other.sqlite", tmp_path / "w" / "attnctl.sqlite"
    path.parent.mkdir()
    _database(other)
    connection = sqlite3.connect(other, isolation_level=None)
    connection.executescript("PRAGMA cache_size = 1; BEGIN; UPDATE thesis SET chapter = 'two ' || chapter;")
    connection.executemany("INSERT INTO thesis VALUES (?)", [("three " * 500,)] * 50)
    journal = path.with_name("attnctl.sqlite-journal")
    journal.write_bytes((tmp_path / "other.sqlite-journal").read_bytes())
    path.write_bytes(other.read_bytes())
    connection.close()
    before = path.read_bytes(), journal.read_bytes()
    with pytest.raises(StoreError, match="a database of another program"):
        open_store(path)
    assert (path.read_bytes(), journal.read_bytes()) == before


def test_a_database_that_takes_the_place_of_an_open_index_is_not_emptied(tmp_path: Path) -> None:
    """The tables are dropped only in a transaction that has seen whose database it is."""
    path = tmp_path / "x.sqlite"
    _database(path)
    before = path.read_bytes()
    store = Store(sqlite3.connect(path, isolation_level=None), path)
    with pytest.raises(ForeignFileError, match="a database of another program"):
        store.empty()
    store.close()
    assert path.read_bytes() == before


def test_a_failed_transaction_writes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "x.sqlite")

    def fail() -> None:
        with store.writing() as connection:
            connection.execute("INSERT INTO result (run, name) VALUES (1, 'top1')")
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert store.connection.execute("SELECT count(*) FROM result").fetchone() == (0,)
    store.close()


def test_an_upsert_replaces_the_row_of_the_same_key_and_keeps_the_others(tmp_path: Path) -> None:
    store = open_store(tmp_path / "x.sqlite")
    with store.writing():
        store.upsert("result", [{"run": 1, "name": name, "last": 1.0, "best": None} for name in ("top1", "loss")])
    with store.writing():
        store.upsert("result", [{"run": 1, "name": "top1", "last": 2.0, "best": 3.0}, {"run": 2, "name": "loss"}])
        store.upsert("result", [])
    rows = store.connection.execute("SELECT run, name, last, best FROM result ORDER BY run, name").fetchall()
    assert rows == [(1, "loss", 1.0, None), (1, "top1", 2.0, 3.0), (2, "loss", None, None)]
    store.close()


def test_on_a_full_disk_the_index_is_in_memory_and_its_file_is_as_it_was(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    runs = written.specs(seeds=tuple(map(str, range(30))))
    written.submit(workspace, runs)
    with open_index(workspace) as index:
        with index.guarded() as store:  # SQLite's own limit: the same error as of a full disk
            pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
            store.connection.execute(f"PRAGMA max_page_count = {pages}")
        index.refresh()
        rows = index.runs()
        assert (len(rows), rows[0].recipe["batch"]) == (30, runs[0].recipe.batch)
        index.refresh()
        assert index.runs() == rows
    assert [row.best for row in rows] == [{}] * 30, "rows can be asked for all they have when the index is closed"
    with open_index(workspace) as index:
        assert index.runs() == []
        index.refresh()
        assert index.runs() == rows


@pytest.mark.parametrize("error", ["database or disk is full", "attempt to write a readonly database"])
def test_what_is_known_is_in_the_index_in_memory_too(tmp_path: Path, error: str) -> None:
    workspace = Workspace(tmp_path)
    first, *others = written.specs(seeds=tuple(map(str, range(60))))
    written.submit(workspace, [first], sweep="old")
    written.finish(workspace, first.id)
    with open_index(workspace) as index:
        index.refresh()
    written.submit(workspace, others, tag="tag2", sweep="new")
    with open_index(workspace) as index:
        with index.guarded() as store:
            if "full" in error:
                pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
                store.connection.execute(f"PRAGMA max_page_count = {pages}")
            else:
                store.connection.execute("PRAGMA query_only = ON")
        index.refresh()
        states = dict.fromkeys((spec.id for spec in others), "queued") | {first.id: "completed"}
        assert {row.id: row.state for row in index.runs()} == states
        assert [sweep.name for sweep in index.sweeps()] == ["new", "old"]
    with open_index(workspace) as index:
        index.refresh()
        assert {row.id: row.state for row in index.runs()} == states


def test_an_index_that_cannot_be_written_cannot_be_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path / "w")
    written.submit(workspace, written.specs())
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    mount = mount_of(tmp_path)
    assert mount is not None
    monkeypatch.setattr("attnctl.workspace.file_systems.NETWORK", {mount.kind: "NFS"})
    with open_index(workspace) as index:
        index.refresh()
        assert len(index.runs()) == 1
        assert not index.location.exists()
    with pytest.raises(StoreError, match="; set XDG_CACHE_HOME to a folder that you can write"):
        rebuild(workspace)


def test_an_unwritable_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the database .*file/x\.sqlite: "):
        open_store(tmp_path / "file" / "x.sqlite")


def test_a_cache_folder_that_cannot_be_written_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    with pytest.raises(StoreError, match="; set XDG_CACHE_HOME to a folder that you can write"):
        open_store(user_cache.folder() / "x.sqlite")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("kind", ["a folder", "a link"])
def test_an_index_in_a_cache_folder_that_somebody_else_prepared_is_not_opened(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As XDG_CACHE_HOME=/tmp/cache: they could have put an index with numbers of their choice into it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = user_cache.folder()
    if kind == "a link":
        (tmp_path / "theirs").mkdir()
        folder.symlink_to(tmp_path / "theirs")
    else:
        folder.mkdir(mode=0o755)
    open_in = tmp_path / "theirs" if kind == "a link" else folder
    os.chown(folder, 65534, 65534, follow_symlinks=False)
    words = "symbolic link" if kind == "a link" else "folder belongs to another user"
    with pytest.raises(StoreError, match=f"attnctl: this .*{words}; set XDG_CACHE_HOME to a folder") as caught:
        open_store(folder / "x.sqlite")
    assert caught.value.foreign, "so that commands say it, and keep the index in memory"
    assert not list(open_in.iterdir())


def test_a_workspace_without_runs_gets_no_file(tmp_path: Path) -> None:
    with open_index(Workspace(tmp_path)) as index:
        index.refresh()
        assert (index.runs(), index.sweeps(), index.placed()) == ([], [], [])
        assert list(tmp_path.iterdir()) == []
        written.submit(Workspace(tmp_path), written.specs())
        index.refresh()
        assert len(index.runs()) == 1
        assert index.location.is_file()


def _refresh(root: Path, barrier: Barrier, results: Queue[dict[str, list[str]]]) -> None:
    barrier.wait()
    with open_index(Workspace(root)) as index:
        index.refresh()
        results.put(written.contents(index))


def test_processes_that_create_and_fill_the_index_at_once_agree(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    runs = written.specs(seeds=tuple(map(str, range(150))))
    written.submit(workspace, runs, sweep="s")
    for spec in runs:
        written.finish(workspace, spec.id)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_refresh, args=(tmp_path, barrier, results)) for _ in range(3)]
    for process in processes:
        process.start()
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert found[0] == found[1] == found[2]
    assert len(found[0]["metrics"]) == 150 * 4 * 3
    assert [file.name for file in tmp_path.glob("*sqlite*")] == ["attnctl.sqlite"]


def test_an_ingestion_that_is_killed_is_taken_up_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    runs = written.specs(seeds=tuple(map(str, range(300))))
    written.submit(workspace, runs)
    for spec in runs:
        written.finish(workspace, spec.id)
    code = (
        "import os, sys; from pathlib import Path; from attnctl.workspace.layout import Workspace\n"
        "import attnctl.db.ingest as i\n"
        "from attnctl.db import open_index\nkept = i._write\n"
        "def write(connection, batch):\n    write.count += 1\n    kept(connection, batch)\n"
        "    if write.count == 2: os._exit(9)\n"
        "write.count = 0\ni._write = write\nopen_index(Workspace(Path(sys.argv[1]))).refresh()"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    with open_index(workspace) as index:
        assert 0 < len(index.runs()) < 300
        index.refresh()
        assert {row.state for row in index.runs()} == {"completed"}
        assert len(written.contents(index)["metrics"]) == 300 * 4 * 3


def test_on_a_network_file_system_the_index_is_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    one, two = (Workspace(tmp_path / name / "w") for name in ("a", "b"))
    for workspace in (one, two):
        workspace.root.mkdir(parents=True)
    assert location(one) == one.root / "attnctl.sqlite"
    mount = mount_of(tmp_path)
    assert mount is not None
    monkeypatch.setattr("attnctl.workspace.file_systems.NETWORK", {mount.kind: "NFS"})
    assert location(one).parent == tmp_path / "cache" / "attnctl"
    assert location(one) != location(two)
    written.submit(one, written.specs())
    with open_index(one) as index:
        index.refresh()
        assert len(index.runs()) == 1
    assert not (one.root / "attnctl.sqlite").exists()


RECURSION = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS number, x AS id FROM n"
MEMORY = "zeroblob(900000000)"
HOSTILE = {
    "a view that never ends in the place of a table": f"DROP TABLE result; CREATE VIEW result AS {RECURSION};",
    "a column that fills the memory": f"DROP TABLE run; CREATE TABLE run (number, id AS ({MEMORY}));",
    "a default that fills the memory": f"DROP TABLE task; CREATE TABLE task (tag, x DEFAULT ({MEMORY}));",
    "a check that fills the memory": f"DROP TABLE task; CREATE TABLE task (tag, CHECK (length({MEMORY}) > tag));",
    "an index of an expression": "CREATE INDEX x ON run (printf('%.*c', seed, 'x'));",
    "a trigger": f"CREATE TRIGGER x AFTER INSERT ON run BEGIN SELECT count(*) FROM ({RECURSION}); END;",
    "a virtual table": "DROP TABLE result; CREATE VIRTUAL TABLE result USING fts4(run, name, last, best);",
    "a missing table": "DROP TABLE metric;",
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_an_index_with_anything_but_plain_tables_is_emptied_before_it_is_asked(tmp_path: Path, attack: str) -> None:
    """Its application id and its version are those of a real one."""
    workspace = Workspace(tmp_path)
    written.submit(workspace, written.specs())
    with open_index(workspace) as index:
        index.refresh()
        expected, path = index.runs(), index.location
    connection = sqlite3.connect(path)
    connection.executescript(HOSTILE[attack])
    connection.close()
    with open_index(workspace) as index:
        assert index.runs() == []
        index.refresh()
        assert index.runs() == expected
        assert [index.history(run.id) for run in expected] == [[] for _ in expected]


def test_a_fresh_index_is_plain_and_has_the_tables_that_commands_use(tmp_path: Path) -> None:
    store = open_store(tmp_path / "x.sqlite")
    assert store.is_plain()
    assert store.connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'view'").fetchone() == (5,)
    store.close()
    assert set(schema.metadata.tables) == TABLES


def test_commands_and_frames_read_no_view_of_the_file(workspace: Workspace) -> None:
    """Each view of the file would compute for ever."""

    def everything() -> tuple[object, ...]:
        frames = load(workspace.root)
        with open_index(workspace) as index:
            rows = [(row.id, row.best, row.hyperparameters, index.history(row.id)) for row in index.runs()]
        return rows, frames.runs.to_dict(), frames.metrics.to_dict()

    expected = everything()
    connection = sqlite3.connect(location(workspace))
    for name in schema.VIEWS:
        connection.execute(f"DROP VIEW {name}")
        connection.execute(f"CREATE VIEW {name} AS {RECURSION}")
    connection.commit()
    connection.close()
    assert str(everything()) == str(expected)
    assert "kernel" in str(expected)
    assert len(re.findall("MetricRow", str(expected))) == 12


def test_texts_that_sqlite_cannot_hold_are_stored_with_question_marks(tmp_path: Path) -> None:
    store = open_store(tmp_path / "attnctl.sqlite")
    rows = [{"run": 1, "name": "plain", "value": "é"}, {"run": 1, "name": "torn", "value": "a\ud800b"}]
    with store.writing():
        store.upsert("hyperparameter", rows)
    found = store.connection.execute("SELECT name, value FROM hyperparameter ORDER BY name").fetchall()
    store.close()
    assert found == [("plain", "é"), ("torn", "a?b")]
