"""Opening a ledger: one process at a time, never a newer schema, and a migration that fails changes nothing."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from controlplane.errors import StoreBusyError, StoreError, StoreTooNewError
from controlplane.store import schema
from controlplane.store.database import Database
from controlplane.store.ledger import Ledger, open_ledger
from controlplane.store.tables import meta
from tests.builders import a_finding
from tests.store.steps import keep, tick

NEXT = '''"""A later step."""
from alembic import op
revision, down_revision, branch_labels, depends_on = "9000", "{head}", None, None
def upgrade():
    op.execute("create table later (id integer primary key)")
    op.execute("insert into later (id) values (1)")
    {then}
'''

HEAD = str(ScriptDirectory(str(schema.MIGRATIONS)).get_current_head())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A copy of the migrations to which a test may add."""
    return Path(shutil.copytree(schema.MIGRATIONS, tmp_path / "steps", ignore=shutil.ignore_patterns("__pycache__")))


def test_the_migrations_make_exactly_the_tables_the_code_knows(ledger: Ledger) -> None:
    with ledger._database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), meta) == []


def test_what_was_kept_is_there_after_closing_and_opening(url: str) -> None:
    first = open_ledger(url)
    keep(first, tick(0, findings=(a_finding(),)))
    first.close()
    second = open_ledger(url)
    assert [f.finding for f in second.findings()] == [a_finding()]
    second.close()


def test_a_second_control_plane_of_one_file_is_refused_and_told_which(file: Path) -> None:
    ledger = open_ledger(f"sqlite:///{file}")
    with pytest.raises(StoreBusyError, match=r"ledger\.db.*SQLite serves one process"):
        open_ledger(f"sqlite:///{file}")
    ledger.close()


def test_a_second_process_is_refused_until_the_first_lets_go(file: Path) -> None:
    ledger = open_ledger(f"sqlite:///{file}")
    program = f"from controlplane.store.ledger import open_ledger; open_ledger('sqlite:///{file}').close()"
    busy = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "StoreBusyError" in busy.stderr and str(file) in busy.stderr
    ledger.close()
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_it_can_be_read_while_another_process_holds_it(ledger: Ledger, url: str) -> None:
    keep(ledger, tick(0, findings=(a_finding(),)))
    reader = open_ledger(url, read_only=True)
    assert len(reader.findings()) == 1
    with pytest.raises(StoreError, match="reading only"):
        reader.stop("ada", "x", tick(1).at)
    reader.close()


def test_reading_a_ledger_that_is_not_there_makes_none(file: Path) -> None:
    with pytest.raises(StoreError, match="no ledger at"):
        open_ledger(f"sqlite:///{file}", read_only=True)
    assert not file.exists()


def test_reading_an_empty_database_says_what_to_do(file: Path) -> None:
    file.touch()
    with pytest.raises(StoreError, match="controlplane serve"):
        open_ledger(f"sqlite:///{file}", read_only=True)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_schema_is_refused(ledger: Ledger, url: str, read_only: bool) -> None:
    with ledger._database.write() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    ledger.close()
    with pytest.raises(StoreTooNewError, match="schema 9999"):
        open_ledger(url, read_only=read_only)


def test_an_upgrade_makes_a_copy_first(file: Path, steps: Path) -> None:
    ledger = open_ledger(f"sqlite:///{file}")
    keep(ledger, tick(0, findings=(a_finding(),)))
    ledger.close()
    (steps / "versions" / "r9000_later.py").write_text(NEXT.format(head=HEAD, then=""))
    database = Database(f"sqlite:///{file}")
    schema.upgrade(database, steps)
    with database.read() as connection:
        assert "later" in schema.tables(connection)
    database.close()
    with closing(sqlite3.connect(f"{file}.before-9000")) as copy:
        assert copy.execute("select version_num from alembic_version").fetchone() == (HEAD,)
        assert copy.execute("select count(*) from findings").fetchone() == (1,)


def test_an_upgrade_that_fails_half_way_leaves_the_old_schema(url: str, steps: Path) -> None:
    open_ledger(url).close()
    (steps / "versions" / "r9000_later.py").write_text(
        NEXT.format(head=HEAD, then="op.execute('select no_such_column from audit')")
    )
    database = Database(url)
    with pytest.raises(StoreError, match="no_such_column"):
        schema.upgrade(database, steps)
    with database.read() as connection:
        assert "later" not in schema.tables(connection)
        assert connection.scalar(text("select version_num from alembic_version")) == HEAD
    database.close()
    open_ledger(url).close()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("sqlite://", "forgets everything"),
        ("sqlite:///:memory:", "forgets everything"),
        ("mysql://host/name", "write sqlite:///FILE"),
        ("nonsense", "write sqlite:///FILE"),
        ("postgresql://ada:hunter2@[::1/x", "write sqlite:///FILE"),
    ],
)
def test_a_url_we_cannot_use_says_what_to_write_and_repeats_no_password(wrong: str, words: str) -> None:
    with pytest.raises(StoreError, match=words) as refused:
        open_ledger(wrong)
    assert "hunter2" not in str(refused.value)


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(StoreError) as refused:
        open_ledger("postgresql://ada:hunter2@127.0.0.1:1/name")
    assert "127.0.0.1" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused(file: Path) -> None:
    file.write_bytes(b"not a database at all, but long enough to be one" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_ledger(f"sqlite:///{file}")


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    with pytest.raises(StoreError, match="here"):
        open_ledger(f"sqlite:///{tmp_path / 'here' / 'ledger.db'}")


def test_a_full_disk_stops_writes_and_leaves_what_is_there_readable(file: Path) -> None:
    ledger = open_ledger(f"sqlite:///{file}")
    keep(ledger, tick(0, findings=(a_finding(),)))
    with ledger._database._engine.connect() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar()
        connection.exec_driver_sql(f"pragma max_page_count = {pages}")

    def go_on() -> None:
        for number in range(1, 400):
            keep(ledger, tick(number, findings=(a_finding(),)))

    with pytest.raises(StoreError, match="full"):
        go_on()
    assert len(ledger.findings()) == 1
    assert ledger.verify_audit() is None
    ledger.close()
