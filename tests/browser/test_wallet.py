"""Alice's wallet signs and sends in a real Chromium what the server wrote, on a real chain; a refusal is a sentence."""

import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from ledger.chain.jsonrpc import JsonRpc
from ledger.chain.transaction import Transaction, address_of, created_by, sign
from marketplace.ui import onchain
from tests.browser.conftest import NARROW, violations
from tests.browser.wallets import Wallet, install
from tests.ledger.chain.conftest import anvil, embedded  # noqa: F401
from tests.ledger.chain.makers import Place, fund

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("emptied")]

PAYEES = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
NOBODY = "0x000000000000000000000000000000000000dEaD"
ECHO = "0x0000000000000000000000000000000000000004"  # The precompile that answers what it is asked.
TYPED = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "Bind": [{"name": "payee", "type": "bytes16"}, {"name": "wallet", "type": "address"}],
    },
    "primaryType": "Bind",
    "domain": {"name": "Worldloom Payees", "version": "1", "chainId": 31337, "verifyingContract": PAYEES},
    "message": {"payee": "0x" + "11" * 16, "wallet": "$address"},
}


@pytest.fixture(autouse=True)
def _with_style_guide(settings: Any) -> None:
    settings.DEBUG = True


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """The embedded chain, or the one that a test names."""
    found: Place = request.getfixturevalue(getattr(request, "param", "embedded"))
    return found


@pytest.fixture
def wallet(place: Place) -> Wallet:
    """Alice's, with one coin."""
    key = secrets.token_bytes(32)
    fund(JsonRpc(place.url), place.key, address_of(key))
    return Wallet(key, place.url)


@pytest.fixture
def shown(open_page: Callable[..., Any]) -> Callable[..., Any]:
    """Opens the style guide with wallets in the browser, and puts a message or transactions into its samples."""

    def shown(*wallets: Wallet, legacy: bool = False, steps: list[dict[str, Any]] | None = None, **given: Any) -> Any:
        page = open_page("about:blank", locale="en-US", **given)
        for one in wallets:
            install(page, one, legacy=legacy)
        page.goto("/styleguide")
        page.evaluate("text => document.querySelector('wallet-sign').dataset.typed = text", json.dumps(TYPED))
        page.evaluate("text => document.querySelector('wallet-send').dataset.steps = text", onchain.steps(steps or []))
        return page

    return shown


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=f"{name} with your wallet").click()


def said(page: Any, sentence: str) -> None:
    page.get_by_text(sentence).wait_for()


def balance(wallet: Wallet, address: str) -> int:
    return wallet.rpc.number("eth_getBalance", address, "latest")


def test_a_wallet_signs_and_the_form_is_handed_in(wallet: Wallet, shown: Callable[..., Any]) -> None:
    page = shown(wallet)
    press(page, "Sign")

    page.wait_for_url("**signature=0x*")
    given = parse_qs(urlsplit(page.url).query)
    message = json.loads(json.dumps(TYPED).replace("$address", wallet.address))
    recovered = Account.recover_message(
        encode_typed_data(full_message=message), signature=bytes.fromhex(given["signature"][0][2:])
    )
    assert given["address"] == [wallet.address]
    assert recovered == wallet.address
    assert wallet.asked == ["eth_requestAccounts", "eth_chainId", "eth_signTypedData_v4"]


@pytest.mark.parametrize("place", ["embedded", "anvil"], indirect=True)
def test_transactions_are_sent_one_after_the_other(wallet: Wallet, shown: Callable[..., Any]) -> None:
    """The second is left out, since the chain already answers what was wanted; the account stands in its data."""
    least = int(wallet.address, 16)
    unless = {"to": ECHO, "data": "0x" + onchain.ADDRESS_WORD, "least": least}
    steps = [
        {"to": NOBODY, "data": "0x", "value": 7, "label": "First"},
        {"to": NOBODY, "data": "0x", "value": 10**17, "label": "Second", "unless": unless},
        {"to": ECHO, "data": "0x" + onchain.ADDRESS_WORD, "label": "Third"},
        {"to": NOBODY, "data": "0x", "value": 11, "label": "Fourth", "unless": {**unless, "least": least + 1}},
    ]
    before = balance(wallet, NOBODY)
    page = shown(wallet, steps=steps)
    press(page, "Claim")

    said(page, "Done: it is in block")
    assert balance(wallet, NOBODY) - before == 18
    assert wallet.asked.count("eth_sendTransaction") == 3
    assert wallet.rpc.number("eth_getTransactionCount", wallet.address, "latest") == 3


@pytest.mark.deep
def test_a_wallet_of_before_and_a_choice_of_two(wallet: Wallet, shown: Callable[..., Any], place: Place) -> None:
    old = shown(wallet, legacy=True)
    assert old.locator("#wallet fieldset").is_hidden()
    press(old, "Sign")
    old.wait_for_url("**signature=0x*")

    second = Wallet(secrets.token_bytes(32), place.url, name="<b>Second</b>")
    page = shown(wallet, second)
    assert page.locator("#wallet").get_by_role("radio").count() == 2
    assert violations(page) == []
    page.get_by_label("<b>Second</b>").check()
    press(page, "Sign")
    page.wait_for_url("**signature=0x*")
    assert parse_qs(urlsplit(page.url).query)["address"] == [second.address]


