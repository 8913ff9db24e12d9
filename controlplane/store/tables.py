"""The ledger's tables. Instants are whole microseconds since 1970 in UTC; ``body`` is a value written by a codec.

What is asked for by column has a column; everything else lives in ``body``, so a new field of the model
needs no migration. Changing anything here needs one (``migrations/versions``).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

meta = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

cycles = Table(
    "cycles",
    meta,
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("took", Text, nullable=False),
    Column("findings", Integer, nullable=False),
    Column("decisions", Integer, nullable=False),
)
"""One row per tick that was kept: proof that it was, and how long each step took."""

snapshot = Table(
    "snapshot",
    meta,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The newest cycle, with the newest column of each reading: what pages show right after a restart."""

findings = Table(
    "findings",
    meta,
    Column("id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("role", Text, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("closed", BigInteger),
    Column("body", Text, nullable=False),
    Index(None, "closed"),
    Index(None, "role", "seen"),
    Index(None, "seen"),
)

recommendations = Table(
    "recommendations",
    meta,
    Column("id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("newest", Boolean, nullable=False),
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("by", Text),
    Column("reason", Text),
    Column("decided", BigInteger),
    Column("first_by", Text),
    Column("first_at", BigInteger),
    Column("shape", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "newest", "state"),
    Index(None, "role", "seen"),
)
"""``shape``: verdict and objections of the last stored decision, to tell whether the next one differs.
``first_by``, ``first_at``: the first of two approvals of this version, where two people must approve."""

policies = Table("policies", meta, Column("digest", Text, primary_key=True), Column("body", Text, nullable=False))

inputs = Table(
    "inputs",
    meta,
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("policy", Text, ForeignKey("policies.digest"), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""All that a tick's decisions were made from; only for ticks with a decision that is new or differs."""

decisions = Table(
    "decisions",
    meta,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("role", Text, nullable=False),
    Column("recommendation", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "at"),
    Index(None, "recommendation", "at"),
    Index(None, "role", "at"),
)

changes = Table(
    "changes",
    meta,
    Column("id", Text, primary_key=True),
    Column("recommendation", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("receipt", Text),
    Index(None, "at"),
    Index(None, "state"),
    Index(None, "recommendation", "at"),
    Index(None, "role", "at"),
)
"""The intent log: a row is ``sending`` before the effect and something else once we know what became of it."""

outcomes = Table(
    "outcomes",
    meta,
    Column("change", Text, ForeignKey("changes.id"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", Text, nullable=False),
)

beliefs = Table("beliefs", meta, Column("role", Text, primary_key=True), Column("body", Text, nullable=False))

reading_codes = Table(
    "reading_codes",
    meta,
    Column("code", Integer, primary_key=True, autoincrement=False),
    Column("reading", Text, nullable=False, unique=True),
)
"""Which number stands for which reading inside a packed row."""

role_points = Table(
    "role_points",
    meta,
    Column("role", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "at"),
    sqlite_with_rowid=False,
)

rollups = Table(
    "rollups",
    meta,
    Column("role", Text, primary_key=True),
    Column("span", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "span", "at"),
    sqlite_with_rowid=False,
)
"""Means over ``span`` seconds from ``at`` on, each with the number of ticks behind it."""

money = Table(
    "money",
    meta,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("role", Text, primary_key=True),
    Column("bucket", Text, primary_key=True),
    Column("dollars", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""Dollars of one hour by role (empty: nobody's) and bucket; ``seconds``: of the hour, how much they were known for."""

tokens = Table(
    "tokens",
    meta,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("role", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""Tokens delivered in one hour, by role and kind."""

marks = Table("marks", meta, Column("name", Text, primary_key=True), Column("at", BigInteger, nullable=False))
"""How far a job has come."""

outbox = Table(
    "outbox",
    meta,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("group", Text, nullable=False),
    Column("spoken", Text),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("claimed", BigInteger),
    Column("told", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("why", Text),
    Column("body", Text, nullable=False),
    Index(None, "state", "due"),
    Index(None, "claimed"),
)
"""Notes waiting to be told. ``spoken`` is the group under which it was told, a storm's for example."""

audit = Table(
    "audit",
    meta,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_audit_what", "what", "at"),
)
"""Append-only, each line hashed together with the one before; the database itself refuses to change a line."""

sessions = Table(
    "sessions",
    meta,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("over", BigInteger),
    Column("calls", BigInteger, nullable=False),
    Column("weighted", Float, nullable=False),
    Column("dollars", Float),
    Column("fanout", Integer, nullable=False),
    Column("lately", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("spans", LargeBinary, nullable=False),
    Index(None, "ended", "last"),
    Index(None, "role", "ended"),
    Index(None, "last"),
)
"""One row per session; ``role`` is empty for one that began at none of ours. Columns repeat what is asked for."""

session_calls = Table(
    "session_calls",
    meta,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "at"),
    sqlite_with_rowid=False,
)
"""Which calls were told lately, as 64 bits of a hash: the same one told again is not counted again."""

session_counters = Table(
    "session_counters",
    meta,
    Column("tenant", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("labels", Text, primary_key=True),
    Column("value", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""Series of our metrics page that only grow; ``labels``: JSON of the values after the tenant."""

lease = Table(
    "lease",
    meta,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("beat", BigInteger, nullable=False),
)
"""One row: who leads (empty: nobody), the number of its lead, and a count that moves while it is alive."""

stop = Table(
    "stop",
    meta,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)
