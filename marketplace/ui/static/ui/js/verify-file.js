// <verify-file data-worker="…/verify-worker.js">: looks at a chosen or dropped file in a worker, then sends what names it:
// a digest and, of a picture, its perceptual hashes; the certificate itself, alone or out of a bundle. Never the file.
// With data-into="…", the id of a form, it only fills that form's digest: the file's, or the manifest's of a bundle.
class VerifyFile extends HTMLElement {
  #worker = null;
  #told = 0;

  connectedCallback() {
    if (typeof Worker === "undefined") return; // The form below still takes a pasted digest.
    const drop = this.querySelector(".drop");
    drop.hidden = false;
    this.querySelector("input[type=file]").addEventListener("change", ({ target }) => {
      if (target.files.length) this.#hash(target.files[0]);
    });
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) this.#hash(event.dataTransfer.files[0]);
    });
    this.querySelector("[data-cancel]").addEventListener("click", () => this.#stop());
  }

  disconnectedCallback() {
    this.#worker?.terminate();
  }

  #hash(file) {
    const began = performance.now();
    this.#stop();
    this.querySelector(".drop").hidden = true;
    this.querySelector("[data-cancel]").hidden = false;
    this.querySelector(".progress").hidden = false;
    this.querySelector(".notice").hidden = true;
    this.#show(0, file.size, 0);
    this.#worker = new Worker(this.dataset.worker, { type: "module" });
    this.#worker.addEventListener("error", () => this.#fail());
    this.#worker.addEventListener("message", ({ data }) => {
      if (data.failed) this.#fail();
      else if (this.dataset.into && (data.digest || data.manifest)) this.#fill(data.digest || data.manifest);
      else if (this.dataset.into && data.certificate) this.#fail(this.dataset.paper);
      else if (data.certificate) this.#sendPaper(data);
      else if (data.digest) this.#send(data);
      else this.#show(data.bytes, data.total, (data.bytes * 1000) / Math.max(performance.now() - began, 1));
    });
    this.#worker.postMessage(file);
  }

  #show(bytes, total, speed) {
    const size = (value) => this.#size(value);
    const text = this.dataset.hashing
      .replace("{done}", size(bytes))
      .replace("{total}", size(total))
      .replace("{speed}", size(speed));
    this.querySelector("progress").value = total ? (bytes / total) * 1000 : 1000;
    this.querySelector("[data-says]").textContent = text;
    if (performance.now() - this.#told > 5000) {
      this.#told = performance.now(); // A screen reader hears of progress every five seconds, not ten times a second.
      this.querySelector("[data-announces]").textContent = text;
    }
  }

  #size(bytes) {
    const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
    const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
    return new Intl.NumberFormat(document.documentElement.lang, {
      style: "unit",
      unit: units[step],
      unitDisplay: "short",
      maximumFractionDigits: step > 1 ? 1 : 0,
    }).format(bytes / 1000 ** step);
  }

  #fill(digest) {
    this.#finish();
    const field = document.getElementById(this.dataset.into).elements.digest;
    field.value = digest;
    this.querySelector("[data-announces]").textContent = this.dataset.done;
    this.querySelector("[data-cancel]").hidden = true;
    this.querySelector(".drop").hidden = false;
    this.querySelector("input[type=file]").value = "";
    field.focus();
  }

  #send({ digest, looks }) {
    this.#finish();
    const form = this.querySelector("form[data-digest]");
    form.querySelector("#id_digest").value = digest;
    const prints = form.querySelector("[name=looks]");
    prints.value = looks.join("");
    prints.disabled = !looks.length;
    form.requestSubmit();
  }

  #sendPaper({ certificate, manifest = "", files = "", wrong = [], wrongCount = "" }) {
    this.#finish();
    const form = this.querySelector("form[data-certificate]");
    const given = { certificate, manifest, files, wrong: wrong.join("\n"), wrong_count: wrongCount };
    for (const [name, value] of Object.entries(given)) form.elements[name].value = value;
    form.requestSubmit();
  }

  #finish() {
    this.querySelector("[data-says]").textContent = this.dataset.done;
    this.querySelector("progress").value = 1000;
  }

  #fail(why = this.dataset.failed) {
    this.#stop();
    const notice = this.querySelector(".notice");
    notice.querySelector("[data-fails]").textContent = why;
    notice.hidden = false;
  }

  #stop() {
    this.#worker?.terminate();
    this.#worker = null;
    this.querySelector(".progress").hidden = true;
    this.querySelector(".drop").hidden = false;
    this.querySelector("input[type=file]").value = "";
  }
}

customElements.define("verify-file", VerifyFile);
