"""SQL of guards that migrations share: what they say of a table, a list or a function stands in one place."""

from collections.abc import Iterable


def append_only(app: str, tables: Iterable[str]) -> str:
    """Return SQL by which rows of tables are only ever added; `<app>_refuse` is the function that refuses the rest.

    `tables` are without the app's name, which stands before each in the database.
    """
    return "".join(
        f"""
CREATE TRIGGER {app}_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {app}_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION
    {app}_refuse('{app}_{table}_append_only', 'facts are added, never changed');
"""
        for table in tables
    )


def listing_more(function: str, added: Iterable[str]) -> str:
    """Return SQL after which a function without arguments that gives a list of texts gives these too.

    What the list says so far is kept, whoever added to it.
    """
    return f"""
DO $do$
DECLARE listed text[] := {function}() || '{{{",".join(added)}}}'::text[];
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION {function}() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS '
                   '$moves$ SELECT %L::text[] $moves$', listed);
END $do$;
"""


def said_anew(function: str, before: str, after: str) -> str:
    """Return SQL that puts one piece of a function's text in another's place, wherever it stands, and keeps the rest.

    `function` is its name with the types of its arguments. Where the piece is not there, the migration fails.
    """
    quoted = [piece.replace("'", "''") for piece in (before, after)]
    return f"""
DO $do$
DECLARE said text := pg_get_functiondef('{function}'::regprocedure);
BEGIN
    IF position('{quoted[0]}' IN said) = 0 THEN
        RAISE EXCEPTION '% is not as it was made', '{function}';
    END IF;
    EXECUTE replace(said, '{quoted[0]}', '{quoted[1]}');
END $do$;
"""
