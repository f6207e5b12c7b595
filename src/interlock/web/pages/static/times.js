// Every moment in one form: in the reader's own zone, and how long ago that is, or until then; deadlines say first how
// long is left. Without a script they stand in UTC.
(() => {
  // How far this machine's clock is from the server's, by which deadlines end; a little is the way that the page took.
  const { body } = document;
  const off = Date.parse(body.dataset.now) - Date.now();
  body.dataset.clockOff = Math.abs(off) > 10_000 ? off : 0; // 0 also where the server has not said it
  const now = () => Date.now() + Number(body.dataset.clockOff);

  const day = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
  const [brief, full] = [day, { year: "numeric", ...day }].map((one) => new Intl.DateTimeFormat(undefined, one));
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];

  function left(seconds) {
    const span = Math.abs(seconds);
    const at = units.findIndex(([, length]) => span >= length);
    if (at < 0) return `${Math.floor(span)} s`;
    const [name, length] = units[at];
    const count = Math.floor(span / length);
    const words = `${count} ${name}${count === 1 ? "" : "s"}`;
    if (at === 2) return words;
    const [smaller, unit] = units[at + 1];
    const rest = Math.floor((span % length) / unit);
    return rest ? `${words} ${rest} ${smaller}${rest === 1 ? "" : "s"}` : words;
  }

  function ago(seconds) { // in one unit
    const unit = units.find(([, length]) => Math.abs(seconds) >= length);
    if (!unit) return "just now";
    const count = Math.floor(Math.abs(seconds) / unit[1]);
    const words = `${count} ${unit[0]}${count === 1 ? "" : "s"}`;
    return seconds > 0 ? `in ${words}` : `${words} ago`;
  }

  function show(time) {
    const at = new Date(time.dateTime);
    const absolute = (at.getFullYear() === new Date(now()).getFullYear() ? brief : full).format(at);
    const seconds = (at - now()) / 1000;
    if (!("left" in time.dataset)) return write(time, absolute, `(${ago(seconds)})`, "ago");
    write(time, seconds > 0 ? `${left(seconds)} left` : `over since ${left(seconds)}`, `· ${absolute}`, "until");
  }

  function write(time, first, second, kind) {
    if (time.textContent === `${first} ${second}`) return; // a screen reader is told what is new
    const parts = [first, second].map((text) => Object.assign(document.createElement("span"), { textContent: text }));
    parts[1].className = kind;
    time.replaceChildren(parts[0], " ", parts[1]);
  }

  // Where the time ends while the page is open, the page is told at that moment; by the server's clock, not this one's.
  const LONGEST = 2 ** 31 - 1; // what a timer takes
  const ends = new WeakMap();
  let timer = 0;
  function endOf(one) {
    const said = one.dataset.secondsLeft;
    if (ends.get(one)?.said !== said) ends.set(one, { said, at: performance.now() + 1000 * said });
    return ends.get(one);
  }
  function waitForTheEnd() {
    clearTimeout(timer);
    const left = [...document.querySelectorAll("[data-seconds-left]")].map(endOf).filter((end) => !end.isTold);
    if (!left.length) return;
    const next = left.reduce((one, other) => (other.at < one.at ? other : one));
    timer = setTimeout(() => {
      next.isTold = next.at <= performance.now();
      if (next.isTold) document.body.dispatchEvent(new CustomEvent("live:over"));
      waitForTheEnd();
    }, Math.min(LONGEST, Math.max(0, next.at - performance.now())));
  }

  const all = (of) => of.querySelectorAll("time").forEach(show);
  all(document);
  waitForTheEnd();
  document.addEventListener("htmx:after:swap", () => {
    all(document);
    waitForTheEnd();
  });
  setInterval(() => document.querySelectorAll("time[data-left]").forEach(show), 1000);
  setInterval(() => all(document), 30_000);
})();
