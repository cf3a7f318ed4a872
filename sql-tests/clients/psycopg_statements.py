"""psycopg 3 works as its users expect: parameters, types, transactions, COPY, cursors, errors, cancel."""

import datetime
import decimal
import json
import threading
import time
import uuid

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

UTC = datetime.timezone.utc


def check(met, expected):
    assert met == expected, f"expected {expected!r}, but met {met!r}"


def parameters_and_types(connection):
    """Each type comes back as it went, by text and by binary parameters and results."""
    values = {
        "b": ("boolean", True),
        "s": ("smallint", -32768),
        "i": ("integer", 2147483647),
        "l": ("bigint", -9223372036854775808),
        "r": ("real", 0.5),
        "d": ("double precision", 1.7976931348623157e308),
        "n": ("numeric(12,3)", decimal.Decimal("-12345.678")),
        "t": ("text", "täxt 'quoted' \\ \n"),
        "y": ("bytea", b"\x00\xff"),
        "da": ("date", datetime.date(2030, 1, 2)),
        "ti": ("time", datetime.time(23, 59, 59, 999999)),
        "ts": ("timestamp", datetime.datetime(2030, 1, 2, 3, 4, 5, 6)),
        "tz": ("timestamptz", datetime.datetime(2030, 1, 2, 3, 4, 5, 6, UTC)),
        "iv": ("interval", datetime.timedelta(days=2, seconds=3, microseconds=4)),
        "u": ("uuid", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        "j": ("jsonb", {"a": [1, None, "x"]}),
        "ai": ("integer[]", [1, None, 3]),
        "at": ("text[]", ["a b", "", None, "NULL"]),
    }
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in values.items())
    connection.execute(f"CREATE TABLE types (id int PRIMARY KEY, {columns})")
    names = list(values)
    insert = f"INSERT INTO types (id, {', '.join(names)}) VALUES (%s{', %s' * len(names)})"
    row = [Jsonb(value) if kind == "jsonb" else value for kind, value in values.values()]
    connection.execute(insert, [1, *row])
    connection.execute(insert, [2] + [None] * len(names))
    for binary in (False, True):
        cursor = connection.cursor(binary=binary, row_factory=dict_row)
        first, second = cursor.execute("SELECT * FROM types ORDER BY id").fetchall()
        for name, (_, value) in values.items():
            check((name, first[name]), (name, value))
            check(second[name], None)
    found = connection.execute("SELECT id FROM types WHERE t = %s AND tz = %s", [values["t"][1], values["tz"][1]])
    check(found.fetchall(), [(1,)])


def prepared_and_many(connection):
    """A statement run often is prepared, and executemany goes as one pipeline."""
    connection.execute("CREATE TABLE many (n int, v text)")
    connection.execute("CREATE MATERIALIZED VIEW many_sum AS SELECT count(*) AS c, sum(n) AS s FROM many")
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO many VALUES (%s, %s)", [(n, str(n)) for n in range(100)])
    for n in range(20):
        check(cursor.execute("SELECT v FROM many WHERE n = %s", [n], prepare=True).fetchone(), (str(n),))
    refresh(connection, "many_sum")
    check(cursor.execute("SELECT c, s FROM many_sum").fetchone(), (100, 4950))


def refresh(connection, view):
    """PostgreSQL's views do not follow their tables."""
    import os

    if os.environ["TARGET"] == "postgres":
        connection.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.Identifier(view)))


def transactions(connection):
    """Blocks commit at their end, roll back at an exception, and the session goes on."""
    connection.execute("CREATE TABLE ledger (id int PRIMARY KEY, n int)")
    with connection.transaction():
        connection.execute("INSERT INTO ledger VALUES (1, 1)")
        connection.execute("INSERT INTO ledger VALUES (2, 2)")
    try:
        with connection.transaction():
            connection.execute("INSERT INTO ledger VALUES (3, 3)")
            connection.execute("INSERT INTO ledger VALUES (1, 1)")
    except psycopg.errors.UniqueViolation as error:
        check(error.diag.sqlstate, "23505")
    check(connection.execute("SELECT count(*) FROM ledger").fetchone(), (2,))
    check(connection.info.transaction_status, psycopg.pq.TransactionStatus.IDLE)


def copies(connection):
    """COPY goes in and out by rows and blocks, in text and in binary."""
    connection.execute("CREATE TABLE copied (id int, v text, at timestamptz)")
    at = datetime.datetime(2030, 1, 1, tzinfo=UTC)
    cursor = connection.cursor()
    with cursor.copy("COPY copied FROM STDIN") as copy:
        for row in [(1, "a\tb", at), (2, None, None)]:
            copy.write_row(row)
    with cursor.copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text", "timestamptz"])
        copy.write_row((3, "c", at))
    with cursor.copy("COPY (SELECT id, v FROM copied ORDER BY id) TO STDOUT (FORMAT csv)") as copy:
        check(b"".join(bytes(block) for block in copy), b"1,a\tb\n2,\n3,c\n")
    check(cursor.execute("SELECT count(at) FROM copied").fetchone(), (2,))


def errors(connection):
    """Errors carry SQLSTATE, message and position, by simple and by extended protocol."""
    for arguments in ([], [[]]):
        try:
            connection.execute("SELECT nosuch FROM pg_class", *arguments)
            raise AssertionError("no error")
        except psycopg.errors.UndefinedColumn as error:
            check(error.diag.statement_position, "8")
            check("nosuch" in error.diag.message_primary, True)
    try:
        connection.execute("SELECT 1 / %s", [0])
        raise AssertionError("no error")
    except psycopg.errors.DivisionByZero:
        pass
    check(connection.execute("SELECT 1").fetchone(), (1,))


def cancels(connection):
    """A long statement is cancelled from another thread and the session goes on."""
    timer = threading.Timer(0.2, connection.cancel)
    timer.start()
    try:
        connection.execute(
            "SELECT count(*) FROM generate_series(1, 1000000) AS a, generate_series(1, 1000000) AS b"
            " WHERE a % 7 = b % 11"
        )
        raise AssertionError("it was not cancelled")
    except psycopg.errors.QueryCanceled as error:
        check(error.diag.sqlstate, "57014")
    timer.join()
    check(connection.execute("SELECT 2").fetchone(), (2,))


def sleeps(connection):
    """pg_sleep waits, and a statement that is past its time is cancelled."""
    begin = time.monotonic()
    connection.execute("SELECT pg_sleep(0.2)")
    check(time.monotonic() - begin >= 0.2, True)
    connection.execute("SET statement_timeout = '50ms'")
    try:
        connection.execute("SELECT pg_sleep(60)")
    except psycopg.errors.QueryCanceled:
        pass
    else:
        raise AssertionError("it was not cancelled")
    connection.execute("RESET statement_timeout")


def describes(connection):
    """Results tell the types that PostgreSQL has for them."""
    cursor = connection.execute("SELECT 1::int AS i, 'x' AS t, 1.5 AS n, now() AS tz, ARRAY[1] AS a")
    check([column.name for column in cursor.description], ["i", "t", "n", "tz", "a"])
    check([column.type_code for column in cursor.description], [23, 25, 1700, 1184, 1007])
    check(json.loads(connection.execute("SELECT '[1]'::json::text").fetchone()[0]), [1])


with psycopg.connect(autocommit=True) as main:
    for step in (parameters_and_types, prepared_and_many, transactions, copies, errors, cancels, sleeps, describes):
        try:
            step(main)
        except Exception as failure:
            raise SystemExit(f"{step.__name__}: {step.__doc__}\n{type(failure).__name__}: {failure}") from failure
