// Keys, for those who want them: never in a field, never with a modifier, and none of them approves.
(() => {
  const APPROVES = '[data-approves], [data-decides], button[name="verdict"][value="approve"]';
  document.addEventListener("keydown", (event) => { // on no page does Return approve: the space bar presses a button
    const button = event.key === "Enter" && event.target.closest?.(APPROVES);
    if (!button) return;
    event.preventDefault();
    const place = button.closest(".bar, .form-bar, form"), said = place.querySelector(".return-said");
    const line = said ?? document.createElement("p");
    [line.className, line.role, line.textContent] = ["return-said small", "status", "Return decides nothing: press the space bar, or click."];
    if (!said) place.prepend(line);
  });

  const help = document.getElementById("keys");
  if (!help) return;
  const isOff = document.documentElement.dataset.shortcuts === "off";
  for (const one of document.querySelectorAll("[data-keys]")) {
    one.hidden = false;
    one.addEventListener("click", () => help.showModal());
  }

  // Rows: of the inbox, or of any list that has one link in each.
  const links = () => [...document.querySelectorAll("#rows .row-link, #rows .fold summary")].filter((one) => one.checkVisibility());
  const here = () => {
    const row = document.activeElement?.closest("#rows [data-request], #rows .fold");
    return links().findIndex((one) => one === document.activeElement || (row?.contains(one) && !row.matches(".fold")));
  };
  function go(by) {
    const all = links();
    if (!all.length) return false;
    const at = here();
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }
  function select() {
    const box = links()[here()]?.closest("[data-request]")?.querySelector('input[name="id"]');
    box?.click();
    return Boolean(box);
  }

  // A request's page: the keys lead to the bar, and to no button: whoever types beside a field presses none by it.
  function bar(wanted) {
    const bars = [...document.querySelectorAll("form[data-bar]")].filter((one) => one.checkVisibility());
    const own = document.activeElement?.closest("article")?.querySelector("form[data-bar]");
    const found = (own ?? bars[0])?.querySelector(wanted);
    found?.focus();
    return Boolean(found);
  }
  const actions = {
    j: () => go(1),
    k: () => go(-1),
    x: select,
    "/": () => document.getElementById("search")?.focus(),
    "?": () => help.showModal(),
    a: () => bar("[data-agrees]"),
    e: () => bar('a[href$="/edit"], a[href$="/answer"]'),
    r: () => bar("[data-refuses]"),
    c: () => bar('[name="comment"]'),
  };
  const TYPING = 700; // milliseconds: what follows so soon upon another letter is a letter of a word
  let typed = -TYPING;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog")) return;
    const action = isOff && event.key !== "?" ? undefined : actions[event.key];
    const isWord = !isOff && event.timeStamp - typed < TYPING;
    if (action && !isWord && action() !== false) return event.preventDefault();
    if (event.key.length === 1) typed = event.timeStamp;
  });
})();
