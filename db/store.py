"""The index's file: opening it, creating it safely beside others, emptying it, and transactions.

There is one kind of connection, sqlite3's. SQLAlchemy, which takes 0.25 s to import, describes the tables
(`attnctl.db.schema`) and is needed where they are made, not where rows are read or written.

The journal is SQLite's default, a rollback journal: it is safe on every file system and leaves one file that anybody
can copy or open read-only. A write-ahead log took as much CPU and at best a tenth less time for an ingestion.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from attnctl import user_cache
from attnctl.files import open_regular
from attnctl.spec import recipe_fields
from attnctl.values import SpecError
from attnctl.workspace.sharing import share_file

MEANING = 7
"""Raise it when the same tables are filled with other values than before; a change of the tables needs nothing."""


def schema_version(tables: bytes, recipe: Mapping[str, str], meaning: int = MEANING) -> int:
    """A positive 31-bit number that changes with the schema: SQLite keeps 32 bits of it in the file's header.

    tables: the text of schema.py. recipe: field name -> type; the table `spec` has a column for each.
    """
    parts = [tables, *(f"{name} {kind}".encode() for name, kind in recipe.items()), str(meaning).encode()]
    return int.from_bytes(hashlib.sha256(b"\n".join(parts)).digest()[:4]) >> 1 or 1


# Not from the tables themselves: they need SQLAlchemy, and a command that only reads does not import it.
VERSION = schema_version(
    Path(__file__).with_name("schema.py").read_bytes(),
    {name: str(field.type) for name, field in recipe_fields().items()},
)
"""Of an index that this code can read; one of another version is emptied, and filled again from the folders."""

APPLICATION_ID = int.from_bytes(b"attn")
"""SQLite's mark of whose file it is, in the header (sqlite.org/pragma.html#pragma_application_id)."""

_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID_AT = 68

TABLES = frozenset(
    {
        *("attempt", "hyperparameter", "incarnation", "metric", "result", "run", "spec", "stamp", "submission"),
        *("sweep", "sweep_run", "task"),
    }
)
"""The tables that commands read and write; they leave the views to those who open the file with other programs."""

_PLAIN_TABLE = re.compile(r'CREATE TABLE "?\w+"? ?\([\w\s,"()]*\)(\s*WITHOUT ROWID)?\s*')
_PLAIN_INDEX = re.compile(r"CREATE INDEX \w+ ON \w+ \([\w, ]+\)( WHERE final = 0)?")
_COMPUTED = re.compile(r"\b(AS|CHECK|DEFAULT|GENERATED|COLLATE)\b", re.IGNORECASE)
"""Words of a table with expressions, which SQLite computes when rows are read or written."""

BUSY_SECONDS = 60.0
"""How long one command waits for another's transaction, which lasts about a second."""


_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
"""SQLite's errors where a file or its journal may not be written, or finds no space (sqlite.org/rescode)."""


class StoreError(SpecError):
    """The index's file cannot be read or written; the message names it and says what helps.

    unwritable: it cannot be written here, for want of rights or of space; an index in memory does as well.
    foreign: there is a file that attnctl did not make. It is never changed; an index in memory does as well.
    """

    def __init__(self, message: str, *, unwritable: bool = False, foreign: bool = False) -> None:
        super().__init__(message)
        self.unwritable = unwritable or foreign
        self.foreign = foreign


class ForeignFileError(Exception):
    """The file in the place of the index was not made by attnctl; the message says what it is."""


