// <wallet-sign>, <wallet-send>: a wallet in the browser (EIP-1193, found by EIP-6963) signs or sends what the server
// wrote. Nothing is asked of any server but through the wallet, and nothing here is needed: what it does, other tools
// do too, and the page says how. Its sentences are the data attributes of #wallet, in the reader's language.
const POLL_MS = 700;
const PATIENCE_MS = 600_000;
const SURE_POLLS = 6;
const KEY_OF_CODE = { 4001: "declined", 4100: "locked", 4900: "away", 4901: "away", "-32002": "pending" };

const wallets = new Map();

window.addEventListener("eip6963:announceProvider", ({ detail }) => {
  if (!detail?.info?.uuid || typeof detail.provider?.request !== "function") return;
  wallets.set(detail.info.uuid, detail);
  showWallets();
});
window.dispatchEvent(new Event("eip6963:requestProvider"));

const words = () => document.getElementById("wallet").dataset;
const same = (one, other) => one?.toLowerCase() === other?.toLowerCase();

class Trouble extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

function say(key, values = {}) {
  return (words()[key] || key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// A choice is shown as soon as there is one to make.
function showWallets() {
  const choice = document.querySelector("#wallet fieldset");
  if (!choice || wallets.size < 2) return;
  choice.hidden = false;
  const shown = new Set(Array.from(choice.querySelectorAll("input"), (input) => input.value));
  for (const [uuid, { info }] of wallets) {
    if (shown.has(uuid)) continue;
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "wallet", value: uuid });
    input.checked = !choice.querySelector("input");
    label.className = "check";
    label.append(input, document.createElement("span"));
    label.lastChild.textContent = info.name;
    choice.append(label);
  }
}

function chosen() {
  const uuid = document.querySelector("#wallet input:checked")?.value;
  const provider = (wallets.get(uuid) || wallets.values().next().value)?.provider || window.ethereum;
  if (!provider) throw new Trouble("none");
  return (method, params = []) => provider.request({ method, params });
}

// The account that must sign, or the first one that the wallet shows.
async function accountOf(ask, wanted) {
  const among = (accounts) => (wanted ? accounts.find((one) => same(one, wanted)) : accounts[0]);
  let accounts = await ask("eth_requestAccounts");
  if (!among(accounts) && accounts.length) {
    await ask("wallet_requestPermissions", [{ eth_accounts: {} }]).catch(() => null);
    accounts = await ask("eth_accounts");
  }
  if (!accounts.length) throw new Trouble("locked");
  const account = among(accounts);
  if (!account) throw new Trouble("account", { account: wanted });
  return account;
}

async function toOurChain(ask, tell) {
  const chain = JSON.parse(words().chain);
  const here = async () => Number(await ask("eth_chainId")) === Number(chain.chainId);
  const network = { network: chain.chainName };
  if (await here()) return chain;
  tell("switching", network);
  try {
    await ask("wallet_switchEthereumChain", [{ chainId: chain.chainId }]);
  } catch (error) {
    if (codeOf(error) !== 4902) throw error;
    if (!chain.rpcUrls.length) throw new Trouble("unknown", network);
    await ask("wallet_addEthereumChain", [chain]);
    if (!(await here())) await ask("wallet_switchEthereumChain", [{ chainId: chain.chainId }]);
  }
  if (!(await here())) throw new Trouble("chainWrong", network);
  return chain;
}

// Some wallets wrap an error once, some twice.
const layers = (error) => [error, error?.data, error?.data?.originalError, error?.cause].filter(Boolean);
const codeOf = (error) => (layers(error).some(({ code }) => code === 4902) ? 4902 : error?.code);
const textOf = (error) => layers(error).map(({ message }) => message).filter(Boolean).at(-1) || String(error);
const revertOf = (error) =>
  layers(error).flatMap((layer) => [layer, layer.data]).find((data) => /^0x[0-9a-f]{8}/i.test(data)) || "";

const POOR = /insufficient funds|enough balance|required exceeds allowance/i; // Each kind of node has words of its own.
const isPoor = (error) => POOR.test(layers(error).map(({ message }) => message).join(" "));

