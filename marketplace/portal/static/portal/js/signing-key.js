// <make-key>, <find-key>, <restore-key>, <sign-here>: a creator's Ed25519 key by WebCrypto. It is kept in IndexedDB as
// a key that no script can read out, and signs what the server asks for; only signatures and the public half are sent.
const DATABASE = "worldloom-signing";
const BACKUP = "worldloom/signing-key-backup/1";
const ROUNDS = 600_000; // PBKDF2-HMAC-SHA256
const text = new TextEncoder();

const says = (element, name) => element.closest("[data-words]").querySelector(`template[data-word=${name}]`).content.textContent;

// The cookie is fresher than the page when somebody signed in again in another tab.
function token() {
  const cookie = /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie);
  return cookie?.[1] ?? document.querySelector("input[name=csrfmiddlewaretoken]").value;
}

function base64url(bytes) {
  const binary = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const bytesOf = (said) => Uint8Array.from(atob(said.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));

// --- where keys are kept
function store(mode, act) {
  return new Promise((resolve, reject) => {
    const opened = indexedDB.open(DATABASE, 1);
    opened.onupgradeneeded = () => opened.result.createObjectStore("keys", { keyPath: "kid" });
    opened.onerror = () => reject(opened.error);
    opened.onsuccess = () => {
      const change = opened.result.transaction("keys", mode);
      const asked = act(change.objectStore("keys"));
      change.oncomplete = () => (opened.result.close(), resolve(asked.result));
      change.onabort = () => (opened.result.close(), reject(change.error));
    };
  });
}

const keep = (kid, key) => store("readwrite", (keys) => keys.put({ kid, key }));
const find = async (kid) => (await store("readonly", (keys) => keys.get(kid)))?.key;

// --- keys
async function thumbprint({ crv, kty, x }) {
  const canonical = JSON.stringify({ crv, kty, x }); // RFC 7638: these members, in this order
  return base64url(await crypto.subtle.digest("SHA-256", text.encode(canonical)));
}

const locked = (jwk) => crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["sign"]);

async function sealer(passphrase, salt, iterations) {
  const given = await crypto.subtle.importKey("raw", text.encode(passphrase.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
  const way = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return crypto.subtle.deriveKey(way, given, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

async function sealed(kid, jwk, passphrase) {
  const [salt, iv] = [16, 12].map((length) => crypto.getRandomValues(new Uint8Array(length)));
  const key = await sealer(passphrase, salt, ROUNDS);
  const { crv, d, kty, x } = jwk;
  const content = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, text.encode(JSON.stringify({ crv, d, kty, x })));
  return { format: BACKUP, kid, iterations: ROUNDS, salt: base64url(salt), iv: base64url(iv), sealed: base64url(content) };
}

async function unsealed(backup, passphrase) {
  if (backup.format !== BACKUP || !(backup.iterations <= 10_000_000)) throw new Error("no backup");
  const key = await sealer(passphrase, bytesOf(backup.salt), backup.iterations);
  const content = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytesOf(backup.iv) }, key, bytesOf(backup.sealed));
  return JSON.parse(new TextDecoder().decode(content));
}

function download(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// --- what is signed: DSSE v1, PAE(type, payload)
function pae(type, payload) {
  const length = (said) => text.encode(said).length;
  return text.encode(`DSSEv1 ${length(type)} ${type} ${length(payload)} ${payload}`);
}

class Refused extends Error {}

async function ask(element, address, body) {
  let answer;
  let said = {};
  try {
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token() };
    answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
    said = await answer.json();
  } catch {
    throw new Refused(says(element, "offline"));
  }
  if (!answer.ok) throw new Refused(said.detail ?? says(element, "offline"));
  return said;
}

async function signed(element, messages, fresh = {}) {
  const signatures = [];
  for (const message of messages) {
    const key = fresh[message.kid] ?? (await find(message.kid));
    if (!key) throw new Refused(says(element, "missing"));
    const sig = base64url(await crypto.subtle.sign("Ed25519", key, pae(message.type, message.payload)));
    signatures.push({ ...message, sig });
  }
  return signatures;
}

// What a form says: several values of one name are a list.
function given(form) {
  const said = {};
  for (const [name, value] of new FormData(form)) said[name] = name in said ? [said[name], value].flat() : value;
  return said;
}

// --- elements: each shows its control, does one thing, and says what stood in the way
class Doer extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.status = this.querySelector("[role=status]");
    if (!globalThis.isSecureContext || !crypto.subtle || !globalThis.indexedDB) return this.say("unable");
    this.form.hidden = false;
    this.form.addEventListener("submit", (event) => (event.preventDefault(), this.run()));
    this.ready?.();
  }

  say(name, detail = "") {
    this.status.textContent = detail || (name ? says(this, name) : "");
    this.status.classList.toggle("error", Boolean(detail) || name === "unable");
  }

  async run() {
    const buttons = this.form.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    this.say("busy");
    try {
      await this.act(given(this.form));
    } catch (error) {
      this.say("", error instanceof Refused ? error.message : says(this, error.name === "NotSupportedError" ? "unable" : "failed"));
    }
    for (const button of buttons) button.disabled = false;
  }
}

