// One verdict on all: sent once.
(() => {
  addEventListener("submit", (event) => {
    const form = event.target;
    if (event.submitter?.formMethod === "dialog" || form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach((form) => delete form.dataset.sent));
})();
