// The pause button, highlighted labels and shapes, copy buttons, and screen reader announcements.
"use strict";
(() => {
  const announce = (text) => { document.getElementById("announcement").textContent = text; };

  // Pause: live regions send no requests, and parts that arrive by an open stream are not shown.
  const pause = document.getElementById("pause");
  const paused = () => localStorage.getItem("bottega-paused") === "yes";
  const showPause = () => {
    if (!pause) return;
    pause.setAttribute("aria-pressed", String(paused()));
    document.getElementById("pause-text").textContent = paused() ? "Paused" : "Live";
    pause.title = paused() ? "Resume refreshing" : "Stop refreshing";
  };
  pause?.addEventListener("click", () => {
    localStorage.setItem("bottega-paused", paused() ? "no" : "yes");
    showPause();
    announce(paused() ? "Refreshing is paused" : "Refreshing is resumed");
  });
  showPause();

  // A region is not replaced while the user has a confirmation open or types into one of its fields.
  const inUse = (region) =>
    region.querySelector("details[open]") !== null || region.contains(document.activeElement?.closest("input, select, textarea"));
  const isLive = (element) => element instanceof Element && element.hasAttribute("data-live");
  document.addEventListener("htmx:before:request", (event) => {
    const region = event.target;
    const isStream = isLive(region) && region.hasAttribute("hx-sse:connect");
    if (isLive(region) && !isStream && (paused() || document.hidden || inUse(region))) event.preventDefault();
  });
  document.addEventListener("htmx:sse:before:message", (event) => {
    if (isLive(event.target) && !event.detail.message.event && (paused() || inUse(event.target))) event.preventDefault();
  });

  // The stream ends with the job: the page announces it, and loads again to show the final state.
  document.addEventListener("done", (event) => {
    announce(`The job has ended: ${event.detail?.data ?? ""}`);
    location.reload();
  });

  // A label and its shape in the picture are highlighted together.
  const highlight = (event) => {
    const mark = event.target.closest?.("[data-mark]");
    const figure = event.target.closest?.(".overlay") ?? document;
    figure.querySelectorAll(".lit").forEach((each) => each.classList.remove("lit"));
    if (mark) figure.querySelectorAll(`[data-mark="${mark.dataset.mark}"]`).forEach((each) => each.classList.add("lit"));
  };
  document.addEventListener("pointerover", highlight);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try { await navigator.clipboard.writeText(field.value); button.textContent = "Copied"; announce("Copied"); } catch { announce("Press Ctrl+C to copy"); }
  });
})();
