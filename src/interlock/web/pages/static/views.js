// Views by name, kept in this browser: an address is all that a view is.
(() => {
  const part = document.querySelector("[data-views]");
  if (!part) return;
  const key = `interlock-views:${document.body.dataset.person}`;
  const [shown, form] = [part.querySelector("ul"), part.querySelector("form")];

  function kept() {
    try {
      const found = JSON.parse(localStorage.getItem(key)) ?? [];
      return found.filter(([name, address]) => typeof name === "string" && /^\/(\?|$)/.test(address));
    } catch {
      return [];
    }
  }
  function keep(views) {
    localStorage.setItem(key, JSON.stringify(views));
    show();
  }
  function show() {
    shown.replaceChildren(...kept().map(([name, address]) => {
      const [item, link, drop] = ["li", "a", "button"].map((tag) => document.createElement(tag));
      [link.className, link.href, link.textContent] = ["button", address, name];
      [drop.className, drop.type, drop.textContent] = ["button quiet", "button", "×"];
      drop.setAttribute("aria-label", `Forget the view ${name}`);
      drop.addEventListener("click", () => {
        keep(kept().filter(([one]) => one !== name));
        form.querySelector("input").focus();
      });
      item.append(link, drop);
      return item;
    }));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const field = form.querySelector("input");
    const name = field.value.trim();
    if (!name) return;
    const address = new URL(location.href);
    address.searchParams.delete("after");
    keep([...kept().filter(([one]) => one !== name), [name, address.pathname + address.search]]);
    field.value = "";
  });
  part.hidden = false;
  show();
})();
