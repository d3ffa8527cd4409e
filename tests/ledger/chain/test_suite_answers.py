"""What the deployed contracts answer, and what they take from wallets."""

import pytest

from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import Question, Reverted
from ledger.chain.suite_deployment import NOBODY
from ledger.chain.transaction import address_of, keccak
from ledger.chain.typed import BIND, MATERIALIZE, OFFER, WITHDRAW, domain_separator, sign_digest, typed_digest
from tests.ledger.chain.makers import Contracts, ask, fund

COLD = "0x" + "c0" * 20
PAYEE = b"\x01" * 16


# --- questions ----------------------------------------------------------------------------------------------------


def test_many_views_are_one_batch_and_an_error_stands_in_its_place(contracts: Contracts) -> None:
    told = contracts.reader.views(
        [
            Question("AssetToken", "name"),
            Question("AssetToken", "ownerOf", (7,)),
            Question("SplitVault", "partsOf", (100, [333_333_333, 333_333_333, 333_333_334])),
            Question("Payees", "bindingOf", (PAYEE,)),
        ]
    )
    assert told[0] == "Worldloom Release"
    assert isinstance(told[1], Reverted)
    assert (told[1].name, told[1].values) == ("ERC721NonexistentToken", (7,))
    assert told[2:] == [(33, 33, 34), (NOBODY, 0, NOBODY, 0)]
    with pytest.raises(Reverted, match=r"AssetToken\.ownerOf answers with ERC721NonexistentToken\(7\)"):
        contracts.reader.view("AssetToken", "ownerOf", 7)
    assert contracts.reader.views([]) == []


def test_an_address_without_code_is_no_answer(contracts: Contracts) -> None:
    with pytest.raises(ChainUnavailable, match="answers nonsense"):
        contracts.reader.view("ERC20", "decimals", at=COLD)


def test_blocks_are_read_by_number(contracts: Contracts) -> None:
    head = contracts.reader.head()
    assert contracts.reader.block(head.number) == head
    assert contracts.reader.block(head.number - 1).digest == head.parent
    with pytest.raises(ChainUnavailable):
        contracts.reader.block(head.number + 1000)


# --- what wallets sign is what the contracts ask for --------------------------------------------------------------


def test_domains_and_digests_are_those_of_the_contracts(contracts: Contracts) -> None:
    at, view = contracts.suite.address, contracts.reader.view
    for name in ("Payees", "SplitVault"):
        assert view(name, "domainSeparator") == domain_separator(f"Worldloom {name}", "1", 31337, at(name))
    leaf = keccak(b"a leaf")
    here = {"chain_id": 31337, "contract": at("AssetToken")}
    assert view("AssetToken", "digestToSign", leaf) == typed_digest(MATERIALIZE, {"leaf": leaf}, **here)
    offer = {
        "id": b"\x0f" * 16,
        "licensor": address_of(contracts.place.key),
        "release": b"\x01" * 32,
        "terms": b"\x02" * 32,
        "split": b"\x03" * 32,
        "token": contracts.suite.tokens["USD"].address,
        "price": 49_000_000,
        "feeBps": 1000,
        "supply": 3,
        "notBefore": 0,
        "deadline": 2_000_000_000,
        "nonce": 7,
    }
    here = {"chain_id": 31337, "contract": at("LicenseMarket")}
    assert view("LicenseMarket", "digestToSign", tuple(offer.values())) == typed_digest(OFFER, offer, **here)


def test_a_wallet_is_bound_by_what_it_signed_and_by_nothing_else(contracts: Contracts) -> None:
    alice, dave = contracts.wallet(), contracts.wallet()
    until = contracts.reader.head().time + 3600
    values = {"payee": PAYEE, "wallet": address_of(alice), "nonce": 0, "deadline": until}
    digest = typed_digest(BIND, values, chain_id=31337, contract=contracts.suite.address("Payees"))
    args = (PAYEE, address_of(alice), until)
    assert contracts.refused("Payees", "bind", *args, sign_digest(digest, dave)) == (
        "WrongSignature",
        (address_of(alice),),
    )
    assert contracts.reader.view("Payees", "bindingOf", PAYEE)[2] == NOBODY
    contracts.send("Payees", "bind", *args, sign_digest(digest, alice))
    wallet, changes, following, since = contracts.reader.view("Payees", "bindingOf", PAYEE)
    assert (wallet, changes, following) == (NOBODY, 1, address_of(alice))
    assert since > until
    assert contracts.reader.is_signed_by(address_of(alice), digest, sign_digest(digest, alice))
    assert not contracts.reader.is_signed_by(address_of(dave), digest, sign_digest(digest, alice))


def test_a_withdrawal_is_asked_of_the_payees_wallet_and_there_is_none_yet(contracts: Contracts) -> None:
    dave, token = contracts.wallet(), contracts.suite.tokens["USD"].address
    until = contracts.reader.head().time + 3600
    values = {"payee": PAYEE, "token": token, "to": address_of(dave), "amount": 5, "nonce": 0, "deadline": until}
    digest = typed_digest(WITHDRAW, values, chain_id=31337, contract=contracts.suite.address("SplitVault"))
    args = (PAYEE, token, address_of(dave), 5, 0, until, sign_digest(digest, dave))
    name, _ = contracts.refused("SplitVault", "withdrawWithSig", *args)
    assert name == "NoWallet"


def test_coin_sent_to_a_splits_royalty_address_is_wrapped_into_its_pot(contracts: Contracts) -> None:
    split, coin = b"\x03" * 32, contracts.suite.address("WrappedCoin")
    address = contracts.reader.view("RoyaltyReceiverFactory", "receiverOf", split)
    fund(contracts.reader.rpc, contracts.place.key, address)
    assert contracts.refused("RoyaltyReceiverFactory", "sweepCoin", split) == ("TokenNotAccepted", (coin,))
    contracts.send("SplitVault", "listToken", coin, True)
    contracts.send("RoyaltyReceiverFactory", "sweepCoin", split)
    assert contracts.reader.view("SplitVault", "potOf", split, coin) == 10**18
    assert int(ask(contracts.place.url, "eth_getBalance", address, "latest"), 16) == 0


def test_a_wrapped_coin_is_given_back_for_coin(contracts: Contracts) -> None:
    alice, coin = contracts.wallet(), contracts.suite.address("WrappedCoin")
    fund(contracts.reader.rpc, contracts.place.key, coin)
    # Coin that is sent without a word is its sender's as well.
    ours = address_of(contracts.place.key)
    assert contracts.reader.view("ERC20", "balanceOf", ours, at=coin) == 10**18
    contracts.send("ERC20", "transfer", address_of(alice), 10**17, at=coin)
    contracts.send("DevelopmentWrappedCoin", "withdraw", 10**17, at=coin, key=alice)
    assert contracts.reader.view("ERC20", "balanceOf", address_of(alice), at=coin) == 0
    assert int(ask(contracts.place.url, "eth_getBalance", address_of(alice), "latest"), 16) > 10**18
    assert int(ask(contracts.place.url, "eth_getBalance", coin, "latest"), 16) == 9 * 10**17
