// Keys, for those who want them: never in a field, never with a modifier, and none of them approves.
(() => {
  const APPROVES = '[data-approves], [data-decides], button[name="verdict"][value="approve"]';
  document.addEventListener("keydown", (event) => { // on no page does Return approve: the space bar presses a button
    if (event.key === "Enter" && event.target.closest?.(APPROVES)) event.preventDefault();
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
    const at = here();
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }
  function select() {
    const link = links()[here()];
    link?.closest("[data-request]")?.querySelector('input[name="id"]')?.click();
  }

  // A request's page: the keys lead to the buttons of the bar. What they do takes another act there.
  function bar(wanted) {
    const bars = [...document.querySelectorAll("form[data-bar]")].filter((one) => one.checkVisibility());
    const own = document.activeElement?.closest("article")?.querySelector("form[data-bar]");
    (own ?? bars[0])?.querySelector(wanted)?.focus();
  }
  const actions = {
    j: () => go(1),
    k: () => go(-1),
    x: select,
    "/": () => document.getElementById("search")?.focus(),
    "?": () => help.showModal(),
    a: () => bar('[name="verdict"][value="approve"], [name="option"]'),
    e: () => bar('a[href$="/edit"], a[href$="/answer"]'),
    r: () => bar('[name="verdict"][value="reject"]'),
    c: () => bar('[name="comment"]'),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog")) return;
    const action = actions[event.key];
    if (!action || (isOff && event.key !== "?")) return;
    event.preventDefault();
    action();
  });
})();
