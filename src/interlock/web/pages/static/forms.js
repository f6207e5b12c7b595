// Fields that may be left out or be nothing: typing chooses "as written", choosing another one clears the text, and
// choosing "as written" again brings it back. Without a script the server asks which of the two is meant.
(() => {
  const field = (select) => document.getElementById(select.dataset.modeOf);

  function show(select) {
    field(select)?.classList.toggle("form-is-off", select.value !== "value");
  }

  document.addEventListener("change", ({ target: select }) => {
    if (!select.matches?.("[data-mode-of]")) return;
    const input = field(select);
    if (!input) return;
    if (select.value === "value") {
      input.value ||= select.dataset.typed ?? "";
      input.focus();
    } else if (input.value) {
      select.dataset.typed = input.value;
      input.value = "";
    }
    show(select);
  });

  document.addEventListener("input", ({ target }) => {
    const select = target.id && document.querySelector(`[data-mode-of="${CSS.escape(target.id)}"]`);
    if (!select || !target.value) return;
    select.value = "value";
    show(select);
  });

  const all = () => document.querySelectorAll("[data-mode-of]").forEach(show);
  all();
  document.addEventListener("htmx:after:swap", all);
})();