class MakeKey extends Doer {
  async act({ passphrase, after }) {
    const pair = await crypto.subtle.generateKey("Ed25519", Boolean(passphrase), ["sign", "verify"]);
    const { crv, kty, x } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const kid = await thumbprint({ crv, kty, x });
    let key = pair.privateKey;
    if (passphrase) {
      const whole = await crypto.subtle.exportKey("jwk", key);
      download(`worldloom-key-${kid.slice(0, 8)}.json`, await sealed(kid, whole, passphrase));
      key = await locked({ crv, kty, x, d: whole.d });
    }
    // Kept before it is registered: a key that signs for somebody must never be lost on the way.
    await keep(kid, key);
    const asked = await ask(this, this.dataset.address, { given: { public_jwk: { crv, kty, x }, after } });
    const signatures = await signed(this, asked.messages, { [kid]: key });
    location.assign((await ask(this, this.dataset.address, { token: asked.token, signatures })).next);
  }
}

class FindKey extends HTMLElement {
  async connectedCallback() {
    if (!globalThis.indexedDB) return;
    this.textContent = says(this, (await find(this.dataset.kid)) ? "here" : "elsewhere");
  }
}

class RestoreKey extends Doer {
  async act({ file, passphrase }) {
    let jwk;
    try {
      jwk = await unsealed(JSON.parse(await file.text()), passphrase);
    } catch {
      throw new Refused(says(this, "unopened"));
    }
    const kid = await thumbprint(jwk);
    if (kid !== this.dataset.kid) throw new Refused(says(this, "another"));
    await keep(kid, await locked(jwk));
    location.reload();
  }
}

class SignHere extends Doer {
  ready() {
    const exact = this.querySelector("details[data-exact]");
    exact?.addEventListener("toggle", () => exact.open && this.show(exact.querySelector("pre")));
  }

  async show(place) {
    try {
      this.asked = await ask(this, this.dataset.address, { given: given(this.form) });
      place.textContent = this.asked.messages.map(({ type, payload }) => `${type}\n${payload}`).join("\n\n");
    } catch (error) {
      this.say("", error.message);
    }
  }

  async act(given) {
    delete given.csrfmiddlewaretoken;
    const asked = this.asked ?? (await ask(this, this.dataset.address, { given }));
    this.asked = undefined;
    const signatures = await signed(this, asked.messages);
    location.assign((await ask(this, this.dataset.address, { token: asked.token, signatures })).next);
  }
}

customElements.define("make-key", MakeKey);
customElements.define("find-key", FindKey);
customElements.define("restore-key", RestoreKey);
customElements.define("sign-here", SignHere);
