// The parts of every page: the theme switch, and menus of which one is open at a time.
"use strict";
(() => {
  const root = document.documentElement;

  // Theme: the browser decides until the switch is used; the server reads the choice from a cookie.
  document.getElementById("theme")?.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = dark ? "light" : "dark";
    root.dataset.theme = theme;
    document.cookie = `bottega_theme=${theme}; path=/; max-age=31536000; samesite=strict`;
    document.dispatchEvent(new Event("bottega:theme"));
    document.getElementById("announcement").textContent = `${theme} theme`;
  });

  // One open menu or confirmation at a time; Escape and a click elsewhere close it.
  const open = () => document.querySelectorAll("details.sure[open], details.menu[open]");
  document.addEventListener("click", (event) => open().forEach((each) => { if (!each.contains(event.target)) each.open = false; }));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    open().forEach((each) => { each.open = false; each.querySelector("summary").focus(); });
  });
})();
