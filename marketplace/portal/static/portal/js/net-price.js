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
  }));
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
    const taken = rows(this.form, "parent").reduce((sum, row) => sum + (row.share ?? 0n), 0n);
    const share = taken < whole ? ((whole - taken) * own) / whole : 0n;
    return ((price - (price * BigInt(this.dataset.fee)) / whole) * share) / whole;
  }

  #write(format, minor, digits) {
    const text = minor.toString().padStart(digits + 1, "0");
    return format.format(digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text);
  }
}

customElements.define("net-price", NetPrice);
