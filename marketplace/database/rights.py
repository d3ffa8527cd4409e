"""What the application's role may do: read and add everywhere, change what changes, and nothing that unmakes a fact.

Nobody lists the facts. A table that must only grow has statement triggers that refuse whatever would change it, of a
function whose name ends in `refuse` or `refuse_change`; the rights are read off these triggers and set to match them,
so that a table of tomorrow's migration is covered by tomorrow's `migrate`. Why: docs/decisions/0027-database-roles.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from psycopg import sql

RIGHTS_LOCK = 0x416C  # two who set rights at once would trip over each other's rows of the catalog
_READ_ONLY = {"django_migrations"}  # what was migrated is the owner's to say

# A trigger that is asked only outside of other triggers guards what triggers keep: balances, queues.
_TABLES = """
SELECT c.relname, c.relispartition,
       ARRAY(SELECT a.attname FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = ''
                AND a.attgenerated = '' ORDER BY a.attnum) AS columns,
       ARRAY(SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
              WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY a.attnum) AS key,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attidentity <> '') AS numbered,
       ARRAY(SELECT DISTINCT o.name FROM guards g JOIN (VALUES ('INSERT', 4), ('DELETE', 8), ('UPDATE', 16))
                                                       o (name, bit) ON g.bits & o.bit > 0
              WHERE g.tgrelid = c.oid) AS refused,
       EXISTS (SELECT FROM guards g WHERE g.tgrelid = c.oid AND g.kept) AS kept
  FROM pg_class c
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
 ORDER BY c.relname
"""
_GUARDS = """
WITH guards AS MATERIALIZED (
    SELECT tgrelid, bits, condition IS NOT NULL AS kept
      FROM (SELECT t.tgrelid, t.tgtype::int AS bits, CASE WHEN t.tgtype & 3 = 2 THEN pg_get_expr(t.tgqual, t.tgrelid)
                                                          ELSE 'a row' END AS condition
              FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
             WHERE NOT t.tgisinternal AND t.tgattr = '' AND p.proname ~ '_refuse(_change)?$') found
     WHERE condition IS NULL OR condition = '(pg_trigger_depth() = 0)'
)
"""

# Trigger functions of ours, and what else runs as its owner; those of extensions and of the queue are not ours.
_FUNCTIONS = """
SELECT p.oid::regprocedure::text, p.prorettype = 'trigger'::regtype FROM pg_proc p
 WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind = 'f'
   AND (p.prorettype = 'trigger'::regtype OR p.prosecdef) AND NOT starts_with(p.proname, 'procrastinate')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
_UNSAFE = """
   AND NOT (p.prosecdef AND EXISTS (SELECT FROM unnest(p.proconfig) AS said WHERE starts_with(said, 'search_path=')))
"""


@dataclass(frozen=True)
class Table:
    """A table, and what its own triggers refuse to everybody: some of INSERT, UPDATE and DELETE.

    `columns` are those that a row may be written with: not the number that the database gives it. `kept` tells that
    triggers write what they refuse to others.
    """

    name: str
    is_partition: bool
    columns: tuple[str, ...]
    key: tuple[str, ...]
    is_numbered: bool
    refused: frozenset[str]
    kept: bool

    @property
    def is_fact(self) -> bool:
        """Tell whether rows are only ever added."""
        return {"UPDATE", "DELETE"} <= self.refused and not self.kept

    def rights(self) -> dict[str, tuple[str, ...]]:
        """Return right → the columns that it is for; none names the whole table.

        A partition is reached through its table. A fact's number comes from its sequence, so that nobody writes one
        among those of the past. Locking a row takes UPDATE of some column, so there it is for the key, and the
        trigger refuses whoever uses it for more.
        """
        if self.is_partition:
            return {}
        if self.name in _READ_ONLY:
            return {"SELECT": ()}
        all_rights = ("SELECT", "INSERT", "UPDATE", "DELETE")
        rights: dict[str, tuple[str, ...]] = {right: () for right in all_rights if right not in self.refused}
        if self.is_fact and self.is_numbered and "INSERT" in rights:
            rights["INSERT"] = self.columns
        if self.is_fact:
            rights["UPDATE"] = self.key
        return rights


def tables() -> list[Table]:
    """Return the tables of the schema, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_GUARDS + _TABLES)
        return [
            Table(name, partition, tuple(columns), tuple(key), numbered, frozenset(refused), kept)
            for name, partition, columns, key, numbered, refused, kept in cursor.fetchall()
        ]


@transaction.atomic
def secure_functions() -> None:
    """Let trigger functions run as their owner, on a fixed search path, and let nobody else attach them to tables.

    What is no trigger's and runs as its owner by its own word gets the same path, and is for those who are given it.

    They keep balances and queues that no role but the owner's may write. Attached to a table of one's own they would
    do so for whoever made it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s), current_schema()", [RIGHTS_LOCK])
        _locked, schema = cursor.fetchone()
        path = sql.SQL("pg_catalog, {}, pg_temp").format(sql.Identifier(schema))
        cursor.execute(_FUNCTIONS + _UNSAFE)
        for function, _of_trigger in cursor.fetchall():
            name = sql.SQL(function)  # as the database itself writes it, quotes and all
            cursor.execute(sql.SQL("ALTER FUNCTION {} SECURITY DEFINER SET search_path = {}").format(name, path))
        cursor.execute(_FUNCTIONS)
        for function, _of_trigger in cursor.fetchall():
            cursor.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(sql.SQL(function)))


