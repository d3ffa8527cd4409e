"""docs/api.md tells the truth: each of its commands is run, in order, against a real server."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.urls import resolve
from django.utils import timezone

import ledger.operations
from marketplace.checkout import methods
from marketplace.checkout.gateways.sandbox import answer_bank
from marketplace.checkout.models import SandboxCharge
from marketplace.checkout.papers.operations import issue_papers
from tests.api.payouts_told import chooser_of, settled
from tests.api.shop import sell
from tests.api.statements_told import earned
from tests.api.studios import Market, Studio, key_of
from tests.cast import CARD, NOON, later

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
PAYMENTS = 10
"""How many commands are about payments."""
COMMANDS = [block for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) if "curl" in block]


@pytest.fixture(scope="module")
def guards() -> Iterator[None]:
    """Ends the connection whose guards were switched off, after the facts are swept away."""
    yield
    connection.close()


@pytest.fixture
def committed(guards: None, transactional_db: None) -> Iterator[None]:
    """Commits for real; the facts are swept away afterwards by one who may switch their guards off."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")


def test_every_address_in_the_text_exists() -> None:
    addresses = re.findall(r"/api/v1/[a-z0-9/{}$_A-Z-]*", TEXT)
    digests = dict.fromkeys(("$SHA256", "{digest}", "$TERMS", "$LOCK"), "0" * 64)
    values = digests | {"$EMAIL": "erin@example.com", "{key}": "1", "{token}": "a"}
    ids = r"\$(GRANT|PROJECT|QUOTE|OPEN|WAITS|ORDER|SUBSCRIPTION|REQUEST)|\{id\}"
    filled = {}
    for address in {one for one in addresses if one != "/api/v1/"}:
        path = address
        for name, value in values.items():
            path = path.replace(name, value)
        filled[address] = re.sub(ids, "00000000-0000-4000-8000-000000000000", path)

    assert len(filled) >= 30
    for address, path in filled.items():
        assert resolve(path).url_name != "api-nothing", address


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_work_one_after_the_other(
    committed: None, market: Market, live_server: Any, tmp_path: Path
) -> None:
    key, alice = key_of(market.cast.studio, market.cast.carol), earned(market)
    told = {"WORLDLOOM": live_server.url, "WORLDLOOM_KEY": key.secret, "OFFER": str(market.offer().pk)}
    told["WORLDLOOM_CREATOR_KEY"] = alice.secret

    def run(command: str) -> Any:
        result = subprocess.run(
            ["sh", "-c", command], env=os.environ | told, cwd=tmp_path, capture_output=True, timeout=60, check=False
        )
        assert result.returncode == 0, (command, result.stderr)
        return json.loads(result.stdout) if result.stdout else None

    search, pack, quote, order, grants, download, verify, split, chain, claims, *others = COMMANDS
    assert [one["pack"] for one in run(search)["data"]] == ["alice/yunhai"]
    assert run(pack)["release"] == market.world.digest
    assert run(quote)["total_minor"] == 10_001
    bought = run(order)
    assert bought["status"] == "paid"
    assert run(order) == bought
    assert [one["id"] for one in run(grants)["data"]] == [bought["grants"][0]["id"]]

    ledger.operations.register_keys(now=NOON)
    ledger.operations.seal(now=later(hours=2))
    told["GRANT"] = bought["grants"][0]["id"]
    run(download)
    with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
        asset = json.loads(bundle.read("manifest.json"))["assets"][0]
    told["SHA256"] = asset["sha256"]
    assert run(verify)["matches"] is True
    told |= {"SPLIT": market.world.split_id, "ACCOUNT": "0x" + "a1" * 20}
    assert run(split)["split"] == told["SPLIT"]
    assert run(chain)["open_calls"] == 0
    assert run(claims)["claims"] == []

    told |= {"TERMS": bought["grants"][0]["terms_sha256"], "EMAIL": market.cast.carol.email}
    terms, elsewhere, read, check, may, *others = others
    payments, others = others[:PAYMENTS], others[PAYMENTS:]
    project, credits, seat, certificate, standing, *recipes = others[:-5]
    earnings = others[-5:]
    assert run(terms)["name"] == "studio"
    assert run(elsewhere)["form"] == "odrl"
    assert run(read)["source"] == "CC-BY-NC-4.0"
    assert {one["kind"] for one in run(check)["fixes"]} == {"offer", "request"}
    assert run(may)["grant"] == told["GRANT"]
    told["ORDER"] = bought["id"]
    payment_commands(payments, run, told, market, key)
    told["PROJECT"] = run(project)["id"]
    assert run(credits)["format"] == "worldloom/credits/1"
    assert [one["email"] for one in run(seat)["people"]] == [market.cast.carol.email]
    run(certificate)
    assert (tmp_path / "certificate.pdf").read_bytes().startswith(b"%PDF")
    assert run(standing)["state"] == "active"
    recipe_commands(recipes, run, told)
    assert told["LOCK"] in (tmp_path / "workflow.json").read_text(encoding="utf-8")
    earning_commands(earnings, run, told, market)
    assert "10.82" in (tmp_path / "statement.csv").read_text(encoding="utf-8")


