// <local-time><time datetime="…Z">: shows the moment in the visitor's own time zone; the UTC text stays as the title.
class LocalTime extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time");
    const moment = time && new Date(time.dateTime);
    if (!moment || Number.isNaN(moment.getTime())) return;
    time.title = time.textContent.trim();
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, {
      year: "numeric",
      month: "short",
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
      timeZoneName: "short",
    }).format(moment);
  }
}

customElements.define("local-time", LocalTime);
