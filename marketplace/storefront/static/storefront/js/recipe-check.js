// <recipe-check data-url="…" data-stale="…">, in a form with a <textarea name="text">: asks anew what is to be said of the
// text as it is typed, leads to the places that it names, and writes what it suggests. Without it, buttons send the form.
const QUIET_MS = 300;
const SPOKEN_AFTER_MS = 1200; // A screen reader hears how things stand when somebody pauses, not at each key.

/** Gives where a place, counted in characters from 1 on, is in a text, counted as JavaScript does. */
function offsetOf(text, line, column) {
  let start = 0;
  for (let number = 1; number < line; number++) {
    const end = text.indexOf("\n", start);
    if (end < 0) return text.length;
    start = end + 1;
  }
  const [rest] = text.slice(start).split("\n", 1);
  return start + widthOf(rest, column - 1);
}

const widthOf = (text, characters) => [...text].slice(0, characters).join("").length;

class RecipeCheck extends HTMLElement {
  #checked = "";
  #asked = null;
  #timer = 0;
  #speaking = 0;
  #said = "";

  connectedCallback() {
    this.form = this.closest("form");
    this.text = this.form.elements.text;
    this.#checked = this.text.value;
    this.#said = this.#summary();
    this.onInput = (event) => {
      // A title changes nothing that could be said.
      if (!["title", "keep_for"].includes(event.target.name)) this.#soon();
    };
    this.onClick = (event) => this.#clicked(event);
    this.form.addEventListener("input", this.onInput);
    this.form.addEventListener("click", this.onClick);
    if (this.text.value !== this.text.defaultValue) this.#soon(); // The browser kept what was typed before.
  }

  disconnectedCallback() {
    this.form.removeEventListener("input", this.onInput);
    this.form.removeEventListener("click", this.onClick);
    this.#asked?.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#speaking);
  }

  #soon() {
    clearTimeout(this.#timer);
    clearTimeout(this.#speaking);
    this.#timer = setTimeout(() => this.#ask(), QUIET_MS);
  }

  async #ask() {
    this.#asked?.abort();
    const asked = (this.#asked = new AbortController());
    const text = this.text.value;
    try {
      const answer = await fetch(this.dataset.url, {
        method: "POST",
        body: new FormData(this.form),
        signal: asked.signal,
      });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      const html = await answer.text();
      if (!asked.signal.aborted) this.#show(html, text);
    } catch (error) {
      if (error.name !== "AbortError") this.querySelector("[data-fails]").hidden = false;
    }
  }

  #show(html, text) {
    this.#checked = text;
    const made = new DOMParser().parseFromString(html, "text/html").getElementById("answer");
    const there = this.querySelector("#answer");
    const focused = there.contains(document.activeElement) ? document.activeElement.id : "";
    const isStale = made.dataset.readable !== "yes";
    const old = there.querySelector("[data-cards]");
    // While a line is half written the cards stay, but what they could do is over.
    if (isStale && old?.childElementCount && made.querySelector("[data-cards]")) {
      old.inert = true;
      old.classList.add("stale");
      made.querySelector("[data-cards]").replaceWith(old);
    }
    const stands = this.querySelector("[data-stands]");
    stands.hidden = !isStale || !made.querySelector(".stale");
    stands.textContent = stands.hidden ? "" : this.dataset.stale;
    there.replaceWith(made);
    this.querySelector("[data-fails]").hidden = true;
    if (focused) document.getElementById(focused)?.focus();
    this.#speaking = setTimeout(() => this.#speak(), SPOKEN_AFTER_MS);
  }

  #summary() {
    return this.querySelector("[data-summary]")?.textContent ?? "";
  }

  #speak() {
    if (this.#summary() === this.#said) return;
    this.#said = this.#summary();
    this.querySelector(":scope > [data-announces]").textContent = this.#said;
  }

  #clicked(event) {
    const jump = event.target.closest("[data-jump]");
    if (jump) {
      event.preventDefault();
      this.#select(...jump.dataset.jump.split(" ").map(Number));
      return;
    }
    const button = event.target.closest("button[name=apply]");
    if (!button || this.#checked !== this.text.value) return;
    const change = JSON.parse(button.value);
    if (change.use || !change.edits.length) return; // The server changes the form.
    event.preventDefault();
    for (const offer of change.prefer ?? []) this.#prefer(offer);
    const fromEnd = change.edits.toSorted((one, other) => other[0] - one[0] || other[1] - one[1]);
    for (const edit of fromEnd) this.#write(...edit);
  }

  #prefer(offer) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "prefer", value: offer });
    this.querySelector("#answer").append(field);
  }

  #select(line, column, length) {
    const start = offsetOf(this.text.value, line, column);
    this.text.focus();
    this.text.setSelectionRange(start, start + widthOf(this.text.value.slice(start), length));
  }

  #write(line, column, length, text) {
    this.#select(line, column, length);
    // What execCommand writes can be undone with the keyboard; setRangeText is for browsers without it.
    if (document.execCommand?.("insertText", false, text)) return;
    this.text.setRangeText(text, this.text.selectionStart, this.text.selectionEnd, "end");
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

customElements.define("recipe-check", RecipeCheck);
