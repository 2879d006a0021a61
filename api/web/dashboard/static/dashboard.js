// The pause switch, pictures' marks, copying, and what a screen reader is told.
"use strict";
(() => {
  const say = (text) => { document.getElementById("said").textContent = text; };

  // Pause: live regions ask for nothing until they may again; an open stream shows nothing.
  const pause = document.getElementById("pause");
  const paused = () => localStorage.getItem("bottega-paused") === "yes";
  const showPause = () => {
    if (!pause) return;
    pause.setAttribute("aria-pressed", String(paused()));
    document.getElementById("pause-text").textContent = paused() ? "Paused" : "Live";
    pause.title = paused() ? "Refresh again" : "Stop refreshing";
  };
  pause?.addEventListener("click", () => {
    localStorage.setItem("bottega-paused", paused() ? "no" : "yes");
    showPause();
    say(paused() ? "Refreshing is paused" : "Refreshing");
  });
  showPause();

  // Nobody's open confirmation, or field that is being filled in, is swapped away from under them.
  const inUse = (region) =>
    region.querySelector("details[open]") !== null || region.contains(document.activeElement?.closest("input, select, textarea"));
  const isLive = (element) => element instanceof Element && element.hasAttribute("data-live");
  document.addEventListener("htmx:before:request", (event) => {
    const region = event.target;
    const streams = isLive(region) && region.hasAttribute("hx-sse:connect");
    if (isLive(region) && !streams && (paused() || document.hidden || inUse(region))) event.preventDefault();
  });
  document.addEventListener("htmx:sse:before:message", (event) => {
    if (isLive(event.target) && !event.detail.message.event && (paused() || inUse(event.target))) event.preventDefault();
  });

  // A stream ends with the job: the page says so once, and shows its last state.
  document.addEventListener("done", (event) => {
    say(`The job has ended: ${event.detail?.data ?? ""}`);
    location.reload();
  });

  // A label and its mark in the picture light up together.
  const light = (event) => {
    const mark = event.target.closest?.("[data-mark]");
    const figure = event.target.closest?.(".overlay") ?? document;
    figure.querySelectorAll(".lit").forEach((each) => each.classList.remove("lit"));
    if (mark) figure.querySelectorAll(`[data-mark="${mark.dataset.mark}"]`).forEach((each) => each.classList.add("lit"));
  };
  document.addEventListener("pointerover", light);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try { await navigator.clipboard.writeText(field.value); button.textContent = "Copied"; say("Copied"); } catch { say("Press Ctrl+C to copy"); }
  });
})();
