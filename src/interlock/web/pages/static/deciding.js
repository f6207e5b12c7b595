// The page of a request: one act in flight at a time, nothing typed is lost, and what is true elsewhere shows here.
(() => {
  const kept = new Map();
  let open = [];
  let focused = "";

  // One act at a time: a form that is sent is off until the browser comes back to the page.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent || event.submitter?.formMethod === "dialog") return event.preventDefault();
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
    form.querySelectorAll("button:not([aria-disabled])").forEach((button) => {
      button.setAttribute("aria-disabled", "true");
      button.dataset.inFlight = "";
    });
  });
  addEventListener("pageshow", () => {
    document.querySelectorAll("[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
      form.querySelectorAll("[data-in-flight]").forEach((button) => {
        button.removeAttribute("aria-disabled");
        delete button.dataset.inFlight;
      });
    });
  });

  // What a verdict needs is asked before anything is sent.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-bar] button");
    if (!button) return;
    const form = button.form;
    form.elements.comment.required = "needsComment" in button.dataset;
    if (form.elements.understood) form.elements.understood.required = "confirms" in button.dataset;
  });

  // The page is fetched again when something has happened, and changed in place: what somebody has opened stays open.
  const fields = () => document.querySelectorAll("[data-keep]");
  document.addEventListener("htmx:before:swap", () => {
    open = [...document.querySelectorAll("#page details[open][id]")].map((one) => one.id);
    focused = document.activeElement?.id || "";
    fields().forEach((field) => (field.value !== field.defaultValue ? kept.set(field.id, field.value) : kept.delete(field.id)));
  });
  document.addEventListener("htmx:after:swap", () => {
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    fields().forEach((field) => {
      if (kept.has(field.id) && field.value === field.defaultValue) field.value = kept.get(field.id);
      kept.delete(field.id);
    });
    const lost = [...kept.values()].filter((text) => text.trim());
    kept.clear();
    if (lost.length) {
      const told = document.getElementById("unsent");
      told.querySelector(".kept").textContent = lost.join("\n\n");
      told.hidden = false;
    }
    if (focused && !document.getElementById(focused)) document.querySelector(".request-status")?.focus();
  });

  // The deadline is told to a screen reader at thresholds, and at no other time.
  const thresholds = [300, 900, 3600];
  let last;
  function tellDeadline() {
    const time = document.querySelector("[data-deadline] time");
    if (!time) return;
    const left = (new Date(time.dateTime) - Date.now() - Number(document.body.dataset.clockOff)) / 1000;
    const passed = thresholds.find((one) => left <= one && last > one);
    if (passed) document.getElementById("deadline-said").textContent = `${passed / 60} minutes left to decide.`;
    last = left;
  }
  tellDeadline();
  setInterval(tellDeadline, 1000);

  // Where a keyboard covers the page and does not make it smaller, the bar stands above it.
  visualViewport?.addEventListener("resize", () => {
    const covered = Math.max(0, innerHeight - visualViewport.height - visualViewport.offsetTop);
    document.documentElement.style.setProperty("--keyboard", `${visualViewport.scale === 1 ? covered : 0}px`);
  });
})();
