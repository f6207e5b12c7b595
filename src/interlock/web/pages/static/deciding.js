// The page of a request: one act in flight at a time, nothing typed is lost, and what is true elsewhere shows here.
(() => {
  const page = () => document.getElementById("page");
  const kept = new Map();
  let open = [];
  let focused = "";

  // One act at a time: a form that is sent is off until the browser comes back to the page.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-disabled", "true"));
  });
  addEventListener("pageshow", () => {
    document.querySelectorAll("[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      form.querySelectorAll("button[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
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
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.closest("[data-approves]")) event.preventDefault();
  });

  // An event of a request or of the run that stands here: the page is fetched again, and changed in place.
  document.body.addEventListener("live:request", (event) => {
    const shown = page();
    if (!shown) return;
    if (!event.detail?.stream || shown.dataset.streams.split(" ").includes(event.detail.stream)) {
      shown.dispatchEvent(new CustomEvent("stands"));
    }
  });

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
    if (focused && !document.getElementById(focused)) document.querySelector(".standing")?.focus();
  });

  // The deadline is told to a screen reader at thresholds, and at no other time.
  const thresholds = [3600, 900, 300, 60];
  let last = Infinity;
  setInterval(() => {
    const time = document.querySelector("[data-deadline] time");
    if (!time) return;
    const left = (new Date(time.dateTime) - Date.now()) / 1000;
    const passed = thresholds.find((one) => left <= one && last > one);
    if (passed && last !== Infinity) {
      document.getElementById("deadline-said").textContent = `${passed / 60} ${passed === 60 ? "minute" : "minutes"} left to decide.`;
    }
    last = left;
  }, 1000);

  // Where a keyboard covers the page and does not make it smaller, the bar stands above it.
  visualViewport?.addEventListener("resize", () => {
    const covered = Math.max(0, innerHeight - visualViewport.height - visualViewport.offsetTop);
    document.documentElement.style.setProperty("--keyboard", `${visualViewport.scale === 1 ? covered : 0}px`);
  });

  addEventListener("beforeprint", () => document.querySelectorAll("#page details").forEach((one) => (one.open = true)));
})();