function sentence(error) {
  if (error instanceof Trouble) return say(error.key, error.values);
  const key = KEY_OF_CODE[codeOf(error)] || (isPoor(error) ? "poor" : "");
  return key ? say(key) : say("trouble", { reason: textOf(error) });
}

class WalletElement extends HTMLElement {
  #busy = false;

  connectedCallback() {
    const button = this.querySelector("[data-go]");
    button.hidden = false;
    button.addEventListener("click", () => this.#go(button));
    this.querySelector("details").open = Boolean(this.querySelector("[data-errors]"));
  }

  async #go(button) {
    if (this.#busy) return;
    this.#busy = true;
    button.setAttribute("aria-disabled", "true");
    this.querySelector("[data-fails]").hidden = true;
    try {
      await this.act(chosen());
    } catch (error) {
      this.querySelector("[data-says]").textContent = "";
      this.querySelector("[data-why]").textContent = sentence(error);
      this.querySelector("[data-fails]").hidden = false;
      if (error.key === "none") this.querySelector("details").open = true;
    } finally {
      this.#busy = false;
      button.removeAttribute("aria-disabled");
    }
  }

  tell(key, values, before = "") {
    this.querySelector("[data-says]").textContent = before + say(key, values);
  }

  async connect(ask) {
    this.tell("connecting");
    const account = await accountOf(ask, this.dataset.account);
    const chain = await toOurChain(ask, (key, values) => this.tell(key, values));
    return { account, chain };
  }

  fill(form, name, value) {
    let field = form.elements[name];
    if (!field) {
      field = Object.assign(document.createElement("input"), { type: "hidden", name });
      form.append(field);
    }
    field.value = value;
  }
}

class WalletSign extends WalletElement {
  async act(ask) {
    const form = this.closest("form");
    if (!form.reportValidity()) return;
    const { account } = await this.connect(ask);
    const typed = this.dataset.typed.replaceAll('"$address"', JSON.stringify(account));
    this.tell("signing");
    const signature = await ask("eth_signTypedData_v4", [account, typed]);
    if (!/^0x([0-9a-f]{2}){65,}$/i.test(signature)) throw new Trouble("trouble", { reason: signature });
    this.fill(form, this.dataset.address, account);
    this.fill(form, this.dataset.signature, signature);
    this.tell("signed");
    form.requestSubmit();
  }
}

class WalletSend extends WalletElement {
  async act(ask) {
    const steps = JSON.parse(this.dataset.steps);
    let receipt = null;
    for (const [at, step] of steps.entries()) {
      const { account, chain } = await this.connect(ask);
      const mine = (data) => data.replaceAll(words().word, account.slice(2).toLowerCase().padStart(64, "0"));
      const before = steps.length > 1 ? `${at + 1}/${steps.length} ${step.label}: ` : "";
      const wanted = { from: account, to: step.to, data: mine(step.data), value: step.value, chainId: chain.chainId };
      const sent = this.#earlier(wanted);
      if (!sent && step.unless && (await this.#enough(ask, step.unless, mine))) continue;
      receipt = await this.#mined(ask, wanted, sent || (await this.#send(ask, wanted, chain, before)), before);
    }
    const block = receipt ? Number(receipt.blockNumber).toLocaleString(document.documentElement.lang) : "";
    this.tell(receipt ? "mined" : "nothing", { block });
    const form = document.getElementById(this.dataset.form);
    if (form) {
      this.fill(form, "transaction", receipt?.transactionHash || "");
      form.requestSubmit();
    } else if (this.dataset.done) location.assign(this.dataset.done);
  }

  async #enough(ask, { to, data, least }, mine) {
    const answer = await ask("eth_call", [{ to, data: mine(data) }, "latest"]);
    return answer.length > 2 && BigInt(answer) >= BigInt(least);
  }

  #kept = (wanted) => `wallet ${Object.values(wanted).join(" ")}`;

  // What was sent from this tab is waited for, however often the button is pressed, until its fate is known.
  #earlier = (wanted) => JSON.parse(sessionStorage.getItem(this.#kept(wanted)) || "null");

  #keep = (wanted, sent) => sessionStorage.setItem(this.#kept(wanted), JSON.stringify(sent));

  #forget = (wanted) => sessionStorage.removeItem(this.#kept(wanted));

  async #send(ask, wanted, chain, before) {
    this.tell("checking", {}, before);
    this.tell("sending", { fee: await this.#fee(ask, wanted, chain) }, before);
    const block = await ask("eth_blockNumber");
    const sent = { block, hash: await ask("eth_sendTransaction", [wanted]) };
    this.#keep(wanted, sent);
    return sent;
  }

  // What would fail is not sent: the network keeps its fee for it all the same.
  async #fee(ask, wanted, chain) {
    try {
      const [gas, price] = [await ask("eth_estimateGas", [wanted]), await ask("eth_gasPrice")];
      const form = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 2 });
      return `${form.format(Number(BigInt(gas) * BigInt(price)) / 1e18)} ${chain.nativeCurrency.symbol}`;
    } catch (error) {
      if (codeOf(error) === 4001 || isPoor(error)) throw error;
      const told = { ...JSON.parse(words().refusals), ...JSON.parse(this.dataset.reasons || "{}") };
      const known = told[revertOf(error).slice(0, 10).toLowerCase()];
      throw new Trouble("fails", { reason: known || textOf(error) });
    }
  }

