// Pages that live. One tab of a browser holds the stream of events and tells the others, so that ten tabs cost one
// connection. What came is dispatched on the body, for `hx-trigger="live:… from:body"`: `live:request`, `live:run`,
// `live:people` and `live:any`; `live:req_…`, `live:run_…` for one stream; and for views, which change nothing,
// `live:viewed` and `live:viewed:req_…` alone. Its detail is {stream, type, position}. `times.js` adds `live:over`.
(() => {
  const body = document.body;
  const { person } = body.dataset;
  if (!person || !("EventSource" in window)) return;
  const name = `interlock:${person}`;
  const tab = Math.random().toString(36).slice(2);
  const channel = "BroadcastChannel" in window ? new BroadcastChannel(name) : null;
  const SOON = 100, SPACED = 500, SPACED_UNSEEN = 10_000; // how soon, and how often, a page is told
  const SLOW = 1000, LATEST = 15_000; // a server that answers so late is asked less often, until it is quick again
  const SILENT = 40_000, GRACE = 3000, LOOK = 5000, NO_ANSWER = 2000, LATEST_TRY = 15_000, KEPT = 300, SPREAD = 1500;
  let position = body.dataset.position;

  // ── what was told goes out soon, and then twice a second: a burst causes one fetch, and all is shown within a second ──
  let waiting = new Map(), timer = 0, last = 0, due = 0, spaced = SPACED;

  const kinds = { req: "request", run: "run" };
  function note(told) {
    if (told.type === "rights_changed") setTimeout(() => add(told), SPREAD * Math.random()); // all browsers hear of it
    else add(told);
  }
  function add({ stream, type, position: at }) {
    failures = 0;
    const kind = kinds[stream.split("_")[0]] ?? "people";
    const names = type === "viewed" ? ["viewed", `viewed:${stream}`] : [kind, "any", stream];
    for (const one of names) waiting.set(`live:${one}`, { stream, type, position: at });
    plan();
  }

  function noteAll() { // what happened is not known: whatever the page listens to may have
    for (const one of document.querySelectorAll('[hx-trigger*="live:"]'))
      for (const [heard] of one.getAttribute("hx-trigger").matchAll(/live:[\w:-]+/g)) missed(heard);
    missed("live:missed");
    plan();
  }

  const missed = (name) => { if (!waiting.has(name)) waiting.set(name, { type: "missed" }); };

  function plan() {
    if (timer || !waiting.size) return;
    const apart = document.hidden ? SPACED_UNSEEN : spaced * (spaced > SPACED ? 1 + Math.random() : 1); // not all at once
    due = Math.max(Date.now() + SOON, last + apart);
    timer = setTimeout(tell, due - Date.now());
  }

  function tell() {
    const now = waiting;
    [timer, last, waiting] = [0, Date.now(), new Map()];
    for (const [type, detail] of now) body.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // What could not be fetched is fetched again, later each time: what happens next may be far off.
  const MOST_FAILURES = 12; // by then it is two minutes
  let failures = 0, retrying = 0;
  const isTrouble = (status) => status === 429 || status >= 500;
  function failed() {
    if (retrying || failures >= MOST_FAILURES) return;
    const wait = Math.min(LATEST, SPACED * 2 ** failures++) * (0.5 + Math.random());
    retrying = setTimeout(() => {
      retrying = 0;
      noteAll();
    }, wait);
  }

  // ── the connection: lost after a moment; back when the page has caught up ──
  const notice = document.getElementById("connection");
  const DECIDES = 'button[name="verdict"], [data-decides]';
  let lostTimer = 0, underWay = 0;

  const isLost = () => body.dataset.connection === "lost";
  function show(state) {
    if (body.dataset.connection === state) return;
    body.dataset.connection = state;
    notice.textContent = isLost() ? notice.dataset.lost : "";
    switchDecisions();
  }
  function switchDecisions() {
    const chosen = isLost() ? `:is(${DECIDES}):not([aria-disabled=true])` : "[data-switched-off]";
    for (const one of document.querySelectorAll(chosen)) {
      one.toggleAttribute("data-switched-off", isLost());
      if (isLost()) one.setAttribute("aria-disabled", "true");
      else one.removeAttribute("aria-disabled");
    }
  }
  function lose(now) {
    if (now) clearTimeout(lostTimer);
    if (now || !lostTimer) lostTimer = setTimeout(() => show("lost"), now ? 0 : GRACE);
  }
  function regain() {
    clearTimeout(lostTimer);
    lostTimer = 0;
    if (!isLost()) return show("live");
    noteAll();
    setTimeout(caughtUp, 2 * SOON + Math.max(0, due - Date.now()));
  }
  function caughtUp() {
    if (lostTimer || !isLost()) return;
    if (underWay) setTimeout(caughtUp, SOON);
    else show("live");
  }
  const fetching = new WeakMap(); // since when a page fetches itself again, and what says so if it lasts
  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    underWay += 1;
    const { sourceElement: one } = ctx;
    one.setAttribute("aria-busy", "true");
    if (!one.matches('[hx-trigger*="live:"]')) return;
    fetching.set(ctx, { since: Date.now(), late: setTimeout(() => one.setAttribute("data-late", ""), SLOW) });
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    underWay = Math.max(0, underWay - 1);
    ctx.sourceElement.removeAttribute("aria-busy");
    if (!fetching.has(ctx)) return;
    const { since, late } = fetching.get(ctx);
    clearTimeout(late);
    ctx.sourceElement.removeAttribute("data-late");
    const isLate = Date.now() - since > SLOW;
    spaced = isLate ? Math.min(LATEST, spaced * 2) : Math.max(SPACED, spaced / 2);
    if (isLate) last = Date.now();
    if (String(ctx.status).startsWith("error") || isTrouble(ctx.response?.status)) failed();
    else if (!retrying) failures = 0;
  });
  document.addEventListener("htmx:after:swap", () => { if (isLost()) switchDecisions(); });
  document.addEventListener("submit", (event) => {
    if (!isLost() || !event.submitter?.matches(DECIDES)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // a form that nothing has sent is not under way
  }, true);
  // An answer that is no page of ours leaves what is shown as it is; 409 is the page that says how it stands.
  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail;
    const madeFor = ctx.response.raw.headers.get("Made-For");
    if (madeFor && madeFor !== body.dataset.madeFor) { // somebody else has signed in with this browser
      event.preventDefault();
      return location.reload();
    }
    const { pathname } = new URL(ctx.response.raw.url);
    if (pathname === "/sign-in") signIn();
    else if ([403, 404].includes(ctx.response.status) && pathname === location.pathname) location.reload(); // not theirs now
    else if (ctx.response.status < 400 || (ctx.response.status === 409 && ctx.sourceElement.id === "meanwhile")) return;
    event.preventDefault();
  });

  function signIn() {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }

  // ── how many requests wait for this person, on every page ──
  const counted = () => document.querySelector("[data-counted]"); // a list that is counted whenever it is fetched
  async function count() {
    if (counted() || !document.querySelector("[data-waiting]")) return;
    const answer = await fetch("/api/v1/requests/inbox/mine/count?most=99").catch(() => ({ status: 503 }));
    if (isTrouble(answer.status)) failed();
    if (!answer.ok) return;
    const { number, more } = await answer.json();
    showCount(`${number}${more ? "+" : ""}`);
  }
  function showCount(words) {
    for (const one of document.querySelectorAll("[data-waiting]")) {
      one.textContent = words;
      one.hidden = words === "0";
    }
  }
  document.addEventListener("htmx:after:swap", () => { if (counted()) showCount(counted().dataset.counted); });
  for (const type of ["live:request", "live:people", "live:missed"]) body.addEventListener(type, count);

  // ── a server whose answers are short has no stream: whoever looks at a page is shown what it asks for now and then ──
  if (body.dataset.looksAgain) {
    const look = () => { if (!document.hidden) noteAll(); };
    setInterval(look, 1000 * body.dataset.looksAgain);
    document.addEventListener("visibilitychange", look);
    return;
  }

  // ── what the tabs say to each other ──
  let heard = Date.now(), asked = 0;

  function say(message) {
    channel?.postMessage(message);
    hear(message);
  }
  function hear(message) {
    if (message.to && message.to !== tab) return;
    if (message.hello) return greet(message);
    heard = Date.now();
    clearTimeout(asked);
    if (message.ended) return signIn();
    if (message.entry) {
      position = message.entry.position;
      note(message.entry);
    }
    if (message.missed) noteAll();
    if (message.lost) lose(message.now);
    else if (!message.ended) regain();
  }
  if (channel) channel.onmessage = ({ data }) => hear(data);

  function hello() { // what this tab has missed, whoever holds the stream tells it
    if (!channel || source) return;
    channel.postMessage({ hello: tab, position });
    clearTimeout(asked);
    asked = setTimeout(() => { if (!document.hidden) lead({ steal: true }); }, NO_ANSWER);
  }
  function greet({ hello: to, position: from }) {
    if (!source) return;
    const at = from === position ? recent.length : recent.findIndex((one) => one.position === from) + 1;
    const known = at > 0 || from === begun || from === position;
    channel.postMessage({ to, lost: Boolean(lostTimer) || isLost(), missed: !known });
    if (known) for (const entry of recent.slice(at)) channel.postMessage({ to, entry });
  }

  // ── the tab that holds the stream ──
  let source = null, begun = position, tries = 0, refused = 0, retry = 0, isOver = false;
  const recent = [];

  function open() {
    close();
    const opened = new EventSource(`/api/v1/events?brief=true&after=${encodeURIComponent(position)}`);
    source = opened;
    heard = Date.now();
    opened.onmessage = ({ data, lastEventId }) => {
      const entry = { ...JSON.parse(data), position: lastEventId };
      recent.push(entry);
      if (recent.length > KEPT) begun = recent.shift().position;
      say({ entry });
    };
    opened.addEventListener("alive", () => {
      say({ missed: isOver }); // it may be somebody else's session by now
      [tries, refused, isOver] = [0, 0, false];
    });
    opened.addEventListener("end", () => { isOver = true; again(); });
    opened.onerror = () => again();
  }
  function close() {
    clearTimeout(retry);
    source?.close();
  }
  async function again(now = false) {
    close();
    say({ lost: true, now });
    const wait = Math.min(LATEST_TRY, 500 * 2 ** tries++);
    const answer = await fetch("/api/v1/session", { cache: "no-store" }).catch(() => null);
    if (answer?.status === 401) return say({ ended: true });
    refused = answer?.ok ? refused + 1 : 0;
    if (refused > 3) { // it is here, and does not know this position: its record may have been put back
      position = await lastPosition() ?? position;
      say({ lost: true, missed: true });
    }
    retry = setTimeout(open, wait);
  }
  const lastPosition = () => fetch("/api/v1/log/position").then((it) => it.json()).then((it) => it.position).catch(() => null);

  function lead(options) {
    if (!navigator.locks) return source || open();
    navigator.locks.request(name, options, () => new Promise(() => { // for as long as the tab lives
      begun = position;
      recent.length = 0;
      open();
    })).catch(() => { // another tab, which somebody looks at, has taken it: this one slept
      close();
      source = null;
      lead({});
    });
  }

  let looked = Date.now();
  setInterval(() => {
    const slept = Date.now() - looked > 4 * LOOK;
    looked = Date.now();
    if (source && (slept || looked - heard > SILENT)) again();
    else if (!source && !document.hidden && (slept || looked - heard > SILENT)) hello();
  }, LOOK);
  addEventListener("offline", () => { if (source) again(true); });
  addEventListener("online", () => { if (source) { tries = 0; close(); open(); } });
  addEventListener("pageshow", (event) => { if (event.persisted) hello(); });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    clearTimeout(timer);
    timer = 0;
    plan();
    hello();
  });
  lead({});
  hello();
})();
