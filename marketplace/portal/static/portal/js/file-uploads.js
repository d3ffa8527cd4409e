// <file-uploads>: sends chosen files at once by tus, each on its own, and puts their ids into the form. A broken line,
// a closed page and a restarted server only pause a file; without this script the form itself sends them.
const POLL_MS = [1500, 10_000];
const RETRIES_MS = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000];
const AGAIN = [0, 409, 423, 429, 460]; // and everything from 500 on: worth another try by itself
const AT_ONCE = 3;
const RATE_MS = 8000;
const TELL_MS = 10_000;
const KEPT_MS = 72 * 3600_000; // longer than any unfinished upload lives
const SHEET = "pack.toml";
const TUS = { "Tus-Resumable": "1.0.0" };
const MOVES = ["queued", "sending", "paused"];
const UNSENT = ["failed", "twice", "gone"];
const TONES = { sending: "accent", waiting: "accent", unfinished: "warn", refused: "bad", failed: "bad", twice: "bad", gone: "bad" };

const total = () => document.querySelector("upload-total");
const says = (name) => document.getElementById("upload-words").dataset[name] ?? "";
const pathOf = (url) => new URL(url, location.href).pathname;

// The cookie is fresher than the page when somebody signed in again in another tab.
function token() {
  const cookie = /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie);
  return cookie?.[1] ?? document.querySelector("input[name=csrfmiddlewaretoken]").value;
}

function number(value, style, digits = 0) {
  return new Intl.NumberFormat(document.documentElement.lang, { ...style, maximumFractionDigits: digits }).format(value);
}

function size(bytes, per = "") {
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 3);
  const unit = ["byte", "kilobyte", "megabyte", "gigabyte"][step] + per;
  return number(bytes / 1000 ** step, { style: "unit", unit, unitDisplay: step ? "short" : "long" }, step ? 1 : 0);
}

function span(seconds) {
  const [unit, value] = seconds < 90 ? ["second", Math.ceil(seconds / 5) * 5] : ["minute", Math.ceil(seconds / 60)];
  return number(value, { style: "unit", unit, unitDisplay: "long" });
}

// What this browser began: address → field, name, size, modified, at and sent (it was handed in with the form).
// Where nothing may be stored, uploads still work; only a page that is opened again does not know of them.
const kept = {
  memory: {},
  get key() {
    return `worldloom.uploads.${total().dataset.owner}`;
  },
  all() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? this.memory;
    } catch {
      return this.memory;
    }
  },
  change(url, facts) {
    const fresh = Object.entries(this.all()).filter(([, one]) => Date.now() - one.at < KEPT_MS);
    const all = (this.memory = Object.fromEntries(fresh));
    if (facts) all[url] = { at: Date.now(), ...all[url], ...facts };
    else delete all[url];
    try {
      localStorage.setItem(this.key, JSON.stringify(all));
    } catch {
      // full, or forbidden
    }
  },
  find(field, file) {
    const same = ([, one]) => one.field === field && one.name === file.name && one.size === file.size;
    const found = Object.entries(this.all()).find((one) => same(one) && one[1].modified === file.lastModified && !one[1].sent);
    return found?.[0];
  },
};

// What the server answered instead of taking bytes; `message` is its own sentence, in the reader's language.
class Refusal extends Error {
  constructor(response) {
    let said = {};
    try {
      said = JSON.parse(response.getBody());
    } catch {
      // a proxy's page
    }
    super(said.detail || says("odd").replace("{status}", response.getStatus()));
    this.status = response.getStatus();
  }
}

class Row {
  constructor(uploads, name, bytes) {
    Object.assign(this, { uploads, name, total: bytes, sent: 0, state: "" });
    this.item = document.createElement("li");
    this.item.append(document.getElementById("upload-row").content.cloneNode(true));
    this.part = (selector) => this.item.querySelector(selector);
    this.part(".name").textContent = name;
    this.part("progress").setAttribute("aria-label", name);
    for (const act of ["pause", "resume", "remove"]) {
      this.part(`[data-${act}]`).append(Object.assign(document.createElement("span"), { className: "hush", textContent: ` ${name}` }));
      this.part(`[data-${act}]`).addEventListener("click", () => this[act]());
    }
    this.item.row = this;
    uploads.list.append(this.item);
  }

