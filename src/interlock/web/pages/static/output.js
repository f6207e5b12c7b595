// What a run says while it works: its own stream, open only while it is at work and somebody looks at this page. Nothing
// of it is kept anywhere, so that a part that comes while nobody looks is left out, and the page says so.
(() => {
  const MOST = 20_000;
  const EARLIER = "… what came before is left out here\n";
  const HIDES = /[^\P{C}\n]|[\p{Zl}\p{Zp}⟨⟩\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u{e0100}-\u{e01ef}]|(?! )\p{Zs}/gu;
  let source = null, address = "", waiting = "", drawing = 0;

  const place = () => document.querySelector("[data-output]");
  const named = (text) => text.replace(HIDES, (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  const cut = (text) => (text.length > MOST ? EARLIER + text.slice(EARLIER.length - MOST) : text);

  function draw() {
    drawing = 0;
    const shown = place()?.querySelector("pre");
    if (!shown) return;
    const isAtEnd = shown.scrollHeight - shown.scrollTop - shown.clientHeight < 8;
    shown.textContent = cut(shown.textContent + waiting);
    waiting = "";
    place().hidden = false;
    if (isAtEnd) shown.scrollTop = shown.scrollHeight;
  }
  function add(text) {
    waiting = cut(waiting + text);
    drawing ||= requestAnimationFrame(draw);
  }
  function line(text) {
    const before = waiting || place()?.querySelector("pre").textContent || "";
    add(`${before && !before.endsWith("\n") ? "\n" : ""}${named(text)}\n`);
  }

  // A message of a model is text, or parts of which some are text; of a tool, or a person, it is none of its words.
  function words([message]) {
    if (!/^(AI|ai)/.test(message?.type ?? "")) return "";
    const parts = Array.isArray(message.content) ? message.content : [message.content];
    return parts.map((part) => (typeof part === "string" ? part : part?.text ?? "")).filter((one) => typeof one === "string").join("");
  }
  const custom = (data) => (typeof data === "string" ? data : JSON.stringify(data));

  function open() {
    const wanted = document.hidden ? "" : place()?.dataset.output ?? "";
    if (wanted === address) return;
    source?.close();
    if (address && wanted === "" && place()) line("… while nobody looks, what it says is left out");
    [source, address] = [null, wanted];
    place()?.removeAttribute("data-listens");
    if (!wanted) return;
    const opened = new EventSource(wanted);
    source = opened;
    const hear = (type, told) => opened.addEventListener(type, ({ data }) => told(JSON.parse(data)));
    opened.onopen = () => place()?.setAttribute("data-listens", "");
    hear("progress", (piece) => line(piece.text));
    hear("messages", (piece) => add(named(words(piece.data))));
    hear("custom", (piece) => line(custom(piece.data)));
    hear("dropped", (piece) => line(`… ${piece.number} pieces came too fast, and are left out`));
    hear("end", () => opened.close());
  }
  document.addEventListener("visibilitychange", open);
  document.addEventListener("htmx:after:swap", open);
  addEventListener("pagehide", () => { source?.close(); address = ""; });
  addEventListener("pageshow", open);
  open();
})();
