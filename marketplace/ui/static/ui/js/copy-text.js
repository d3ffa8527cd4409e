// <copy-text data-value="…" data-done="Copied">: shows its button (hidden without JavaScript) and copies the value.
class CopyText extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!button || !navigator.clipboard) return; // Outside a secure context there is nothing to copy with.
    button.hidden = false;
    button.addEventListener("click", () => this.#copy(button));
  }

  async #copy(button) {
    await navigator.clipboard.writeText(this.dataset.value);
    const use = button.querySelector("use");
    const says = this.querySelector("[role=status]");
    const icon = use.getAttribute("href");
    use.setAttribute("href", icon.replace(/#.*/, "#check"));
    says.textContent = this.dataset.done;
    setTimeout(() => {
      use.setAttribute("href", icon);
      says.textContent = "";
    }, 1600);
  }
}

customElements.define("copy-text", CopyText);