  // An endpoint is many nodes, of which one is ahead and one behind: nothing is concluded from one answer.
  async #mined(ask, wanted, sent, before) {
    const quiet = (method, ...params) => ask(method, params).catch(() => undefined); // A wallet may doze.
    this.tell("waiting", { transaction: `${sent.hash.slice(0, 10)}…${sent.hash.slice(-4)}` }, before);
    let [lost, known] = [0, null];
    for (const began = Date.now(); Date.now() - began < PATIENCE_MS; ) {
      const receipt = await quiet("eth_getTransactionReceipt", sent.hash);
      if (receipt?.blockNumber) {
        this.#forget(wanted);
        if (Number(receipt.status) !== 1) throw new Trouble("failed");
        return receipt;
      }
      known = await quiet("eth_getTransactionByHash", sent.hash);
      if (known?.nonce && !sent.nonce) this.#keep(wanted, Object.assign(sent, { nonce: known.nonce }));
      const count = await quiet("eth_getTransactionCount", wanted.from, "latest");
      const isPast = sent.nonce && Number(count) > Number(sent.nonce);
      lost = receipt === null && isPast ? lost + 1 : 0;
      if (lost >= SURE_POLLS) {
        lost = 0;
        sent.hash = await this.#taker(ask, wanted, sent);
        this.#keep(wanted, sent);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    if (known === null) this.#forget(wanted);
    throw new Trouble(known === null ? "unknownSent" : "slow");
  }

  // Another transaction of the account has its number: the same, sent faster by the wallet, or one instead of it.
  async #taker(ask, wanted, { block, nonce }) {
    let found;
    try {
      let [low, high] = [Number(block), Number(await ask("eth_blockNumber"))];
      while (low < high) {
        const middle = (low + high) >> 1;
        const count = await ask("eth_getTransactionCount", [wanted.from, `0x${middle.toString(16)}`]);
        if (Number(count) > Number(nonce)) high = middle;
        else low = middle + 1;
      }
      const { transactions } = await ask("eth_getBlockByNumber", [`0x${low.toString(16)}`, true]);
      found = transactions.find((one) => same(one.from, wanted.from) && Number(one.nonce) === Number(nonce));
    } catch {
      // Not every endpoint answers about blocks that are past.
    }
    const isCall = found && same(found.to, wanted.to) && same(found.input, wanted.data);
    if (isCall && BigInt(found.value) === BigInt(wanted.value)) return found.hash;
    this.#forget(wanted);
    throw new Trouble(found ? "replaced" : "unclear");
  }
}

customElements.define("wallet-sign", WalletSign);
customElements.define("wallet-send", WalletSend);
