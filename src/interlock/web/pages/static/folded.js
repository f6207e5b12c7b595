// Nobody approves what they have not opened: as long as a folded part is closed still, approving is off, and says why.
(() => {
  const MINE = "interlock.opened", MOST_KEPT = 2000;
  const KEPT = `${MINE}:${document.body.dataset.madeFor}`; // of whoever has signed in: what another has opened, they have not
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(MINE) && name !== KEPT) sessionStorage.removeItem(name);
  const known = new Set(JSON.parse(sessionStorage.getItem(KEPT) || "[]"));

  const keyOf = (part) => `${part.closest(".value-whole")?.id ?? location.pathname} ${part.dataset.folded}`;
  const isRead = (part) => part.open && !part.querySelector(":scope > [data-unread]");
  const LEFT = ".value-whole[id^=subject-] details[data-folded]:not([data-opened])";
  const scopeOf = (one) => one.closest("article") ?? document.body;
  const left = (one) => [...scopeOf(one).querySelectorAll(LEFT)];

  function remember(part) {
    part.dataset.opened = "";
    known.add(keyOf(part));
    sessionStorage.setItem(KEPT, JSON.stringify([...known].slice(-MOST_KEPT)));
  }

  function words(count) {
    return count === 1 ? "Open the folded part first" : `Open the ${count} folded parts first`;
  }

  // Beside the buttons it says how many are left; that is a button, and opens the next one.
  function tell(note, count) {
    let button = note.querySelector("[data-opens-next]");
    if (count && !button) {
      button = document.createElement("button");
      button.type = "button";
      button.className = "opens-next";
      button.dataset.opensNext = "";
      note.append(button);
    }
    if (count && button.textContent !== words(count)) button.textContent = words(count);
    if (!count) button?.remove();
    note.hidden = !note.textContent.trim();
  }

  function update() {
    document.querySelectorAll(LEFT).forEach((part) => {
      if (isRead(part) || known.has(keyOf(part))) remember(part);
    });
    document.querySelectorAll("[data-approves]").forEach((button) => {
      const count = left(button).length;
      if (count) {
        button.setAttribute("aria-disabled", "true");
        button.dataset.unopened = "";
      } else if ("unopened" in button.dataset) {
        button.removeAttribute("aria-disabled");
        delete button.dataset.unopened;
      }
      const note = button.form?.querySelector("[data-bar-note]");
      if (note) tell(note, count);
    });
  }

  function openNext(asked) {
    const part = left(asked)[0];
    for (let one = part; one; one = one.parentElement?.closest("details")) one.open = true;
    const summary = part?.querySelector("summary");
    summary?.focus({ preventScroll: true });
    summary?.scrollIntoView({ block: "start" });
  }

  function stop(event, button) {
    event.preventDefault();
    event.stopImmediatePropagation();
    button.form?.querySelector("[data-opens-next]")?.focus();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-opens-next], [data-approves]");
    if (button?.matches("[data-opens-next]")) openNext(button);
    else if (button && left(button).length) stop(event, button);
  }, true);
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.matches("[data-approves]") && left(button).length) stop(event, button);
  }, true);
  document.addEventListener("toggle", update, true);
  document.addEventListener("htmx:after:swap", update);
  update();
})();