class Store:
    """An open index. `connection` is for reading; what is written goes through `writing`."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, group: int | None = None) -> None:
        self.connection = connection
        self.path = path
        """None: in memory."""
        self.group = group
        """The id of the group that may write the file; None if only its owner may."""
        self._upserts: dict[str, tuple[str, list[str]]] = {}

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone among writers from its start: what is read in it nobody changes before its end.

        Inside another one, it is a part of that. Raises sqlite3.Error.
        """
        inside = self.connection.in_transaction
        if inside:
            yield self.connection
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # not after an error for which SQLite itself rolled back
                self.connection.execute("ROLLBACK")
            raise

    def upsert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, or replace those of the same primary key. A column for which a row has no value is NULL.

        Lone surrogates, which JSON can hold and SQLite cannot, become question marks.
        """
        if table not in self._upserts:
            self._upserts[table] = _upsert(self.connection, table)
        statement, columns = self._upserts[table]
        values = [tuple(map(row.get, columns)) for row in rows]
        try:
            self.connection.executemany(statement, values)
        except UnicodeEncodeError:
            self.connection.executemany(statement, [tuple(map(_storable, row)) for row in values])

    def empty(self) -> None:
        """Drop all that is in the index and make its tables anew, in one transaction."""
        from attnctl.db import schema

        with self.writing() as connection:
            self._check_ours()
            query = "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'table') AND name NOT LIKE 'sqlite%'"
            for kind, name in sorted(connection.execute(query).fetchall(), reverse=True):  # the views first
                quoted = name.replace('"', '""')
                connection.execute(f'DROP {kind} "{quoted}"')
            for statement in schema.statements():
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")

    def rebuilt(self, fill: Callable[[Store], None]) -> Store:
        """This index with what `fill` writes into an empty one; a new one in its place if this one's file is torn.

        It is filled in a temporary file beside this one's. Until that is whole, and if `fill` raises, this index is as
        before. Raises sqlite3.Error and OSError.
        """
        assert self.path is not None
        self._check_ours()
        with _made_aside(self.path, None) as aside, closing(Store(_connect(aside), aside)) as made:
            # Nobody else has this file, and it is deleted if it does not become whole.
            made.connection.execute("PRAGMA journal_mode = OFF")
            made.connection.execute("PRAGMA synchronous = OFF")
            with made.writing():
                fill(made)
            try:
                made.connection.backup(self.connection, progress=_give_up)
                return self
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                new = self.renewed(error)
                made.connection.backup(new.connection, progress=_give_up)
                return new

    def _check_ours(self) -> None:
        """Raise ForeignFileError for another program's database: the file may have been exchanged since its check."""
        ((owner,),) = self.connection.execute("PRAGMA application_id").fetchall()
        if owner != APPLICATION_ID and self.connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise ForeignFileError("a database of another program")

    def renewed(self, error: sqlite3.DatabaseError) -> Store:
        """An empty index in place of this one's file, when the error says that it is torn; else raises the error."""
        if self.path is None or error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise error
        self.close()
        _replace(self.path, self.group)
        return _current(self.path, self.group)

    def copied_to_memory(self) -> Store:
        """The same index in memory, or an empty one where this one's file cannot be read; the file is closed."""
        copy = Store(_connect(":memory:"), None)
        with suppress(sqlite3.Error):
            self.connection.backup(copy.connection)
        self.close()
        if copy.version() != VERSION:
            copy.close()
            return open_in_memory()
        return copy

    def version(self) -> int:
        """The schema version of what is in the file; 0 for an empty one."""
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    def is_plain(self) -> bool:
        """Whether the tables are all there and only hold values.

        A file that somebody made to harm could have a view in the place of a table, which computes for ever or as much
        as memory holds, or triggers.
        """
        tables = set()
        for kind, name, sql in self.connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall():
            if kind == "table":
                tables.add(name)
            if kind == "trigger" or not _is_plain(kind, sql):
                return False
        return tables >= TABLES

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def open_store(path: Path, group: int | None = None) -> Store:
    """The index in `path`, created if need be; emptied when it is of another schema version. Raises StoreError.

    A file that is not an index of attnctl is neither opened by SQLite nor replaced.

    group: the id of the group whose users share the file. One that we cannot write is then replaced.
    """
    if _is_cached(path):
        _check_cache(path)
    with clear(path):
        try:
            if group is not None and path.is_file() and not os.access(path, os.W_OK):
                _check_file(path)
                _replace(path, group)
            return _current(path, group)
        except sqlite3.OperationalError:  # locked, full, unreadable: the file itself may be whole
            raise
        except sqlite3.DatabaseError:  # not a database, or a torn one: it is but an index
            _replace(path, group)
            return _current(path, group)


def open_in_memory() -> Store:
    """An empty index that is nowhere on disk: where there is nothing yet, or where nothing can be written."""
    store = Store(_connect(":memory:"), None)
    store.empty()
    return store


