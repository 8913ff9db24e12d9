"""The ledger's schema moves forward only, in one transaction, with a copy of the file made first.

A ledger written by a newer version of this program is refused: guessing what its columns mean would be worse
than not starting.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from controlplane.errors import StoreError, StoreTooNewError
from controlplane.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database, migrations: Path = MIGRATIONS) -> None:
    """Bring the schema up to date. Raises ``StoreTooNewError`` when it is ahead of us."""
    config, script = _alembic(migrations)
    with database.read() as connection:
        there = _revision(connection)
    _refuse_unknown(database, script, there)
    if there == script.get_current_head():
        return
    if there is not None and database.sqlite:
        _copy(database.file, f"{database.file}.before-{script.get_current_head()}")
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check(database: Database, migrations: Path = MIGRATIONS) -> None:
    """For readers: the schema must be exactly ours."""
    _, script = _alembic(migrations)
    with database.read() as connection:
        there = _revision(connection)
    _refuse_unknown(database, script, there)
    if there != script.get_current_head():
        raise StoreError(
            f"{database} was written by an older version; start `controlplane serve` once to bring it up to date"
        )


def _alembic(migrations: Path) -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_unknown(database: Database, script: ScriptDirectory, there: str | None) -> None:
    if there is not None and there not in {r.revision for r in script.walk_revisions()}:
        raise StoreTooNewError(
            f"{database} was written by a newer version of this program (schema {there}); "
            f"this one knows up to {script.get_current_head()}"
        )


def _copy(source: str, target: str) -> None:
    """A consistent copy of a SQLite file, by its own backup interface; an unfinished copy never has the final name."""
    part = Path(f"{target}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(part)) as new:
        old.backup(new)
    part.replace(target)


def tables(connection: Connection) -> set[str]:
    """Names of the tables that are there."""
    return set(inspect(connection).get_table_names())
