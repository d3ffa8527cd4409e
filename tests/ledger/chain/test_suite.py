"""The whole suite on a chain: deployed once whatever happens, found again, and what it says of itself."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ledger.chain import steps
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ChainConfig, UnableToDeploy, deploy_anchor
from ledger.chain.inspection import differences
from ledger.chain.reading import Question, Reader, reader
from ledger.chain.sender import Sender
from ledger.chain.suite import CONTRACTS, suite, suite_in
from ledger.chain.suite_deployment import NOBODY, Accounts, deploy_suite, left_to_admin
from ledger.chain.transaction import address_of, keccak
from tests.ledger.chain.lives import PAGES, dying, nonce, one_life
from tests.ledger.chain.makers import BRISK, HOME, NOW, Contracts, DevChain, DirectChain, Place, ask, deployed, fund
from tests.ledger.chain.test_faults import endpoint
from tests.ledger.chain.test_reading import lying

COLD = "0x" + "c0" * 20
PAYEE = b"\x01" * 16


# --- once ---------------------------------------------------------------------------------------------------------


def test_the_suite_stands_as_it_was_built_and_is_found_again(contracts: Contracts) -> None:
    known, config = contracts.suite, contracts.config
    sent = nonce(contracts.place)
    assert deploy_suite(now=NOW, pages=PAGES, config=config, patience=BRISK) == known
    assert suite_in(config.record()) == known
    assert nonce(contracts.place) == sent
    assert set(known.addresses) == {*CONTRACTS, "WrappedCoin"}
    assert known.chain_id == 31337
    assert differences(contracts.reader, accounts=Accounts.of(config)) == []
    assert left_to_admin(contracts.reader) == []
    assert not (config.folder / "suite.intent.json").exists()
    assert known.contract_at(known.address("Payees").lower()) == "Payees"
    assert known.contract_at(NOBODY) is None
    first = min(one["block_number"] for one in json.loads(config.record().read_text())["contracts"].values())
    assert known.block_number == first


def test_play_money_stands_for_dollars_and_the_settler_has_some(contracts: Contracts) -> None:
    token = contracts.suite.token("USD")
    assert token is not None
    assert (token.symbol, token.decimals, token.currency) == ("tUSD", 6, "USD")
    assert contracts.suite.token_at(token.address.lower()) == token
    assert contracts.suite.token("CNY") is None
    told = contracts.reader.views(
        [
            Question("ERC20", "decimals", at=token.address),
            Question("ERC20", "balanceOf", (address_of(contracts.place.key),), at=token.address),
            Question("SplitVault", "accepts", (token.address,)),
        ]
    )
    assert told == [6, 10**15, True]


def test_the_anchor_of_the_suite_is_the_one_that_checkpoints_go_to(contracts: Contracts) -> None:
    chain = DirectChain(config=contracts.config)
    assert chain.identity().contract == contracts.suite.address("ProvenanceAnchor")
    root = keccak(b"a tree of three leaves")
    assert chain.anchor(root=root, size=3, note_digest=keccak(b"note")).block_number > contracts.suite.block_number
    assert contracts.reader.view("ProvenanceAnchor", "anchorOf", root)[2:] == (3, 1)


def test_an_anchor_that_stood_alone_keeps_its_history(place: Place, tmp_path: Path) -> None:
    config = place.config(tmp_path)
    alone = deploy_anchor(now=NOW, config=config, patience=BRISK)
    root = keccak(b"before")
    DirectChain(config=config).anchor(root=root, size=1, note_digest=root)
    found = deployed(place, tmp_path)
    assert found.suite.address("ProvenanceAnchor") == alone.contract
    assert found.config.deployment() == alone
    assert found.reader.view("AssetToken", "ANCHOR") == alone.contract
    assert found.reader.view("ProvenanceAnchor", "anchorOf", root)[2:] == (1, 1)
    # And once the suite is there, the old command finds its anchor.
    assert deploy_anchor(now=NOW, config=config, patience=BRISK) == alone


# --- ended between two steps --------------------------------------------------------------------------------------


def test_dying_before_and_after_each_transaction_deploys_each_contract_once(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = place.config(tmp_path)
    before, lives, found = nonce(place), 0, None
    while found is None:
        lives += 1
        with monkeypatch.context() as patch:
            # By turns: before the bytes are sent, after they are, and between a step and the note that it is done.
            if lives % 3 == 0:
                dying(patch, Sender, "send", at=1)
            elif lives % 3 == 1:
                dying(patch, Sender, "wait", at=1)
            else:
                dying(patch, steps, "write_document", at=4)
            found = one_life(config)
    # Wrapped coin, play money and its mint, eight contracts, the vault's list: none of them twice.
    assert nonce(place) - before == 12
    assert lives > 12
    assert differences(Reader(config.rpc(), found), accounts=Accounts.of(config)) == []


def test_sigkill_of_the_process_at_any_moment_deploys_each_contract_once(embedded: Place, tmp_path: Path) -> None:
    words = f"""
