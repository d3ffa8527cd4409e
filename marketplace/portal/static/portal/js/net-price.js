// <net-price>: says, as one types, what a price leaves to the creator. The server says the same after sending.
const EXPONENT = 7; // Shares are percentages with up to seven decimals: parts per billion.

function read(text, digits) {
  const match = /^(\d{1,16})(?:\.(\d+))?$/.exec(text.trim());
  if (!match || (match[2] ?? "").length > digits) return null;
  return BigInt(match[1] + (match[2] ?? "").padEnd(digits, "0"));
}

function rows(form, name) {
  return [...form.querySelectorAll(`input[name^="${name}-"][name$="-share"]`)].map((input) => ({
    who: input.closest("fieldset").querySelector("input").value.trim(),
    share: read(input.value.replace(/\s*%\s*$/, ""), EXPONENT),
    mode: input.closest("fieldset").querySelector("input[type=radio]:checked")?.value,
  }));
}

// What absolute shares take together: those named, and those that known sources bring; each release once, at its most.
function absolute(parents, known) {
  const shares = new Map();
  const keep = (id, share) => shares.set(id, share > (shares.get(id) ?? 0n) ? share : shares.get(id));
  for (const { who, share, mode } of parents) {
    if (mode === "absolute") keep(known[who]?.id ?? who, share);
    for (const [id, brought] of Object.entries(known[who]?.absolute ?? {})) keep(id, BigInt(brought));
  }
  return [...shares.values()].reduce((sum, share) => sum + share, 0n);
}

class NetPrice extends HTMLElement {
  connectedCallback() {
    this.form = this.closest("form");
    this.update = () => this.#update();
    this.form.addEventListener("input", this.update);
    this.#update();
  }

  disconnectedCallback() {
    this.form.removeEventListener("input", this.update);
  }

  #update() {
    const row = this.closest("fieldset");
    const currency = row.querySelector("select").value;
    const format = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency });
    const digits = format.resolvedOptions().maximumFractionDigits;
    const price = read(row.querySelector("input").value, digits);
    this.querySelector("output").textContent = price === null ? "—" : this.#write(format, this.#net(price), digits);
  }

  #net(price) {
    const whole = BigInt(this.dataset.whole);
    const makers = rows(this.form, "share").filter((row) => row.who && row.share);
    const mine = makers.filter((row) => row.who === this.dataset.handle);
    const own = makers.length ? mine.reduce((sum, row) => sum + row.share, 0n) : whole;
    const parents = rows(this.form, "parent").filter((row) => row.share);
    const left = [
      absolute(parents, JSON.parse(this.dataset.sources)),
      parents.reduce((sum, row) => sum + (row.mode === "absolute" ? 0n : row.share), 0n),
    ].reduce((rest, taken) => (taken < whole ? (rest * (whole - taken)) / whole : 0n), whole);
    const share = (left * own) / whole;
    return ((price - (price * BigInt(this.dataset.fee)) / whole) * share) / whole;
  }

  #write(format, minor, digits) {
    const text = minor.toString().padStart(digits + 1, "0");
    return format.format(digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text);
  }
}

customElements.define("net-price", NetPrice);
