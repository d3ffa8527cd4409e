"""`manage.py tokens`: a token without a browser, and log and chain compared."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger.chain.base import ChainUnavailable
from ledger.chain_models import ChainCall
from marketplace.catalog import token_queries
from marketplace.catalog.management.commands import tokens as command
from marketplace.catalog.models import Release
from marketplace.catalog.token_models import TokenAsk, TokenSigning
from tests.cast import Cast, later
from tests.catalog.staged import cast as cast
from tests.catalog.staged import release as release
from tests.catalog.staged import staged as staged
from tests.catalog.tokens import anchored, has_token, moves, wallet_key, wallet_of

NAME = "alice/yunhai@1.0.0"


def run(*words: Any) -> str:
    out = StringIO()
    call_command("tokens", *map(str, words), stdout=out)
    return out.getvalue()


def key_file(folder: Path, name: str) -> Path:
    path = folder / f"{name}.key"
    path.write_text("0x" + wallet_key(name).hex() + "\n")
    return path


def test_she_asks_and_signs_with_a_key_file(cast: Cast, release: Release, tmp_path: Path) -> None:
    said = run("ask", NAME, "--as", "alice", "--wallet", wallet_of("alice"), "--bps", 250)
    ask = TokenAsk.objects.get()
    assert said == f"{NAME} may become a token of {wallet_of('alice')}: entry {ask.entry.digest}\n"
    anchored()
    said = run("sign", NAME, "--as", "alice", "--key-file", key_file(tmp_path, "alice"))
    assert said == f"signed; the chain makes the token of {NAME} ({TokenSigning.objects.get().call})\n"
    assert ChainCall.objects.get().function == "materialize"


def test_what_cannot_be_is_said(cast: Cast, release: Release, tmp_path: Path) -> None:
    keys = {name: key_file(tmp_path, name) for name in ("alice", "dave")}
    (tmp_path / "none.key").write_text("none")
    with pytest.raises(CommandError, match="Nobody asked for the token"):
        run("sign", NAME, "--as", "alice", "--key-file", keys["alice"])
    with pytest.raises(CommandError, match="There is no release alice/yunhai"):
        run("ask", "alice/yunhai", "--as", "alice", "--wallet", wallet_of("alice"))
    with pytest.raises(CommandError, match="Only its owner"):
        run("ask", NAME, "--as", "bob", "--wallet", wallet_of("bob"))
    assert not TokenAsk.objects.exists()
    run("ask", NAME, "--as", "alice", "--wallet", wallet_of("alice"))
    with pytest.raises(CommandError, match="That is the key of"):
        run("sign", NAME, "--as", "alice", "--key-file", keys["dave"])
    with pytest.raises(CommandError, match="not hold a private key"):
        run("sign", NAME, "--as", "alice", "--key-file", tmp_path / "none.key")
    with pytest.raises(CommandError, match="not anchored on chain yet"):
        run("sign", NAME, "--as", "alice", "--key-file", keys["alice"])
    assert not ChainCall.objects.exists()


def test_log_and_chain_are_compared(cast: Cast, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("check") == "tokens: 0, each with its release's owner\n"
    has_token(release, cast.alice)
    assert run("check") == "tokens: 1, each with its release's owner\n"
    holders = [wallet_of("alice")]
    place = token_queries.token_place()
    assert place is not None
    contract = place[0].address("AssetToken")

    class Told:
        def views(self, asked: Any) -> list[str]:
            assert [(one.function, one.args, one.at) for one in asked] == [
                ("ownerOf", (int(release.digest, 16),), contract)
            ]
            return holders

    monkeypatch.setattr(command, "reader", Told)
    assert run("check", "--chain") == "tokens: 1, each with its release's owner\n"
    holders[0] = wallet_of("stranger")
    with pytest.raises(CommandError, match=f"The chain says that {wallet_of('stranger')} holds the token"):
        run("check", "--chain")
    moves(release, wallet_of("stranger"), at=later(hours=1))
    with pytest.raises(CommandError, match=f"{NAME} is alice's, but {wallet_of('stranger').lower()} holds"):
        run("check")

    def away() -> Any:
        raise ChainUnavailable("connection refused")

    monkeypatch.setattr(command, "reader", away)
    with pytest.raises(CommandError, match="connection refused"):
        run("check", "--chain")
