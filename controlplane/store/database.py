"""One door to the database: one writer at a time, readers beside it, and errors in our own words.

SQLite: WAL, foreign keys, a full sync per commit, ``begin immediate`` for every write, and a lock file
that keeps a second process out. PostgreSQL: several processes may share it; each write takes an advisory
lock, so that there is one writer among all of them too. Reads never wait for the writer.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from controlplane.errors import StoreBusyError, StoreError

BUSY_TIMEOUT_MS = 5000
"""How long SQLite waits for another connection's lock before it says busy."""

STATEMENT_TIMEOUT_MS = 30_000
"""PostgreSQL gives up on one statement after this: a ledger that hangs would hang the walk."""

READERS = 60
"""SQLite connections at once, at most: more than the web server has threads, and a connection is only a file handle."""

LOCK_TIMEOUT_MS = 5000
"""How long PostgreSQL waits for another writer before it says busy."""

IDLE_TIMEOUT_MS = 10_000
"""PostgreSQL ends the transaction of a process that stopped in its middle: else it would hold the lock for ever."""

LOCK_NOT_AVAILABLE = "55P03"

ADVISORY_KEY = 0x6C6C6D666C656574
"""The advisory lock that stands for "I am writing to this ledger" ("llmfleet")."""


class Database:
    """Connections to one ledger. ``read_only``: no lock is taken and nothing can be written.

    Raises ``StoreBusyError`` when another process holds the SQLite file, ``StoreError`` when it cannot be opened.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = parsed(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.read_only = read_only
        self._writing = threading.RLock()
        self._lock_file: int | None = None
        self._one_moment = {} if self.sqlite else {"isolation_level": "REPEATABLE READ"}
        """What makes all reads of a transaction see the same; SQLite's always do."""
        if self.sqlite and read_only and not Path(self.file).exists():
            raise StoreError(f"there is no ledger at {self.file}")
        self._engine = self._connect()
        try:
            if not read_only:
                self._hold()
        except BaseException:
            self.close()
            raise

    @property
    def file(self) -> str:
        """Path of the SQLite file."""
        return self.url.database or ""

    def __str__(self) -> str:
        return self.file if self.sqlite else self.url.render_as_string(hide_password=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is durable after the block, or none of it."""
        if self.read_only:
            raise StoreError(f"{self} is open for reading only")
        with (
            self._writing,
            self._ours(),
            self._engine.connect() as connection,
            connection.execution_options(writes=True).begin(),
        ):
            if not self.sqlite:
                connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": ADVISORY_KEY})
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """The ledger as it is at the first question, beside whatever is being written."""
        with (
            self._ours(),
            self._engine.connect() as connection,
            connection.execution_options(**self._one_moment).begin(),
        ):
            yield connection

    def close(self) -> None:
        """Let go of everything; the lock last."""
        self._engine.dispose()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _connect(self) -> Engine:
        if not self.sqlite:
            limits = {
                "statement_timeout": STATEMENT_TIMEOUT_MS,
                "lock_timeout": LOCK_TIMEOUT_MS,
                "idle_in_transaction_session_timeout": IDLE_TIMEOUT_MS,
            }
            options = " ".join(f"-c {name}={value}" for name, value in limits.items())
            try:
                return create_engine(
                    self.url, pool_pre_ping=True, connect_args={"options": options, "connect_timeout": 5}
                )
            except ModuleNotFoundError as error:
                raise StoreError("PostgreSQL needs the extra: pip install 'llm-controlplane[postgres]'") from error
        try:
            Path(self.file).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the directory of {self.file}: {error.strerror}") from error
        engine = create_engine(self.url, connect_args={"check_same_thread": False}, max_overflow=READERS)
        event.listen(engine, "connect", self._pragmas)
        event.listen(engine, "begin", _begin)
        return engine

    def _pragmas(self, connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # else the driver commits DDL behind our back; see _begin
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "query_only = on" if self.read_only else "journal_mode = wal",
            "synchronous = full",
            "foreign_keys = on",
        ):
            connection.execute(f"pragma {pragma}").close()

    def _hold(self) -> None:
        """Keep a second process out of a SQLite file. PostgreSQL is only asked whether it is there."""
        if not self.sqlite:
            with self._ours(), self._engine.connect():
                return
        try:
            self._lock_file = os.open(f"{self.file}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"cannot write beside {self.file}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreBusyError(
                f"another control plane holds {self.file} ({self.file}.lock); stop it, or give this one its own "
                "store.url: SQLite serves one process, PostgreSQL several"
            ) from error

    @contextmanager
    def _ours(self) -> Iterator[None]:
        """Errors of the library and the driver, in our own words."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._said(error) from error

    def _said(self, error: SQLAlchemyError) -> StoreError:
        words = str(error.orig if isinstance(error, DBAPIError) else error).strip().split("\n")[0]
        if "I/O error" in words:
            self._engine.dispose()  # after a failed sync nothing this connection believes can be trusted
        if "locked" in words or getattr(getattr(error, "orig", None), "sqlstate", "") == LOCK_NOT_AVAILABLE:
            return StoreBusyError(f"{self}: {words}")
        return StoreError(f"{self}: {words}")


def _begin(connection: Connection) -> None:
    """Begin ourselves: a write takes the lock at once instead of failing half way up."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("begin immediate" if writes else "begin")


def parsed(url: str) -> URL:
    """A store URL. Raises ``StoreError`` for what we cannot use; a password in it is never repeated."""
    try:
        made = make_url(url)
        if made.drivername in ("postgres", "postgresql"):
            made = made.set(drivername="postgresql+psycopg")
        made.get_dialect()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise StoreError(
            "store.url is not a database we know; write sqlite:///FILE or postgresql://HOST/NAME"
        ) from error
    if made.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"store.url names {made.get_backend_name()}; write sqlite:///FILE or postgresql://HOST/NAME")
    if made.get_backend_name() == "sqlite" and made.database in (None, "", ":memory:"):
        raise StoreError("a ledger in memory forgets everything at the next start; write sqlite:///FILE")
    return made