@contextmanager
def clear(path: Path | None) -> Iterator[None]:
    """Turn SQLite's and the system's errors into one line that names the file; raises StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        remedy = "" if isinstance(error, sqlite3.OperationalError) else "; `attnctl db rebuild` makes it anew"
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        unwritable = code & 0xFF in _UNWRITABLE or code == sqlite3.SQLITE_IOERR_WRITE
        raise StoreError(f"{_named(path)}: {error}{remedy}", unwritable=unwritable) from error
    except ForeignFileError as error:
        message = f"{path} is {error}, not an index of attnctl, and stays as it is; move or delete it"
        raise StoreError(message, foreign=True) from error
    except OSError as error:
        raise StoreError(f"{_named(path)}: {error.strerror or error}{_elsewhere(path)}", unwritable=True) from error


def _upsert(connection: sqlite3.Connection, table: str) -> tuple[str, list[str]]:
    """The statement of `Store.upsert` and the columns of its values; the file itself says which a table has."""
    found = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (table,)).fetchall()
    columns = ", ".join(f'"{name}"' for name, _ in found)
    keys = ", ".join(f'"{name}"' for name, key in found if key)
    changing = ", ".join(f'"{name}" = excluded."{name}"' for name, key in found if not key)
    values = ", ".join("?" * len(found))
    action = f"UPDATE SET {changing}" if changing else "NOTHING"
    statement = f'INSERT INTO "{table}" ({columns}) VALUES ({values}) ON CONFLICT ({keys}) DO {action}'  # noqa: S608
    return statement, [name for name, _ in found]


def _elsewhere(path: Path | None) -> str:
    """How to move a file that lies in the user's cache folder: there is no home for it, or one without write access."""
    return "; set XDG_CACHE_HOME to a folder that you can write" if path is not None and _is_cached(path) else ""


def _is_cached(path: Path) -> bool:
    """Whether it lies in the user's cache folder and not in the workspace."""
    return path.is_relative_to(user_cache.folder())


def _named(path: Path | None) -> str:
    return f"the database {path}" if path else "the database in memory"


def _current(path: Path, group: int | None) -> Store:
    if not os.path.lexists(path):
        _create_file(path, group)
    _check_file(path)
    store = Store(_connect(path), path, group)
    try:
        if store.version() != VERSION or not store.is_plain():
            store.empty()
    except BaseException:
        store.close()
        raise
    return store


def _give_up(status: int, _remaining: int, _total: int) -> None:
    """Raise what SQLite raises when another command has locked the file for BUSY_SECONDS; `backup` would go on."""
    if status & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        raise sqlite3.OperationalError("database is locked")


def _storable(value: object) -> object:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _is_plain(kind: str, sql: object) -> bool:
    """Whether a table or index computes nothing. sql: what made it; None for an index that SQLite adds by itself."""
    if kind == "table":
        return isinstance(sql, str) and bool(_PLAIN_TABLE.fullmatch(sql)) and not _COMPUTED.search(sql)
    return kind != "index" or sql is None or bool(_PLAIN_INDEX.fullmatch(str(sql)))


def _check_cache(path: Path) -> None:
    """Raise StoreError if another user could have put an index into the cache folder."""
    try:
        user_cache.own()
    except OSError as error:
        message = f"{error.filename}: {error.strerror}{_elsewhere(path)}"
        raise StoreError(message, unwritable=True, foreign=error.errno in user_cache.PREPARED) from error


def _check_file(path: Path) -> None:
    """Raise ForeignFileError unless the file is an index, or empty.

    The header is read here: SQLite, asked for it, would first play back a journal that lies beside the file.
    """
    if path.is_symlink():
        raise ForeignFileError("a symbolic link")
    if not path.is_file():
        raise ForeignFileError("not a regular file")
    with open_regular(path, follow=False) as stream:
        header = stream.read(_HEADER_BYTES)
    if not header:
        return
    if not header.startswith(_MAGIC):
        raise ForeignFileError("not a database")
    if int.from_bytes(header[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4]) != APPLICATION_ID:
        raise ForeignFileError("a database of another program")


def _connect(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")  # kB: a chunk of ingestion stays in memory until it is committed
    return connection


def _create_file(path: Path, group: int | None) -> None:
    """Make an empty index aside and link it into place: of two makers one wins, and nobody sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _made_aside(path, group) as aside, suppress(FileExistsError):
        os.link(aside, path)


def _replace(path: Path, group: int | None) -> None:
    _check_file(path)
    path.with_name(path.name + "-journal").unlink(missing_ok=True)  # the broken file's: never to be played back
    with _made_aside(path, group) as aside:
        aside.replace(path)


@contextmanager
def _made_aside(path: Path, group: int | None) -> Iterator[Path]:
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        store = Store(_connect(aside), aside)
        try:
            store.empty()
        finally:
            store.close()
        if group is not None:  # SQLite creates files with mode 0644, and gives a journal the mode of its database
            share_file(aside, group)
        yield aside
    finally:
        aside.unlink(missing_ok=True)