from pathlib import Path
from datetime import datetime, UTC
from ledger.chain.deployment import ChainConfig
from ledger.chain.suite_deployment import deploy_suite
config = ChainConfig(folder=Path({str(tmp_path)!r}), rpc_url={embedded.url!r}, key_file={str(embedded.key_file)!r})
deploy_suite(now=datetime(2026, 11, 22, tzinfo=UTC), pages={PAGES!r}, config=config)
"""
    before, intent = nonce(embedded), tmp_path / "suite.intent.json"
    for step in (1, 4, 8, 11):
        process = subprocess.Popen([sys.executable, "-c", words], cwd=HOME)
        while process.poll() is None and len(_done(intent)) < step:
            pass
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert suite_in(tmp_path / "deployment.json") is None
    config = embedded.config(tmp_path)
    found = deploy_suite(now=NOW, pages=PAGES, config=config, patience=BRISK)
    assert nonce(embedded) - before == 12
    assert differences(Reader(config.rpc(), found), accounts=Accounts.of(config)) == []


def _done(intent: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(intent.read_text())["done"])
    except (OSError, ValueError):
        return {}


def test_a_transaction_whose_nonce_went_elsewhere_is_made_anew(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = place.config(tmp_path)
    with monkeypatch.context() as patch:
        dying(patch, Sender, "send", at=5)
        assert one_life(config) is None
    given_up = json.loads((tmp_path / "suite.intent.json").read_text())["under_way"]["address"]
    fund(config.rpc(), place.key, "0x" + "0b" * 20)
    found = one_life(config)
    assert found is not None
    assert given_up not in found.addresses.values()
    assert ask(place.url, "eth_getCode", given_up, "latest") == "0x"


def test_a_deployment_under_way_goes_on_only_with_the_same_accounts(
    embedded: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = embedded.config(tmp_path)
    with monkeypatch.context() as patch:
        dying(patch, Sender, "send", at=5)
        assert one_life(config) is None
    other = Accounts.of(config, guardian=COLD)
    before = nonce(embedded)
    with pytest.raises(UnableToDeploy, match=r"suite\.intent\.json is of a deployment .* with other accounts"):
        deploy_suite(now=NOW, pages=PAGES, config=config, accounts=other, patience=BRISK)
    assert nonce(embedded) == before
    # Another port of a laptop is nobody else's: the pages stay those that were said first.
    found = deploy_suite(now=NOW, pages="http://127.0.0.1:8001/", config=config, patience=BRISK)
    assert json.loads(config.record().read_text())["pages"] == PAGES
    assert found.chain_id == 31337


def test_an_endpoint_that_lags_or_lies_about_code_has_nothing_sent_twice(embedded: Place, tmp_path: Path) -> None:
    config, before = embedded.config(tmp_path), nonce(embedded)
    for told, fault, said in (
        ("0x", ChainUnavailable, "says that DevelopmentWrappedCoin was created, and does not show it yet"),
        ("0x6001", UnableToDeploy, r"something else than contracts/abi/DevelopmentWrappedCoin\.json"),
    ):
        with endpoint(lying(embedded, "eth_getCode", told)) as url:
            with pytest.raises(fault, match=said):
                deploy_suite(now=NOW, pages=PAGES, config=replace(config, rpc_url=url), patience=BRISK)
        assert nonce(embedded) == before + 1
    found = deploy_suite(now=NOW, pages=PAGES, config=config, patience=BRISK)
    assert nonce(embedded) == before + 12
    assert differences(Reader(config.rpc(), found), accounts=Accounts.of(config)) == []


# --- contradictions -----------------------------------------------------------------------------------------------


def test_a_record_that_does_not_fit_the_chain_is_named(contracts: Contracts, tmp_path: Path) -> None:
    record = contracts.config.record()
    text = record.read_text()
    record.write_text(text.replace('"chain_id": 31337', '"chain_id": 1'))
    with pytest.raises(UnableToDeploy, match=r"recorded on chain 1, but .* serves chain 31337"):
        deploy_suite(now=NOW, pages=PAGES, config=contracts.config)
    record.write_text(text.replace(contracts.suite.address("ClaimBook"), COLD))
    with pytest.raises(UnableToDeploy, match="ClaimBook cannot be deployed: .* has nothing there") as refused:
        deploy_suite(now=NOW, pages=PAGES, config=contracts.config)
    assert refused.value.contract == "ClaimBook"
    record.write_text('{"format": "worldloom/deployment/2", "chain_id": 31337}')
    with pytest.raises(ChainUnavailable, match="is not a worldloom/deployment/2 document"):
        deploy_suite(now=NOW, pages=PAGES, config=contracts.config)
    with pytest.raises(ChainUnavailable, match="is not a worldloom/deployment/2 document"):
        suite_in(record)


def test_what_stands_there_wrongly_is_named_contract_by_contract(contracts: Contracts) -> None:
    at = contracts.suite.addresses
    swapped = {**at, "ClaimBook": at["PayoutDistributor"], "WrappedCoin": at["Payees"]}
    wrong = Reader(contracts.reader.rpc, replace(contracts.suite, addresses=swapped))
    accounts = replace(Accounts.of(contracts.config), settler=COLD, keeper=COLD)
    told = "\n".join(differences(wrong, accounts=accounts))
    assert f"ClaimBook at {at['PayoutDistributor']} is not what contracts/abi/ClaimBook.json says." in told
    assert f"RoyaltyReceiverFactory calls {at['WrappedCoin']} as its WrappedCoin, not {at['Payees']}." in told
    assert f"In PayoutDistributor the settler is {address_of(contracts.place.key)}, not {COLD}." in told
    assert f"In AssetToken the keeper {COLD} does not have its role." in told


# --- where it stands ----------------------------------------------------------------------------------------------


def test_settings_name_the_record_and_a_key_for_each_role(contracts: Contracts, tmp_path: Path, settings: Any) -> None:
    settings.DATA_FOLDER = tmp_path / "empty"
    settings.CHAIN_SUITE = ""
    assert suite() is None
    with pytest.raises(ChainUnavailable, match=r"chain_deploy --suite does that"):
        reader()
    settings.CHAIN_SUITE = str(contracts.config.record())
    settings.CHAIN_RPC_URL = contracts.place.url
    settings.CHAIN_KEY_FILE = str(contracts.place.key_file)
    guardian = tmp_path / "guardian.key"
    guardian.write_text("0x" + "07" * 32)
    settings.CHAIN_KEY_FILES = {"guardian": str(guardian)}
    assert suite() == contracts.suite
    assert reader().view("PayoutDistributor", "settler") == address_of(contracts.place.key)
    config = ChainConfig.from_settings()
    assert config.key("guardian") == b"\x07" * 32
    assert config.key("settler") == config.key() == contracts.place.key
    with pytest.raises(ValueError, match="'banker' is no role"):
        config.key("banker")


def test_another_chain_than_recorded_is_never_read(contracts: Contracts) -> None:
    elsewhere = Reader(contracts.reader.rpc, replace(contracts.suite, chain_id=8453))
    with pytest.raises(ChainUnavailable, match="serves chain 31337, but the contracts are on chain 8453"):
        elsewhere.view("PayoutDistributor", "settler")
    with pytest.raises(ChainUnavailable):
        elsewhere.head()


def test_the_command_says_where_each_contract_is(devchain: DevChain, settings: Any, capsys: Any) -> None:
    from django.core.management import call_command

    settings.DATA_FOLDER = devchain.folder.parent
    settings.CHAIN_SUITE, settings.CHAIN_KEY_FILES = "", {}
    devchain.start()
    call_command("chain_deploy", "--suite")
    first = capsys.readouterr().out
    call_command("chain_deploy", "--suite")
    assert capsys.readouterr().out == first
    known = suite()
    assert known is not None
    for name in CONTRACTS:
        assert f"{name} is at {known.address(name)}.\n" in first
    assert f"USD is tUSD at {known.tokens['USD'].address}, 6 decimals.\n" in first
    assert first.endswith("What stands there is what contracts/abi says, and each key has its role.\n")
    assert json.loads((devchain.folder / "deployment.json").read_text())["accounts"] == asdict(
        Accounts.of(ChainConfig.from_settings())
    )