@transaction.atomic
def set_rights(*, role: str) -> None:
    """Give the role what the application needs on database, schema, tables, sequences and functions; take all else.

    For whoever owns them all. A second call changes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s), current_database(), current_schema()", [RIGHTS_LOCK])
        _locked, database, schema = cursor.fetchone()
        names = {name: sql.Identifier(value) for name, value in (("r", role), ("d", database), ("s", schema))}
        for statement in _of_schema():
            cursor.execute(sql.SQL(statement).format(**names))
        cursor.execute(_FUNCTIONS)
        for function, of_trigger in cursor.fetchall():
            grant = sql.SQL(
                "REVOKE EXECUTE ON FUNCTION {} FROM {}" if of_trigger else "GRANT EXECUTE ON FUNCTION {} TO {}"
            )
            cursor.execute(grant.format(sql.SQL(function), names["r"]))
        for table in tables():
            for right, columns in table.rights().items():
                some = sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
                cursor.execute(
                    sql.SQL("GRANT {} {} ON {} TO {}").format(
                        sql.SQL(right), some if columns else sql.SQL(""), sql.Identifier(table.name), names["r"]
                    )
                )


def _of_schema() -> Iterator[str]:
    """Yield what holds for all: connect and look up, make nothing, not even for a while."""
    yield "REVOKE TEMPORARY, CREATE ON DATABASE {d} FROM PUBLIC"
    yield "REVOKE ALL ON DATABASE {d} FROM {r}"
    yield "GRANT CONNECT ON DATABASE {d} TO {r}"
    yield "REVOKE CREATE ON SCHEMA {s} FROM PUBLIC"
    yield "REVOKE ALL ON SCHEMA {s} FROM {r}"
    yield "GRANT USAGE ON SCHEMA {s} TO {r}"
    yield "REVOKE ALL ON ALL TABLES IN SCHEMA {s} FROM PUBLIC, {r}"
    yield "REVOKE ALL ON ALL SEQUENCES IN SCHEMA {s} FROM PUBLIC, {r}"
    yield "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {s} TO {r}"


_ROLE = """
SELECT r.rolsuper, concat_ws(', ', CASE WHEN r.rolcreaterole THEN 'make roles' END,
                             CASE WHEN r.rolcreatedb THEN 'make databases' END,
                             CASE WHEN r.rolreplication THEN 'replicate' END,
                             CASE WHEN r.rolbypassrls THEN 'bypass row security' END,
                             CASE WHEN has_schema_privilege(r.oid, current_schema(), 'CREATE') THEN 'create tables' END,
                             CASE WHEN has_database_privilege(r.oid, current_database(), 'TEMPORARY')
                                  THEN 'create temporary tables' END,
                             CASE WHEN has_parameter_privilege(r.oid, 'session_replication_role', 'SET')
                                  THEN 'switch triggers off' END)
  FROM pg_roles r WHERE r.rolname = %s
"""
# Who owns what, and whether the role is or may become them.
_OWNED = """
SELECT count(*), min(c.relname) FROM pg_class c
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v', 'm')
   AND pg_has_role(%s, c.relowner, 'MEMBER')
"""
_HELD = """
SELECT c.relname FROM pg_class c
  JOIN unnest(%s::text[], %s::text[], %s::text[]) AS due (name, refused, key) ON due.name = c.relname
  CROSS JOIN (SELECT %s::name AS name) r
 WHERE c.relnamespace = current_schema()::regnamespace
   AND (has_table_privilege(r.name, c.oid, 'TRUNCATE, TRIGGER')
        OR strpos(due.refused, 'INSERT') > 0 AND has_any_column_privilege(r.name, c.oid, 'INSERT')
        OR strpos(due.refused, 'DELETE') > 0 AND has_table_privilege(r.name, c.oid, 'DELETE')
        OR strpos(due.refused, 'UPDATE') > 0 AND EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND a.attname <> ALL (string_to_array(due.key, ' '))
               AND has_column_privilege(r.name, c.oid, a.attnum, 'UPDATE')))
 ORDER BY c.relname
"""


def excess(*, role: str) -> list[str]:
    """Return what the role may do beyond what the application needs: the ends of sentences that begin with “it”."""
    guarded = tables()
    with connection.cursor() as cursor:
        cursor.execute(_ROLE, [role])
        superuser, more = cursor.fetchone()
        if superuser:
            return ["is a superuser"]
        cursor.execute(_OWNED, [role])
        owned, first = cursor.fetchone()
        if owned:  # and so may do whatever it likes with them
            return [f"owns {owned} tables and sequences, {first} among them"]
        cursor.execute(
            _HELD,
            [
                [table.name for table in guarded],
                [" ".join(table.refused) for table in guarded],
                [" ".join(table.key if table.is_fact else ()) for table in guarded],
                role,
            ],
        )
        held = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            f"SELECT count(*) FROM ({_FUNCTIONS} AND p.prorettype = 'trigger'::regtype"
            " AND has_function_privilege(%s, p.oid, 'EXECUTE')) found",
            [role],
        )
        (functions,) = cursor.fetchone()
    found = [f"may {more}"] if more else []
    found += [f"may change what is only added to, in {len(held)} tables, {held[0]} among them"] if held else []
    found += [f"may attach {functions} functions to tables that run as the owner"] if functions else []
    return found