def test_a_wallet_on_another_network_is_asked_to_switch_and_told_of_ours(
    wallet: Wallet, shown: Callable[..., Any]
) -> None:
    wallet.chain_id, wallet.known = 1, {1}
    page = shown(wallet)
    page.evaluate(
        "url => { const at = document.getElementById('wallet').dataset;"
        " at.chain = JSON.stringify({ ...JSON.parse(at.chain), rpcUrls: [url] }); }",
        wallet.rpc_url,
    )
    press(page, "Sign")

    page.wait_for_url("**signature=0x*")
    assert wallet.chain_id == 31337
    (added,) = wallet.added
    assert (added["chainId"], added["rpcUrls"]) == ("0x7a69", [wallet.rpc_url])
    assert added["nativeCurrency"] == {"name": "ETH", "symbol": "ETH", "decimals": 18}


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"_refusals": [4001]}, "You declined in your wallet. Nothing was signed or sent."),
    ({"_refusals": [-32002]}, "Your wallet already waits for an answer."),
    ({"_refusals": [4900]}, "Your wallet does not reach its network now."),
    ({"_refusals": [-32603]}, "Your wallet answered with an error: User rejected the request."),
    ({"locked": True}, "Your wallet gave no account."),
    ({"chain_id": 1, "known": {1}, "_refusals": [4001]}, "You declined in your wallet."),
    ({"chain_id": 1, "known": {1}}, "Your wallet does not know Development chain."),
]


@pytest.mark.deep
def test_what_a_wallet_refuses_is_said_and_nothing_is_handed_in(wallet: Wallet, shown: Callable[..., Any]) -> None:
    page = shown(wallet)
    page.evaluate(
        "() => { const at = document.getElementById('wallet').dataset;"
        " at.chain = JSON.stringify({ ...JSON.parse(at.chain), rpcUrls: [] }); }"
    )
    for state, sentence in REFUSALS:
        for name, value in state.items():
            setattr(wallet, name, value)
        press(page, "Sign")
        said(page, sentence)
        assert "signature" not in page.url
        assert page.locator("[name=signature]").input_value() == ""
        wallet.locked, wallet.chain_id = False, 31337
    assert violations(page) == []

    press(page, "Sign")
    page.wait_for_url("**signature=0x*")


def test_another_account_than_the_one_that_must_sign(wallet: Wallet, shown: Callable[..., Any]) -> None:
    page = shown(wallet)
    page.evaluate("text => document.querySelector('wallet-sign').dataset.account = text", NOBODY)
    press(page, "Sign")

    said(page, f"Your wallet shows another account. Choose {NOBODY} in it and try again.")
    assert "eth_signTypedData_v4" not in wallet.asked


