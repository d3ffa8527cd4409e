// <import-file> around a file field: a file that is dropped anywhere on it is chosen, and looked at at once.
class ImportFile extends HTMLElement {
  connectedCallback() {
    const drop = this.querySelector(".drop");
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      if (!event.dataTransfer.files.length) return;
      const field = this.querySelector("input[type=file]");
      const chosen = new DataTransfer();
      chosen.items.add(event.dataTransfer.files[0]);
      field.files = chosen.files;
      field.form.requestSubmit();
    });
  }
}

customElements.define("import-file", ImportFile);
