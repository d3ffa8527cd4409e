"""All that a schema of the database holds beside rows, in the database's own words."""

from typing import Any

from django.db import connection

_HERE = "(SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)"
_QUESTIONS = {
    "tables": f"""
        SELECT c.relname, c.relkind::text, c.relpersistence::text, c.reloptions::text,
               obj_description(c.oid, 'pg_class')
          FROM pg_class c WHERE c.relnamespace = {_HERE}""",
    "columns": f"""
        SELECT c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
               a.attgenerated::text, a.attcollation::regcollation::text, pg_get_expr(d.adbin, d.adrelid)
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relnamespace = {_HERE}""",
    "constraints": f"""
        SELECT conrelid::regclass::text, conname, condeferrable, condeferred, convalidated, pg_get_constraintdef(oid)
          FROM pg_constraint WHERE connamespace = {_HERE}""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = %(schema)s",
    "triggers": f"""
        SELECT t.tgrelid::regclass::text, t.tgname, t.tgenabled::text, pg_get_triggerdef(t.oid)
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE NOT t.tgisinternal AND c.relnamespace = {_HERE}""",
    "functions": f"""
        SELECT oid::regprocedure::text, pg_get_functiondef(oid)
          FROM pg_proc WHERE prokind IN ('f', 'p') AND pronamespace = {_HERE}""",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by, cycle
          FROM pg_sequences WHERE schemaname = %(schema)s""",
    "types": f"SELECT typname, typtype::text FROM pg_type WHERE typnamespace = {_HERE}",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = %(schema)s",
}


def everything(*, schema: str = "public") -> dict[str, list[Any]]:
    """Returns sort → what there is of it, in the order of names; nothing in it depends on when it was made."""
    told = {}
    with connection.cursor() as cursor:
        for sort, question in _QUESTIONS.items():
            cursor.execute(question, {"schema": schema})
            told[sort] = sorted(cursor.fetchall(), key=repr)
    return told
