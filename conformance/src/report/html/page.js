// What the page does when scripts run: it filters, opens and copies. Without it everything still reads.
"use strict";
(() => {
  const form = document.querySelector(".filters");
  const items = [...document.querySelectorAll(".findings > li")];
  const details = (item) => item.querySelector("details");

  const filter = () => {
    const words = form.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { value: severity } = form.severity;
    const { value: family } = form.family;
    for (const item of items) {
      item.hidden = !(
        (!severity || item.dataset.severity === severity) &&
        (!family || item.dataset.family === family) &&
        words.every((word) => item.dataset.words.includes(word))
      );
    }
    const shown = items.filter((item) => !item.hidden).length;
    form.shown.value = shown === items.length ? `${shown} shown` : `${shown} of ${items.length} shown`;
  };

  if (form) {
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.toggle.addEventListener("click", () => {
      const open = form.toggle.getAttribute("aria-pressed") !== "true";
      form.toggle.setAttribute("aria-pressed", String(open));
      form.toggle.textContent = open ? "Close all" : "Open all";
      items.forEach((item) => (details(item).open = open));
    });
  }

  // A field of a matrix leads to its finding: it is shown, whatever the filters say, and opened.
  const follow = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || target.tagName !== "DETAILS") return;
    target.closest("li").hidden = false;
    target.open = true;
    target.querySelector("summary").focus({ preventScroll: true });
    target.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", follow);
  follow();

  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.nextElementSibling.textContent);
      const text = button.firstChild;
      text.data = "Copied";
      setTimeout(() => (text.data = "Copy"), 1500);
    });
  }
})();
