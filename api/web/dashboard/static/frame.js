// What every page has: the theme switch, and menus of which one is open at a time.
"use strict";
(() => {
  const root = document.documentElement;

  // Theme: the browser's own choice until the switch is used; the server reads it from a cookie.
  document.getElementById("theme")?.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const chosen = dark ? "light" : "dark";
    root.dataset.theme = chosen;
    document.cookie = `bottega_theme=${chosen}; path=/; max-age=31536000; samesite=strict`;
    document.dispatchEvent(new Event("bottega:colours"));
    document.getElementById("said").textContent = `${chosen} colours`;
  });

  // One open menu or confirmation at a time; Escape and a click elsewhere close it.
  const open = () => document.querySelectorAll("details.sure[open], details.menu[open]");
  document.addEventListener("click", (event) => open().forEach((each) => { if (!each.contains(event.target)) each.open = false; }));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    open().forEach((each) => { each.open = false; each.querySelector("summary").focus(); });
  });
})();