def test_without_a_wallet_the_page_says_what_to_do(shown: Callable[..., Any]) -> None:
    page = shown(viewport=NARROW, color_scheme="dark")
    assert page.get_by_label("Signature").is_hidden()
    press(page, "Sign")

    said(page, "This browser has no wallet that the page can reach.")
    assert violations(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("textbox", name="Address").fill(NOBODY)
    page.get_by_label("Signature").fill("0x" + "12" * 65)
    page.get_by_role("button", name="Hand in the signature").click()
    page.wait_for_url("**signature=0x1212*")


def test_without_javascript_it_is_pasted(shown: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page("/styleguide", java_script_enabled=False, locale="en-US")

    assert page.get_by_role("button", name="Sign with your wallet").count() == 0
    page.get_by_label("Signature").fill("0x" + "34" * 65)
    page.get_by_role("button", name="Hand in the signature").click()
    page.wait_for_url("**signature=0x3434*")


@pytest.mark.deep
def test_what_would_fail_is_not_sent(wallet: Wallet, shown: Callable[..., Any]) -> None:
    poor = shown(wallet, steps=[{"to": NOBODY, "data": "0x", "value": 10**24}])
    press(poor, "Claim")
    said(poor, "The account has too little of the network’s coin for the fee. Nothing was sent.")

    # A creation code that reverts stands for any contract that refuses: 4 bytes of its error are what it gives.
    refuses = deployed(wallet, bytes.fromhex("63deadbeef60e01b60005260046000fd"))
    page = shown(wallet, steps=[{"to": refuses, "data": "0x"}])
    page.evaluate(
        "text => document.querySelector('wallet-send').dataset.reasons = text", '{"0xdeadbeef": "It is over."}'
    )
    before = wallet.rpc.number("eth_getTransactionCount", wallet.address, "latest")
    press(page, "Claim")

    said(page, "The contract would refuse this now, so nothing was sent: It is over.")
    page.evaluate(
        "() => { const at = document.getElementById('wallet').dataset;"
        " at.refusals = at.refusals.replace('0x1166dd6e', '0xdeadbeef');"
        " delete document.querySelector('wallet-send').dataset.reasons; }"
    )
    press(page, "Claim")
    said(page, "so nothing was sent: all licenses of this offer are sold")
    assert "eth_sendTransaction" not in wallet.asked
    assert wallet.rpc.number("eth_getTransactionCount", wallet.address, "latest") == before


def test_what_failed_in_a_block_is_said(wallet: Wallet, shown: Callable[..., Any]) -> None:
    wallet.gas = 21_000 + 4 * 1_000 + 50  # Enough to be taken in, too little to be done.
    page = shown(wallet, steps=[{"to": ECHO, "data": "0x" + "00" * 1_000}])
    press(page, "Claim")

    said(page, "It is in a block, but the contract refused it.")
    assert page.evaluate("() => sessionStorage.length") == 0


def test_a_transaction_on_its_way_is_waited_for_and_not_sent_twice(wallet: Wallet, shown: Callable[..., Any]) -> None:
    wallet.hold = True
    steps = [{"to": NOBODY, "data": "0x", "value": 5}]
    before = balance(wallet, NOBODY)
    page = shown(wallet, steps=steps)
    press(page, "Claim")
    said(page, "Waiting for a block…")

    page.reload()
    page.evaluate("text => document.querySelector('wallet-send').dataset.steps = text", onchain.steps(steps))
    press(page, "Claim")
    said(page, "Waiting for a block…")
    wallet.release()
    said(page, "Done: it is in block")
    assert balance(wallet, NOBODY) - before == 5
    assert wallet.asked.count("eth_sendTransaction") == 1
    assert page.evaluate("() => sessionStorage.length") == 0


def held_back(wallet: Wallet, shown: Callable[..., Any]) -> Any:
    """A page that waits for a transaction which the wallet has and the chain has not."""
    wallet.hold = True
    page = shown(wallet, steps=[{"to": NOBODY, "data": "0x", "value": 5}])
    press(page, "Claim")
    page.wait_for_function("() => Object.values(sessionStorage).some((kept) => kept.includes('nonce'))")
    return page


@pytest.mark.deep
def test_what_was_canceled_in_the_wallet_is_said(wallet: Wallet, shown: Callable[..., Any]) -> None:
    before = balance(wallet, NOBODY)
    page = held_back(wallet, shown)
    wallet.replace()

    said(page, "It was canceled or replaced in your wallet, so it did not happen.")
    assert balance(wallet, NOBODY) == before
    assert page.evaluate("() => sessionStorage.length") == 0


@pytest.mark.deep
def test_what_the_wallet_sent_faster_is_found_and_not_sent_twice(wallet: Wallet, shown: Callable[..., Any]) -> None:
    before = balance(wallet, NOBODY)
    page = held_back(wallet, shown)
    wallet.speed_up()

    said(page, "Done: it is in block")
    assert balance(wallet, NOBODY) - before == 5
    assert wallet.asked.count("eth_sendTransaction") == 1


@pytest.mark.deep
def test_a_node_that_is_behind_makes_nobody_pay_twice(wallet: Wallet, shown: Callable[..., Any]) -> None:
    before = balance(wallet, NOBODY)
    page = held_back(wallet, shown)
    wallet.blind = {"eth_getTransactionReceipt"}
    wallet.release()
    asked = wallet.asked.count("eth_getTransactionReceipt")
    while wallet.asked.count("eth_getTransactionReceipt") < asked + 9:
        page.wait_for_timeout(100)
    assert "Waiting for a block…" in page.locator("wallet-send [data-says]").inner_text()
    wallet.blind.clear()

    said(page, "Done: it is in block")
    assert balance(wallet, NOBODY) - before == 5
    assert wallet.asked.count("eth_sendTransaction") == 1


@pytest.mark.deep
def test_where_nothing_of_the_past_is_answered_one_looks_first(wallet: Wallet, shown: Callable[..., Any]) -> None:
    page = held_back(wallet, shown)
    wallet.blind = {"eth_getBlockByNumber"}
    wallet.speed_up()

    said(page, "Something took its place in your wallet, and this page cannot see what.")
    assert wallet.asked.count("eth_sendTransaction") == 1


def deployed(wallet: Wallet, runtime: bytes) -> str:
    """Puts a contract of this code on the chain; returns its address."""
    nonce = wallet.rpc.number("eth_getTransactionCount", wallet.address, "latest")
    # PUSH1 size, DUP1, PUSH1 11, PUSH1 0, CODECOPY, PUSH1 0, RETURN
    creation = bytes([0x60, len(runtime), 0x80, 0x60, 0x0B, 0x60, 0x00, 0x39, 0x60, 0x00, 0xF3]) + runtime
    signed = sign(
        Transaction(
            chain_id=31337, nonce=nonce, max_fee_wei=10**10, max_tip_wei=10**9, gas=200_000, to=None, data=creation
        ),
        wallet.key,
    )
    wallet.rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
    return created_by(wallet.address, nonce)