  show(state, { sent = this.sent, note = "", error = "" } = {}) {
    const before = this.state;
    Object.assign(this, { state, sent });
    const moves = MOVES.includes(state);
    this.part("progress").value = this.total ? (sent / this.total) * 1000 : 1000;
    this.part("progress").hidden = !moves;
    this.part("[data-says]").textContent = moves
      ? says("of").replace("{done}", size(sent)).replace("{total}", size(this.total))
      : size(this.total);
    this.part("[data-state]").textContent = says(state);
    this.part("[data-state]").className = `badge ${TONES[state] ?? ""}`;
    this.part("[data-note]").hidden = !note;
    this.part("[data-note]").textContent = note;
    this.part("[data-error]").hidden = !error;
    this.part("[data-error] span").textContent = error;
    const stops = !["queued", "sending"].includes(state);
    const goes = this.file && ["paused", "failed", "twice"].includes(state);
    const held = ["pause", "resume"].some((act) => this.part(`[data-${act}]`) === document.activeElement);
    this.part("[data-pause]").hidden = stops;
    this.part("[data-resume]").hidden = !goes;
    this.part("[data-resume]").firstChild.textContent = says(state === "paused" ? "resume" : "retry");
    if (held && document.activeElement !== this.item) this.part("button:not([hidden])").focus();
    if (before !== state && TONES[state] === "bad") total().announce(`${this.name}: ${says(state)}. ${error}`);
    total().update();
  }

  /** Keeps other pages of this browser from showing the same upload as theirs; false when one of them has it. */
  async hold(url) {
    this.url = url;
    if (!navigator.locks) return true;
    const signal = AbortSignal.timeout(1500); // as long as a page that is being left may take
    const mine = await new Promise((resolve) => {
      const held = () => new Promise((free) => (resolve(true), (this.free = free), this.removed && free()));
      navigator.locks.request(url, { signal }, held).catch(() => resolve(false));
    });
    return mine;
  }

  /** Takes its turn; a file that began earlier goes on at `url`. */
  queue(file, url) {
    this.file = file;
    const other = total().rows.find((row) => row !== this && row.name === file.name && row.state !== "twice");
    if (other) {
      const error = says(other.uploads === this.uploads ? "twins" : "elsewhere");
      return this.show("twice", { error: error.replace("{where}", other.uploads.label) });
    }
    this.upload ??= new tus.Upload(file, this.#options(file, url));
    this.show("queued");
  }

  go() {
    this.show("sending");
    this.last = undefined;
    this.upload.start();
  }

  #options(file, url) {
    const facts = { field: this.uploads.dataset.name, name: file.name, size: file.size, modified: file.lastModified };
    return {
      endpoint: total().dataset.endpoint,
      uploadUrl: url ?? null,
      storeFingerprintForResuming: false,
      metadata: { filename: file.name },
      retryDelays: RETRIES_MS,
      onBeforeRequest: (request) => request.setHeader("X-CSRFToken", token()),
      onAfterResponse: (request, response) => {
        const status = response.getStatus();
        const begins = request.getMethod() === "HEAD" && [404, 410].includes(status); // gone: sent from its beginning
        if (begins && this.url) kept.change(this.url);
        if (status >= 400 && !begins) throw new Refusal(response);
      },
      onUploadUrlAvailable: () => {
        if (pathOf(this.upload.url) !== this.url) this.hold(pathOf(this.upload.url));
        if (this.removed) return this.remove();
        kept.change(this.url, { ...facts, sent: false });
      },
      onProgress: (sent) => {
        if (this.state !== "sending") return;
        if (this.last !== undefined) total().moved(sent - this.last);
        this.last = sent;
        this.show("sending", { sent });
      },
      onShouldRetry: (error) => {
        const status = error.causingError?.status ?? 0;
        if (!navigator.onLine || !(AGAIN.includes(status) || status >= 500)) return false;
        this.show("sending", { note: says("broken") });
        return true;
      },
      onError: (error) => this.#failed(error.causingError),
      onSuccess: () => this.removed || this.arrived(pathOf(this.upload.url)),
    };
  }

