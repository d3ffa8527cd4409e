// <recipe-complete data-url="…" data-choices="…">, around a textarea and a list: offers what may stand where somebody
// types, behind @ packs, behind { [ and % the recipe's own words. Arrow keys choose, Enter or Tab takes one, Escape closes.
const QUIET_MS = 120;
const LOOKED_AT = 200;
const TYPED = [/[@＠] *[^\s@＠[\]{}［］｛｝,，;；!！?？:：*＊]*$/u, /[{｛] *[A-Za-z]*$/u, /[[［] *\p{L}*$/u];
const LAID_OUT_BY = [
  ...["fontFamily", "fontSize", "fontWeight", "fontStyle", "fontFeatureSettings", "fontVariantLigatures"],
  ...["letterSpacing", "wordSpacing", "lineHeight", "tabSize", "padding"],
];
const SETTING = /^ *[%％] *[A-Za-z.]*(?: *[=＝] *[^ ]*)?$/u;

class RecipeComplete extends HTMLElement {
  #asked = null;
  #timer = 0;
  #replaces = null;
  #chosen = 0;

  connectedCallback() {
    this.text = this.querySelector("textarea");
    this.list = this.querySelector("[role=listbox]");
    this.text.setAttribute("aria-autocomplete", "list");
    this.text.setAttribute("aria-controls", this.list.id);
    this.text.addEventListener("input", (event) => {
      clearTimeout(this.#timer);
      if (!event.isComposing) this.#timer = setTimeout(() => this.#ask(), QUIET_MS);
    });
    this.text.addEventListener("compositionend", () => this.#ask());
    this.text.addEventListener("keydown", (event) => this.#pressed(event));
    this.text.addEventListener("blur", () => this.#close());
    this.text.addEventListener("click", () => this.#close());
    // The caret stays in the text while something is chosen with the mouse.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const choice = event.target.closest("[role=option]");
      if (choice) this.#take(choice);
    });
  }

  disconnectedCallback() {
    this.#asked?.abort();
    clearTimeout(this.#timer);
  }

  #around() {
    const { value, selectionStart, selectionEnd } = this.text;
    if (selectionStart !== selectionEnd) return null;
    const before = value.slice(value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart);
    const [after] = value.slice(selectionStart).split("\n", 1);
    const isTyped = SETTING.test(before) || TYPED.some((pattern) => pattern.test(before.slice(-LOOKED_AT)));
    return isTyped && !before.trimStart().startsWith("#") ? [before, after] : null;
  }

  async #ask() {
    this.#asked?.abort();
    const around = this.#around();
    if (!around) return this.#close();
    const asked = (this.#asked = new AbortController());
    const [before, after] = around;
    const query = new URLSearchParams({ q: before.slice(-LOOKED_AT), after: after.slice(0, LOOKED_AT) });
    try {
      const answer = await fetch(`${this.dataset.url}?${query}`, { signal: asked.signal });
      if (answer.ok) this.#open(await answer.json());
    } catch (error) {
      if (error.name !== "AbortError") this.#close(); // One can write without choices.
    }
  }

  #open({ choices, before, after }) {
    const typed = [...this.text.value.slice(0, this.text.selectionStart)].slice(-before).join("");
    const isWritten = choices.length === 1 && before > 0 && choices[0].text === typed;
    if (!choices.length || isWritten || document.activeElement !== this.text) return this.#close();
    this.#replaces = { before, after };
    this.list.replaceChildren(...choices.map((choice, number) => this.#option(choice, number)));
    this.list.hidden = false;
    this.#place();
    this.#choose(0);
    this.querySelector("[data-announces]").textContent = this.dataset.choices.replace("{count}", choices.length);
  }

  #option({ text, title, note }, number) {
    const option = document.createElement("li");
    option.id = `${this.list.id}-${number}`;
    option.setAttribute("role", "option");
    option.dataset.value = text;
    const ref = document.createElement("code");
    ref.textContent = text;
    option.append(ref);
    if (title || note) {
      const about = document.createElement("span");
      about.textContent = [title, note].filter(Boolean).join(" · ");
      option.append(about);
    }
    return option;
  }

  #choose(number) {
    const options = [...this.list.children];
    this.#chosen = (number + options.length) % options.length;
    options.forEach((option, place) => option.setAttribute("aria-selected", String(place === this.#chosen)));
    this.text.setAttribute("aria-activedescendant", options[this.#chosen].id);
    options[this.#chosen].scrollIntoView({ block: "nearest" });
  }

  #close() {
    this.#asked?.abort();
    if (this.list.hidden) return;
    this.list.hidden = true;
    this.text.removeAttribute("aria-activedescendant");
    this.querySelector("[data-announces]").textContent = "";
  }

  #pressed(event) {
    if (this.list.hidden || event.isComposing) return;
    if (event.key === "ArrowDown") this.#choose(this.#chosen + 1);
    else if (event.key === "ArrowUp") this.#choose(this.#chosen - 1);
    else if (event.key === "Escape") this.#close();
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) this.#take(this.list.children[this.#chosen]);
    else return;
    event.preventDefault();
  }

  #take(option) {
    const { value, selectionStart } = this.text;
    // Replaced are characters, which may be two of JavaScript's units each.
    const length = (characters) => characters.join("").length;
    const before = length([...value.slice(0, selectionStart)].slice(-this.#replaces.before || Infinity));
    const after = length([...value.slice(selectionStart)].slice(0, this.#replaces.after));
    this.text.setSelectionRange(selectionStart - before, selectionStart + after);
    this.#close();
    if (!document.execCommand?.("insertText", false, option.dataset.value)) {
      this.text.setRangeText(option.dataset.value, this.text.selectionStart, this.text.selectionEnd, "end");
      this.text.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  /** Puts the list under the caret, which a copy of the text tells the place of. */
  #place() {
    const mirror = document.createElement("div");
    mirror.className = "recipe-mirror";
    const style = getComputedStyle(this.text);
    for (const name of LAID_OUT_BY) mirror.style[name] = style[name];
    mirror.style.boxSizing = "border-box";
    mirror.style.width = `${this.text.clientWidth}px`;
    const caret = document.createElement("span");
    caret.textContent = "\u200b";
    mirror.append(this.text.value.slice(0, this.text.selectionStart), caret);
    this.append(mirror);
    const line = Number.parseFloat(style.lineHeight) || caret.offsetHeight;
    const top = this.text.offsetTop + caret.offsetTop - this.text.scrollTop + line;
    const left = Math.min(caret.offsetLeft, this.clientWidth - this.list.offsetWidth);
    mirror.remove();
    this.list.style.top = `${Math.min(top, this.text.offsetTop + this.text.offsetHeight)}px`;
    this.list.style.left = `${Math.max(0, left)}px`;
  }
}

customElements.define("recipe-complete", RecipeComplete);
