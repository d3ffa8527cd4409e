"""A wallet for browser tests: an EIP-1193 provider in the page that really signs, and relays the rest to a chain."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account

from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.transaction import Signed, Transaction, address_of, sign

_NUMBERS = itertools.count(1)
# As an extension would: it answers when asked who is there, or stands as window.ethereum, as all did before EIP-6963.
_PROVIDER = """
((binding, info, legacy) => {
  const provider = Object.freeze({
    request: async ({ method, params = [] }) => {
      const answer = JSON.parse(await window[binding](JSON.stringify({ method, params })));
      if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
      return answer.result;
    },
    on() {},
    removeListener() {},
  });
  const announce = () =>
    window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
  if (legacy) window.ethereum = provider;
  else {
    window.addEventListener("eip6963:requestProvider", announce);
    announce();
  }
})(%s, %s, %s);
"""
ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"


class Declined(Exception):
    """What a provider's promise is rejected with."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message} | ({"data": data} if data is not None else {})


@dataclass
class Wallet:
    """One account's wallet; with `chain_id` it stands on another network, of `known` ones it can switch to.

    `asked` lists the methods in order; while `hold`, transactions are signed and known to the wallet, but not sent.
    To methods in `blind` it answers null, as a node that is behind does.
    """

    key: bytes
    rpc_url: str
    name: str = "Test Wallet"
    chain_id: int = 0
    known: set[int] = field(default_factory=set)
    locked: bool = False
    hold: bool = False
    gas: int = 0
    asked: list[str] = field(default_factory=list)
    blind: set[str] = field(default_factory=set)
    held: dict[str, tuple[int, bytes, dict[str, Any]]] = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)
    _refusals: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rpc = JsonRpc(self.rpc_url)
        self.home = self.rpc.number("eth_chainId")
        self.chain_id = self.chain_id or self.home
        self.known |= {self.chain_id}

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return address_of(self.key)

    def refuse_next(self, code: int) -> None:
        """Lets the next question that a person is asked (to sign, to send, to switch) fail with an error."""
        self._refusals.append(code)

    def release(self) -> None:
        """Sends what was held back."""
        for _, raw, _ in self.held.values():
            self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        self.held.clear()

    def replace(self) -> None:
        """Sends another transaction with the nonce of the one that was held back, as "cancel" in a wallet does."""
        self.held.clear()
        self.rpc.call("eth_sendRawTransaction", "0x" + self._signed({"to": self.address})[1].raw.hex())

    def speed_up(self) -> None:
        """Sends what was held back with the same number and a higher fee: it has another hash then."""
        ((nonce, _raw, wanted),) = self.held.values()
        self.held.clear()
        self.rpc.call("eth_sendRawTransaction", "0x" + self._signed(wanted, dearer=2)[1].raw.hex())
        assert self.rpc.number("eth_getTransactionCount", self.address, "latest") == nonce + 1

    def answer(self, text: str) -> str:
        """Answers one request of the page, as JSON."""
        asked = json.loads(text)
        self.asked.append(asked["method"])
        try:
            return json.dumps({"result": self._answer(asked["method"], asked["params"])})
        except Declined as declined:
            return json.dumps({"error": declined.error})
        except RpcRefusal as refusal:
            data = None if refusal.data is None else "0x" + refusal.data.hex()
            return json.dumps({"error": {"code": refusal.number, "message": refusal.message, "data": data}})

    def _answer(self, method: str, params: list[Any]) -> Any:
        own = {
            "eth_requestAccounts": self._accounts,
            "eth_accounts": self._accounts,
            "eth_chainId": lambda: hex(self.chain_id),
            "wallet_requestPermissions": lambda: [{"parentCapability": "eth_accounts"}],
            "wallet_switchEthereumChain": self._switch,
            "wallet_addEthereumChain": self._add,
            "eth_signTypedData_v4": self._sign_typed,
            "eth_sendTransaction": self._send,
        }
        if method in own:
            return own[method](*params)
        if method == "eth_getTransactionByHash" and params[0] in self.held:
            return {"hash": params[0], "nonce": hex(self.held[params[0]][0]), "blockNumber": None}
        if method in self.blind:
            return None
        if self.chain_id != self.home:
            raise Declined(-32603, "this network is not served here")
        return self.rpc.call(method, *params)

    def _ask_person(self) -> None:
        if self._refusals:
            raise Declined(self._refusals.pop(0), "User rejected the request.")

    def _accounts(self) -> list[str]:
        return [] if self.locked else [self.address]

    def _switch(self, wanted: dict[str, str]) -> None:
        self._ask_person()
        if int(wanted["chainId"], 16) not in self.known:
            raise Declined(4902, "Unrecognized chain ID.")
        self.chain_id = int(wanted["chainId"], 16)

    def _add(self, chain: dict[str, Any]) -> None:
        self._ask_person()
        assert set(chain) >= {"chainId", "chainName", "nativeCurrency", "rpcUrls"}
        self.added.append(chain)
        self.known.add(int(chain["chainId"], 16))

    def _sign_typed(self, account: str, document: str) -> str:
        self._ask_person()
        typed = json.loads(document)
        if account != self.address:
            raise Declined(4100, "The requested account has not been authorized.")
        if int(typed["domain"]["chainId"]) != self.chain_id:
            raise Declined(-32602, "The message is for another chain.")
        return "0x" + Account.sign_typed_data(self.key, full_message=typed).signature.hex().removeprefix("0x")

    def _send(self, wanted: dict[str, Any]) -> str:
        self._ask_person()
        if wanted["from"] != self.address:
            raise Declined(4100, "The requested account has not been authorized.")
        if int(wanted["chainId"], 16) != self.chain_id:
            raise Declined(-32602, "The transaction is for another chain.")
        nonce, signed = self._signed(wanted)
        digest = "0x" + signed.digest.hex()
        if self.hold:
            self.held[digest] = nonce, signed.raw, wanted
        else:
            self.rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        return digest

    def _signed(self, wanted: dict[str, Any], dearer: int = 1) -> tuple[int, Signed]:
        message = {name: wanted[name] for name in ("to", "data", "value") if name in wanted} | {"from": self.address}
        price = self.rpc.number("eth_gasPrice")
        nonce = self.rpc.number("eth_getTransactionCount", self.address, "latest")
        transaction = Transaction(
            chain_id=self.chain_id,
            nonce=nonce,
            max_fee_wei=price * 3 * dearer,
            max_tip_wei=min(price, 10**9),
            gas=self.gas or self.rpc.number("eth_estimateGas", message) * 5 // 4,
            to=wanted["to"],
            data=bytes.fromhex(wanted.get("data", "0x")[2:]),
            value_wei=int(wanted.get("value", "0x0"), 16),
        )
        return nonce, sign(transaction, self.key)


def install(place: Any, wallet: Wallet, *, legacy: bool = False) -> None:
    """Gives a page or a context the wallet, from its next document on; `legacy` only as window.ethereum."""
    number = next(_NUMBERS)
    binding = f"testWallet{number}"
    info = {
        "uuid": f"00000000-0000-4000-8000-{number:012d}",
        "name": wallet.name,
        "icon": ICON,
        "rdns": "example.wallet",
    }
    place.expose_function(binding, wallet.answer)
    place.add_init_script(_PROVIDER % (json.dumps(binding), json.dumps(info), json.dumps(legacy)))