def earning_commands(commands: list[str], run: Callable[[str], Any], told: dict[str, str], market: Market) -> None:
    """From a creator's statements to how she is paid."""
    months, month, paid, coming, choose = commands
    assert [one["closing_minor"] for one in run(months)["data"]] == [1082]
    run(month)
    payout = settled(market)
    assert [one["id"] for one in run(paid)["data"]] == [str(payout.pk)]
    assert {one["currency"]: one["available_minor"] for one in run(coming)["data"]}["USD"] == 0
    told["WORLDLOOM_PAYOUT_KEY"] = chooser_of(market.cast.alice).secret
    assert run(choose)["way"] == "recorded"


def payment_commands(
    commands: list[str], run: Callable[[str], Any], told: dict[str, str], market: Market, key: Studio
) -> None:
    """From an order whose bank said no to a refund that is asked for."""
    again, off, details, invoice, cards, card, cancel, resume, ask, asked = commands
    for name in ("OPEN", "WAITS"):
        told[name] = key.order(market.offer(), card="4000 0027 6000 3184", key=name).json()["id"]
    charge = SandboxCharge.objects.get(key=f"order:{told['OPEN']}:1")
    answer_bank(reference=charge.reference, agreed=False, now=timezone.now())
    key.send("PUT", f"/orders/{told['OPEN']}/payments/1", {"card": "4000 0027 6000 3184"})
    assert run(again)["status"] == "paid"
    assert run(off)["payment"]["state"] == "cancelled"

    issue_papers(now=timezone.now())
    assert run(details)["city"] == "Hamburg"
    assert run(invoice)["kind"] == "invoice"

    kept = methods.add_card(studio=market.cast.studio, card=CARD, by=market.cast.carol, now=NOON)
    told["METHOD"] = run(cards)["data"][0]["id"]
    assert told["METHOD"] == str(kept.pk)
    key.order(sell(market, "monthly", 1000, terms="personal"), card="4000 0000 0000 7726", key="monthly")
    told["SUBSCRIPTION"] = key.get("/subscriptions").json()["data"][0]["id"]
    assert run(card)["payment_method"] == told["METHOD"]
    assert run(cancel)["state"] == "cancelled"
    assert run(resume)["state"] == "running"

    told["REQUEST"] = run(ask)["id"]
    assert run(asked)["state"] == "waiting"


def recipe_commands(commands: list[str], run: Callable[[str], Any], told: dict[str, str]) -> None:
    """From a recipe that lacks a license to its workflow; the use is wider than what was bought before."""
    checked, quote, again, order, lock, export, kit, seen = commands
    everywhere = {"commercial": "full", "territory": {"all_but": []}, "fields": ["film"], "media": ["video"]}
    told["USE"] = json.dumps(everywhere)
    assert run(checked)["layers"][0]["verdict"] == "offered"
    told["QUOTE"] = run(quote)["id"]
    assert run(again)["totals"] == [{"amount_minor": 90_000, "currency": "CNY"}]
    told["LOCK"] = run(order)["lock"]["digest"]
    assert run(lock)["runnable"] is True
    run(export)
    run(kit)
    assert run(seen)["recipe"] == told["LOCK"]