  #failed(refusal) {
    if (refusal?.status === 401) return this.show("paused", { error: says("signedOut") });
    if (refusal instanceof Refusal) return this.show("failed", { error: refusal.message });
    this.waitsForLine = true;
    this.show("paused", { note: says("offline") });
  }

  arrived(url) {
    if (url !== this.url) this.hold(url);
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: `uploaded_${this.uploads.dataset.name}`, value: url.split("/").at(-1) });
    this.item.append(input);
    this.show("waiting", { sent: this.total });
    this.#follow(POLL_MS[0]);
  }

  async #follow(wait) {
    const answer = await fetch(`${this.url}/inspection`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!this.item.isConnected) return;
    if (answer?.status === 404) {
      this.part("input[type=hidden]").remove();
      kept.change(this.url);
      return this.show("gone", { error: says("lost") });
    }
    const { state = "waiting", findings = [] } = answer?.ok ? await answer.json() : {};
    const said = answer?.status === 401 ? says("signedOut") : findings.map((finding) => finding.message).join(" ");
    this.show(state, state === "refused" ? { error: said } : { note: said });
    if (state !== "waiting" && state !== "unfinished") return;
    setTimeout(() => this.#follow(Math.min(wait * 1.3, POLL_MS[1])), wait);
  }

  pause() {
    this.upload.abort();
    this.show("paused");
  }

  resume() {
    this.waitsForLine = false;
    this.queue(this.file);
  }

  /** Takes the row away, and nothing else. */
  drop() {
    const next = this.item.nextElementSibling ?? this.item.previousElementSibling;
    const held = this.item.contains(document.activeElement);
    this.removed = true;
    this.free?.();
    this.upload?.abort();
    this.item.remove();
    if (held) (next?.querySelector("[data-remove]") ?? this.uploads.input).focus();
    total().update();
  }

  async remove() {
    this.drop();
    if (!this.url) return;
    kept.change(this.url);
    const headers = { ...TUS, "X-CSRFToken": token() };
    await fetch(this.url, { method: "DELETE", headers, keepalive: true }).catch(() => null);
  }
}

class FileUploads extends HTMLElement {
  connectedCallback() {
    if (!window.tus?.isSupported) return;
    this.classList.toggle("live", !("folder" in this.dataset)); // the folder's input says what it holds, the others are empty
    this.list = this.querySelector(".uploads");
    this.input = this.querySelector("input[type=file]");
    this.label = this.querySelector("label").firstChild.textContent.trim();
    for (const item of this.list.querySelectorAll("li[data-id]")) {
      const { url, file, size: bytes } = item.dataset;
      item.remove();
      if (url in kept.all()) kept.change(url, { sent: false });
      new Row(this, file, Number(bytes)).arrived(url);
    }
    this.input.addEventListener("change", () => this.#chosen([...this.input.files]));
    this.#again();
  }

  get rows() {
    return [...this.list.children].map((item) => item.row);
  }

  async #chosen(files) {
    if ("folder" in this.dataset) return this.#folder(files);
    this.input.value = "";
    for (const file of files) this.#take(file);
  }

  // The form sends pack.toml itself; of the folder, only what it speaks of goes on its way.
  async #folder(files) {
    const [sheet, second] = files.filter((file) => file.name === SHEET);
    const rest = new DataTransfer();
    if (sheet && !second) rest.items.add(sheet);
    this.input.files = rest.files;
    total().stop(sheet && !second ? "" : "sheet");
    if (!rest.files.length) return;
    const text = await sheet.slice(0, 1 << 20).text();
    const spoken = (file) => text.includes(file.name) || text.includes("\\"); // with escapes, names cannot be looked for
    const taken = new Set();
    for (const file of files.filter((file) => file !== sheet && spoken(file))) {
      if (taken.has(file.name)) new Row(this, file.name, file.size).queue(file);
      else this.#take(file);
      taken.add(file.name);
    }
  }

  #take(file) {
    const known = kept.find(this.dataset.name, file);
    for (const row of this.rows) {
      if (!("single" in this.dataset) && row.name !== file.name) continue;
      if (known && row.url === known) row.drop();
      else row.remove();
    }
    new Row(this, file.name, file.size).queue(file, known);
  }

  // A page that was opened again asks what became of the uploads that it began.
  async #again() {
    const mine = Object.entries(kept.all()).filter(([, one]) => one.field === this.dataset.name && !one.sent);
    await Promise.all(mine.map(([url, { name }]) => this.rows.some((row) => row.url === url) || this.#found(url, name)));
  }

  async #found(url, name) {
    const row = new Row(this, name, 0);
    row.item.hidden = true;
    const answer = (await row.hold(url)) && (await fetch(url, { method: "HEAD", headers: TUS }).catch(() => null));
    if ([404, 410].includes(answer?.status)) kept.change(url);
    if (!answer?.ok) return row.drop();
    const [bytes, sent] = ["Upload-Length", "Upload-Offset"].map((field) => Number(answer.headers.get(field)));
    row.item.hidden = false;
    row.total = bytes;
    if (sent === bytes) row.arrived(url);
    else row.show("paused", { sent, note: says("again") });
  }
}

