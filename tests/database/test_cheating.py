"""Dave has the application's connection to the database and knows SQL; the books stay as they are."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from embedded.postgres import APPLICATION
from marketplace.database.rights import excess
from marketplace.payouts.queries import check_books
from tests.limited import limit

DENIED, CHECKED, DONE = "42501", "23514", "done"

_POST = (
    "WITH t AS (INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)"
    " VALUES (gen_random_uuid(), 'sale', 'x', 'x', '', now()) RETURNING id)"
    " INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)"
)
CHEATS = {
    "post what does not balance": (
        f"{_POST} SELECT t.id, a.id, -500 FROM t, payouts_account a WHERE a.kind = 'creator_available' LIMIT 1",
        CHECKED,
    ),
    "take more than there is": (
        f"{_POST} SELECT t.id, a.id, CASE a.kind WHEN 'bank' THEN -99999 ELSE 99999 END FROM t, payouts_account a"
        " WHERE a.kind = 'bank' OR a.id = (SELECT min(id) FROM payouts_account WHERE kind = 'creator_available')",
        CHECKED,
    ),
    "add to a transaction": (
        "INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)"
        " SELECT transaction_id, account_id, amount_minor FROM payouts_posting",
        CHECKED,
    ),
    "post under a number of the past": (
        "INSERT INTO payouts_posting (id, transaction_id, account_id, amount_minor)"
        " SELECT -1, transaction_id, account_id, 1 FROM payouts_posting LIMIT 1",
        DENIED,
    ),
    "edit a posting": ("UPDATE payouts_posting SET amount_minor = amount_minor * 2", DENIED),
    "move a posting": ("UPDATE payouts_posting SET id = id + 1000000", CHECKED),
    "delete postings": ("DELETE FROM payouts_posting", DENIED),
    "empty the postings": ("TRUNCATE payouts_posting", DENIED),
    "empty everything": ("TRUNCATE payouts_transaction CASCADE", DENIED),
    "set a balance": ("UPDATE payouts_account SET balance_minor = 1000000 WHERE kind = 'creator_available'", DENIED),
    "touch an account": ("UPDATE payouts_account SET id = id", DENIED),
    "open an account with money in it": (
        "INSERT INTO payouts_account (kind, currency, owner_id, balance_minor)"
        " SELECT 'creator_available', 'EUR', owner_id, 500 FROM payouts_account WHERE owner_id IS NOT NULL LIMIT 1",
        CHECKED,
    ),
    "sell in what is no currency": (
        "INSERT INTO payouts_account (kind, currency) VALUES ('psp_clearing', 'AAA')",
        CHECKED,
    ),
    "close a month that is not over": (
        "INSERT INTO payouts_statement_period (period, currency, after, through, statements, root, closed_at)"
        " SELECT to_char(ran_at, 'YYYY-MM'), 'USD', 0, 0, 0, repeat('0', 64), ran_at FROM payouts_royalty_run LIMIT 1",
        CHECKED,
    ),
    "end a hold period early": (
        "INSERT INTO payouts_hold_release (run_id, released_at) SELECT r.id, r.ran_at FROM payouts_royalty_run r"
        " WHERE NOT EXISTS (SELECT FROM payouts_hold_release h WHERE h.run_id = r.id) LIMIT 1",
        CHECKED,
    ),
    "close an account": ("DELETE FROM payouts_account", DENIED),
    "have a sale allocated again": (
        "INSERT INTO payouts_awaiting_allocation (sale_id, currency) SELECT id, currency FROM payouts_sale LIMIT 1",
        DENIED,
    ),
    "forget a sale": ("DELETE FROM payouts_awaiting_allocation", DENIED),
    "have a payout paid again": ("DELETE FROM payouts_payout_outcome", DENIED),
    "raise a royalty line": ("UPDATE payouts_royalty_line SET amount_minor = 1080", DENIED),
    "forget what was found wrong": ("DELETE FROM payouts_books_check", DENIED),
    "rewrite the log": ("UPDATE ledger_entry SET body = '{}'", DENIED),
    "take a leaf out of the log": ("DELETE FROM ledger_leaf", DENIED),
    "undo a grant": ("DELETE FROM licensing_grant", DENIED),
    "unmake an order": ("UPDATE checkout_order SET buyer_id = buyer_id", DENIED),
    "say what is migrated": ("DELETE FROM django_migrations", DENIED),
    "switch a trigger off": ("ALTER TABLE payouts_posting DISABLE TRIGGER ALL", DENIED),
    "drop a trigger": ("DROP TRIGGER payouts_posting_append_only ON payouts_posting", DENIED),
    "switch all triggers off": ("SET session_replication_role = replica", DENIED),
    "drop a constraint": ("ALTER TABLE payouts_account DROP CONSTRAINT payouts_account_balance_not_negative", DENIED),
    "drop a table": ("DROP TABLE payouts_posting CASCADE", DENIED),
    "own a table": ("ALTER TABLE payouts_posting OWNER TO CURRENT_USER", DENIED),
    "put another table in its place": ("CREATE TABLE payouts_posting2 (LIKE payouts_posting)", DENIED),
    "put a table before it": ("CREATE TEMPORARY TABLE payouts_posting (LIKE public.payouts_posting)", DENIED),
    "make a schema": ("CREATE SCHEMA mine", DENIED),
    "create a function": ("CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", DENIED),
    "create one that nobody sees": (
        "CREATE FUNCTION pg_temp.mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        DENIED,
    ),
    "replace a function": (
        "CREATE OR REPLACE FUNCTION payouts_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        DENIED,
    ),
    "run what keeps balances": ("SELECT payouts_apply_postings()", DENIED),
    "attach what keeps balances": (
        "CREATE TRIGGER mine AFTER INSERT ON procrastinate_jobs REFERENCING NEW TABLE AS new_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION payouts_apply_postings()",
        DENIED,
    ),
    "be the owner": ("SET ROLE {owner}", DENIED),
    "make oneself a superuser": ("ALTER ROLE CURRENT_USER SUPERUSER", DENIED),
    "give oneself rights": ("GRANT UPDATE ON payouts_posting TO CURRENT_USER", DONE),  # a warning: none were given
    "take numbers back": ("SELECT setval('payouts_posting_id_seq', 1)", DENIED),
    "read a file of the server": ("COPY payouts_sale (source) FROM '/etc/hostname'", DENIED),
    "run a program on the server": ("COPY payouts_sale TO PROGRAM 'true'", DENIED),
    "post by the thousand, numbers and all": ("COPY payouts_posting FROM STDIN", DENIED),
}
_GUARDS = """
SELECT string_agg(concat_ws(' ', tgrelid::regclass, tgname, tgenabled), ', ' ORDER BY oid) FROM pg_trigger
"""


def state() -> dict[str, str]:
    """Returns a digest of the rows of every table that no worker writes to, and of the triggers."""
    digests = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
    found = {}
    with connection.cursor() as cursor:
        for name in connection.introspection.django_table_names(only_existing=True):
            cursor.execute(digests.format(name))
            (found[name],) = cursor.fetchone()
        cursor.execute(_GUARDS)
        (found["guards"],) = cursor.fetchone()
    return found


@pytest.fixture
def dave(committed: None, history: Any) -> Iterator[Callable[[str], str]]:
    """Runs a statement on a connection of the application; returns the SQLSTATE of its refusal, or that it was done."""
    named = connection.settings_dict
    url = psycopg.conninfo.make_conninfo(
        os.environ["DATABASE_URL"], dbname=named["NAME"], user=limit(), application_name="dave"
    )
    try:
        stolen = psycopg.connect(url, autocommit=True)
    except psycopg.OperationalError:
        pytest.skip("the server of this run lets the application's role in with a password only")

    def run(statement: str) -> str:
        try:
            with stolen.transaction():
                stolen.execute(statement.replace("{owner}", named["USER"]))
        except psycopg.Error as refused:
            return refused.sqlstate or type(refused).__name__
        return DONE

    with stolen:
        yield run


def test_whatever_dave_tries_is_refused_and_nothing_changed(dave):
    before = state()

    said = {name: dave(statement) for name, (statement, _code) in CHEATS.items()}

    assert said == {name: code for name, (_statement, code) in CHEATS.items()}
    assert state() == before
    assert check_books() == []
    assert excess(role=APPLICATION) == []


def test_what_the_application_does_dave_can_do_as_well(dave):
    """Or the refusals above would show nothing: he may read, and post what balances."""
    assert dave("SELECT * FROM payouts_posting") == DONE
    assert dave("SELECT id FROM payouts_payout FOR NO KEY UPDATE") == DONE
    posted = (
        f"{_POST} SELECT t.id, a.id, CASE a.kind WHEN 'psp_clearing' THEN 5 ELSE -5 END FROM t, payouts_account a"
        " WHERE a.kind IN ('psp_clearing', 'platform_fee') AND a.currency = 'USD'"
    )
    assert dave(posted) == DONE
    assert "Transaction x does not say what its content digest says." in check_books()
