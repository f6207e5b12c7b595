// A code stands behind `#` in a link, which is sent to no server: it goes into the form, and out of the address.
// A page that refuses something else, such as a short password, gets it back from this tab's own store.
(() => {
  const field = document.querySelector("input[name=link]");
  const kept = sessionStorage.getItem("interlock-link");
  sessionStorage.removeItem("interlock-link");
  if (!field) return;
  const given = location.hash.slice(1);
  const isCode = /^il[li]_[\w-]+$/.test(given);
  if (isCode) history.replaceState(null, "", location.pathname + location.search);
  const refused = document.getElementById("error-summary");
  const code = isCode ? given : refused && !field.hasAttribute("aria-invalid") ? kept : null;
  field.form.addEventListener("submit", () => sessionStorage.setItem("interlock-link", field.value));
  if (!code) return;
  field.value = code;
  document.documentElement.dataset.cameWith = "link";
  const form = document.getElementById("link-form");
  if (form) {
    form.open = true;
    document.querySelector(".entry h1").after(form);
  }
  const first = field.form.querySelector("input:not([name=link], [type=hidden])") || field.form.querySelector("button");
  if (!refused) first.focus();
})();
