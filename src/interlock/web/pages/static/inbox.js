// The inbox while things change: what somebody sees stays where it is. New requests wait behind a button; one that is
// decided says so, and leaves when neither pointer nor focus is on the list.
(() => {
  const STANDS = 4000, TOUCHED = 3000, LOOK = 1000;
  const told = document.getElementById("told");
  const inbox = () => document.getElementById("inbox");
  const list = () => document.getElementById("rows");
  const rows = () => [...document.querySelectorAll("#rows [data-request]")];
  const name = (row) => row.querySelector(".row-link").textContent;

  let pointer = "mouse", touched = 0;
  for (const type of ["pointermove", "pointerdown", "touchmove"]) {
    document.addEventListener(type, (event) => {
      pointer = event.pointerType ?? "touch";
      if (pointer === "touch") touched = Date.now();
    }, { passive: true });
  }
  function isLookedAt() {
    const shown = list();
    if (!shown) return false;
    if (shown.contains(document.activeElement)) return true;
    return pointer === "touch" ? Date.now() - touched < TOUCHED : shown.matches(":hover");
  }

  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement !== inbox() || !rows().length) return;
    ctx.request.body.set("shown", rows().map((row) => row.dataset.request).join(","));
    ctx.request.body.set("since", inbox().dataset.since);
  });

  const gone = new Map(); // since when each says that it is over
  let fresh = 0, leaving = 0;
  document.addEventListener("htmx:after:swap", () => {
    const said = [];
    const number = Number(inbox().dataset.new ?? 0);
    if (number > fresh) said.push(`${number} new`);
    fresh = number;
    for (const row of document.querySelectorAll("#rows .is-gone")) {
      if (gone.has(row.dataset.request)) continue;
      gone.set(row.dataset.request, Date.now());
      said.push(`${name(row)}: ${row.querySelector(".row-when").textContent.trim()}`);
    }
    if (said.length) told.textContent = said.join(". ");
    if (gone.size && !leaving) leaving = setInterval(leave, LOOK);
  });

  // Whoever works by the keyboard goes on at the next row when they come back from a request that they have opened by
  // Return; or at the same one, if it is still there. What is new has the focus where they have asked for it.
  const OPENED = "interlock.row";
  const following = (id) => {
    const ids = rows().map((row) => row.dataset.request);
    return ids.slice(ids.indexOf(id));
  };
  function goOn(ids) {
    const row = rows().find((one) => one.dataset.request === ids.find((id) => document.getElementById(`row-${id}`)));
    const link = row?.querySelector(".row-link");
    (link?.checkVisibility() ? link : row?.closest("details")?.querySelector("summary"))?.focus();
  }
  document.addEventListener("click", ({ target, detail }) => {
    const row = detail === 0 && target.closest(".row-link")?.closest("[data-request]"); // 0: by a key
    if (row) sessionStorage.setItem(OPENED, JSON.stringify(following(row.dataset.request)));
  });
  const opened = JSON.parse(sessionStorage.getItem(OPENED) ?? "[]");
  sessionStorage.removeItem(OPENED);
  if (!document.querySelector("main [autofocus]")) goOn(opened);

  let known = null; // the rows from before, while somebody has asked by the keyboard for what is new
  document.addEventListener("htmx:before:swap", () => {
    const isAsked = document.querySelector(".pill :focus-visible");
    known = isAsked ? new Set(rows().map((one) => one.dataset.request)) : null;
  });
  document.addEventListener("htmx:after:swap", () => {
    if (known) goOn(rows().map((one) => one.dataset.request).filter((id) => !known.has(id)));
  });

  function leave() {
    if (isLookedAt()) return;
    const over = rows().filter((row) => row.matches(".is-gone") && Date.now() - (gone.get(row.dataset.request) ?? 0) >= STANDS);
    for (const row of over) {
      gone.delete(row.dataset.request);
      row.remove();
    }
    if (over.length) inbox().dispatchEvent(new CustomEvent("inbox:look"));
    if (!rows().some((row) => row.matches(".is-gone"))) {
      clearInterval(leaving);
      leaving = 0;
    }
  }
})();
