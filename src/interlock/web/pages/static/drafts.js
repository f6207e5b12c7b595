// Nothing that is typed is lost: each form with `data-draft="KEY"` is kept in this browser, for whoever is signed in,
// from the first letter until what it sent has counted (the address then says `sent=` with the form's key), until it is
// discarded, or until anybody signs out here. `data-draft-of` names what it was typed about: when that has changed, the
// reader is asked first. Whoever typed when the page was loaded again types on in the same field. A part whose fields may differ (`data-draft-part`) is made anew by the server from what was typed.
(() => {
  const { person } = document.body.dataset;
  if (!person) return;
  const ALL = "interlock:draft:", MINE = `${ALL}${person}:`, KEPT = 30 * 86_400_000, SOON = 150;
  const OWN = new Set(["key", "made_for", "digest", "understood", "verdict", "option", "do", "on"]); // never typed, or never restored
  const baselines = new WeakMap();
  const sent = new WeakMap(); // with which key: also what is saved after that, while the answer is awaited, is the same
  const due = new Map();

  const forms = () => [...document.querySelectorAll("form[data-draft]")];
  const pairs = (form) => [...new FormData(form)].filter(([name, value]) => !OWN.has(name) && typeof value === "string");
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const place = (form) => MINE + form.dataset.draft;

  function read(name, where = "local") {
    try {
      return JSON.parse(window[`${where}Storage`].getItem(name));
    } catch {
      return null; // storage is off, or holds something else
    }
  }

  function write(name, draft, where = "local") {
    try {
      const storage = window[`${where}Storage`];
      if (draft) storage.setItem(name, JSON.stringify(draft));
      else storage.removeItem(name);
    } catch {} // storage is off or full: the page works without
  }

  function each(prefix, act) {
    try {
      for (const name of Object.keys(localStorage)) if (name.startsWith(prefix)) act(name);
    } catch {}
  }

  function save(form) {
    clearTimeout(due.get(form));
    due.delete(form);
    const typed = pairs(form), before = read(place(form));
    if (!before && same(typed, baselines.get(form))) return;
    const { draftOf: of, draftComment: from } = form.dataset;
    write(place(form), { at: Date.now(), of, from, pairs: typed, key: sent.get(form) });
  }

  function soon(form) {
    if (!form?.matches?.("form[data-draft]")) return;
    clearTimeout(due.get(form));
    due.set(form, setTimeout(() => save(form), SOON));
  }

  // ── back into the form ──
  const isHidden = (one) => one.type === "hidden" || one.type === "submit" || one.tagName === "BUTTON";
  const fields = (form) => [...form.elements].filter((one) => one.name && !OWN.has(one.name) && one.tagName !== "FIELDSET");
  const isChoice = (one) => one.type === "checkbox" || one.type === "radio";

  function fits(form, typed) { // the same fields as when it was typed: texts can be put into them
    const names = fields(form).filter((one) => !isHidden(one) && !isChoice(one)).map((one) => one.name);
    const hidden = fields(form).filter((one) => one.type === "hidden");
    const choices = new Set(fields(form).filter(isChoice).map((one) => `${one.name}\n${one.value}`));
    const left = typed.filter(([name, value]) => !choices.has(`${name}\n${value}`));
    const texts = left.filter(([name, value]) => !hidden.some((one) => one.name === name && one.value === value));
    return hidden.every((one) => typed.some(([name, value]) => one.name === name && one.value === value)) &&
      same(texts.map(([name]) => name).sort(), names.sort());
  }

  function put(form, typed) {
    const left = typed.map((pair) => [...pair]);
    for (const one of fields(form).filter((field) => !isHidden(field))) {
      const at = left.findIndex(([name, value]) => name === one.name && (!isChoice(one) || value === one.value));
      if (isChoice(one)) one.checked = at >= 0;
      else if (at >= 0) one.value = left[at][1];
      if (at >= 0) left.splice(at, 1);
    }
    form.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async function make(form, draft) { // the server makes the fields for what was typed
    const part = form.dataset.draftPart, carrier = document.createElement("form");
    carrier.hidden = true;
    const filled = [...draft.pairs, ["do", "form:"], ["digest", draft.of ?? ""]];
    for (const [name, value] of filled) {
      const area = document.createElement("textarea");
      [area.name, area.value] = [name, value];
      carrier.append(area);
    }
    document.body.append(carrier);
    const to = form.getAttribute("action");
    await window.htmx.ajax("POST", to, { source: carrier, target: part, select: part, swap: "outerHTML" });
    carrier.remove();
  }

  async function bring(form, draft) {
    const part = form.dataset.draftPart;
    if (part && window.htmx && (!fits(form, draft.pairs) || draft.of !== form.dataset.draftOf)) await make(form, draft);
    put(form, draft.pairs);
    tell(form, "Restored what you typed.");
    save(form);
    typeOn(form);
  }

  const HERE = "interlock:typed-in";
  function typeOn(form) {
    const field = form.elements[read(HERE, "session")?.[place(form)]];
    if (!field?.setSelectionRange || !document.activeElement?.matches("body, [role=group]")) return;
    field.focus({ preventScroll: true });
    field.setSelectionRange(field.value.length, field.value.length);
  }

  function bringComment(form) { // what was typed beside the buttons goes along into the form that one of them opens
    const from = form.dataset.draftComment, field = form.elements.comment;
    const said = from && read(MINE + from)?.pairs.find(([name]) => name === "comment")?.[1];
    if (!said || field.value) return;
    field.value = said;
    save(form);
  }

  function restore(form) {
    baselines.set(form, pairs(form));
    const draft = read(place(form));
    if (!draft) return bringComment(form);
    if (form.querySelector("[aria-invalid=true]")) return save(form); // what was typed stands there, with what is wrong of it
    if (same(draft.pairs, baselines.get(form)) || form.querySelector(".draft")) return;
    if (draft.of === form.dataset.draftOf) bring(form, draft);
    else tell(form, "It has changed since you typed something here.", ["Show what you typed", () => bring(form, draft)]);
  }

  function tell(form, says, ...acts) {
    form.querySelector(".draft")?.remove();
    const line = document.createElement("p");
    line.className = "notice draft no-print";
    line.setAttribute("role", "status");
    line.append(says);
    for (const [words, act] of [...acts, ["Discard", () => discard(form)]]) {
      const button = document.createElement("button");
      [button.type, button.className, button.textContent] = ["button", "button quiet", words];
      button.addEventListener("click", act);
      line.append(button);
    }
    (form.querySelector("[data-draft-line]") ?? form).prepend(line);
  }

  function discard(form) {
    clearTimeout(due.get(form));
    due.delete(form);
    write(place(form), null);
    form.querySelector(".draft")?.remove();
    if (form.dataset.draftPart) location.assign(location.pathname + location.search);
    else form.reset();
  }

  // ── when ──
  document.addEventListener("input", ({ target }) => soon(target.form ?? target));
  document.addEventListener("change", ({ target }) => soon(target.form));
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("action") === "/sign-out") return each(ALL, (name) => write(name, null));
    if (event.defaultPrevented || !form.matches("form[data-draft]")) return;
    if (event.submitter?.name === "do") return;
    sent.set(form, form.elements.key?.value);
    save(form);
  });
  addEventListener("pagehide", () => {
    due.forEach((_, form) => save(form));
    const field = document.activeElement, form = field?.form;
    const typing = form?.matches("form[data-draft]") && field.setSelectionRange ? { [place(form)]: field.id } : {};
    write(HERE, typing, "session");
  });
  document.addEventListener("htmx:after:swap", ({ target }) => {
    const changed = target.closest?.("form[data-draft]");
    for (const form of forms()) {
      if (!baselines.has(form)) restore(form);
      else if (form === changed && form.dataset.draftPart) soon(form);
    }
  });

  const counted = new URLSearchParams(location.search).get("sent") ?? document.querySelector("[data-sent-by]")?.dataset.sentBy;
  each(MINE, (name) => {
    const draft = read(name);
    const isCounted = counted && draft?.key === counted;
    if (isCounted && draft.from) write(MINE + draft.from, null);
    if (!draft?.pairs || Date.now() - draft.at > KEPT || isCounted) write(name, null);
  });
  if (location.search.includes("sent=")) {
    const address = new URL(location);
    for (const one of ["sent", "of"]) address.searchParams.delete(one);
    history.replaceState(history.state, "", address);
  }
  setTimeout(() => forms().forEach(restore)); // htmx listens by then: it shows what changes
})();