class UploadTotal extends HTMLElement {
  #told = 0;
  #heard = [];
  #moved = [];
  #step = ""; // "", asking, going, gone

  connectedCallback() {
    this.form = this.closest("form");
    if (!window.tus?.isSupported) return;
    this.form.addEventListener("submit", (event) => this.#submit(event));
    window.addEventListener("pageshow", (event) => event.persisted && this.#ready());
    window.addEventListener("online", () => {
      for (const row of this.rows) if (row.waitsForLine) row.resume();
    });
    window.addEventListener("beforeunload", (event) => {
      if (!this.#step && this.rows.some((row) => ["queued", "sending"].includes(row.state))) event.preventDefault();
    });
  }

  get rows() {
    return [...document.querySelectorAll("file-uploads .uploads > li")].map((item) => item.row).filter(Boolean);
  }

  #ready() {
    this.#step = "";
    this.form.querySelector("button.primary").removeAttribute("aria-disabled");
  }

  /** Says beside the button why the form does not go; nothing takes it back. */
  stop(why) {
    const place = this.form.querySelector("[data-stops]");
    place.hidden = !why;
    place.dataset.stops = why;
    place.querySelector("span").textContent = says(why);
  }

  async #submit(event) {
    if (this.#step === "going") {
      this.#step = "gone";
      return;
    }
    event.preventDefault();
    if (this.#step) return; // a second click
    const busy = this.rows.find((row) => MOVES.includes(row.state));
    const unsent = this.rows.find((row) => UNSENT.includes(row.state));
    if (busy || unsent) return this.stop(busy ? "busy" : "unsent");
    this.#step = "asking";
    const [first] = this.rows;
    // Whoever was signed out meanwhile would lose what is written here.
    const answer = first && (await fetch(`${first.url}/inspection`).catch(() => ({ status: 0 })));
    this.#ready();
    if (answer?.status === 401 || answer?.status === 0) return this.stop(answer.status ? "signedOut" : "noLine");
    this.stop("");
    this.form.querySelector("input[name=csrfmiddlewaretoken]").value = token();
    for (const row of this.rows) kept.change(row.url, { sent: true });
    this.#step = "going";
    this.form.querySelector("button.primary").setAttribute("aria-disabled", "true");
    this.form.requestSubmit(event.submitter);
  }

  moved(bytes) {
    this.#moved.push([performance.now(), Math.max(bytes, 0)]);
  }

  #rate() {
    const now = performance.now();
    this.#moved = this.#moved.filter(([at]) => now - at < RATE_MS);
    const since = now - (this.#moved[0]?.[0] ?? now);
    return since < 1500 ? 0 : this.#moved.reduce((sum, [, bytes]) => sum + bytes, 0) / (since / 1000);
  }

  update() {
    const rows = this.rows;
    this.hidden = !rows.length;
    const sending = rows.filter((row) => row.state === "sending").length;
    for (const row of rows.filter((row) => row.state === "queued").slice(0, Math.max(AT_ONCE - sending, 0))) return row.go();
    const counted = rows.filter((row) => !UNSENT.includes(row.state));
    const [done, all] = ["sent", "total"].map((key) => counted.reduce((sum, row) => sum + row[key], 0));
    const rate = sending ? this.#rate() : 0;
    const text = [says("of").replace("{done}", size(done)).replace("{total}", size(all))];
    if (rate) text.push(size(rate, "-per-second"), says("left").replace("{time}", span((all - done) / rate)));
    this.querySelector("progress").value = all ? (done / all) * 1000 : 0;
    this.querySelector("progress").hidden = !rows.some((row) => MOVES.includes(row.state));
    this.querySelector("[data-says]").textContent = text.join(" · ");
    const stops = this.form.querySelector("[data-stops]").dataset.stops;
    const states = { busy: MOVES, unsent: UNSENT }[stops];
    if (states && !rows.some((row) => states.includes(row.state))) this.stop("");
    // A screen reader hears of progress now and then, not ten times a second.
    if (sending && performance.now() - this.#told > TELL_MS) this.announce(text.join(", "));
  }

  announce(text) {
    const now = (this.#told = performance.now());
    this.#heard = [...this.#heard.filter(([at]) => now - at < 3000), [now, text]]; // two at once are both heard
    this.querySelector("[data-announces]").textContent = this.#heard.map(([, said]) => said).join(" ");
  }
}

customElements.define("upload-total", UploadTotal);
customElements.define("file-uploads", FileUploads);
