// The results of an analysis over the picture: a label and its shape are highlighted together,
// labels can be shown and hidden, and texts can be copied. All listeners are on the document, so
// that parts which htmx swaps in work at once.

const overlayOf = (element) => element.closest("[data-overlay]");
const withMark = (overlay, mark) => overlay.querySelectorAll(`[data-mark="${CSS.escape(mark)}"]`);

function highlight(target) {
  const part = target instanceof Element ? target.closest("[data-overlay] [data-mark]") : null;
  document.querySelectorAll("[data-overlay] .lit").forEach((each) => {
    if (!part || overlayOf(each) !== overlayOf(part) || each.dataset.mark !== part.dataset.mark) each.classList.remove("lit");
  });
  if (!part) return;
  withMark(overlayOf(part), part.dataset.mark).forEach((each) => {
    each.classList.add("lit");
    if (each !== part && !(each instanceof SVGElement)) scrollIntoList(each);
  });
}

// Only the list is scrolled: the page must not move under the pointer.
function scrollIntoList(place) {
  const list = place.closest(".found");
  const row = place.getBoundingClientRect(), frame = list.getBoundingClientRect();
  if (row.top < frame.top) list.scrollTop -= frame.top - row.top;
  if (row.bottom > frame.bottom) list.scrollTop += row.bottom - frame.bottom;
}

document.addEventListener("pointerover", (event) => highlight(event.target));
document.addEventListener("focusin", (event) => highlight(event.target));
document.addEventListener("focusout", (event) => { if (!event.relatedTarget) highlight(null); });

// The Tab key stops once at the shapes; the arrow keys move from one to the next.
const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
document.addEventListener("keydown", (event) => {
  const mark = event.target instanceof SVGElement ? event.target.closest("g.mark") : null;
  const step = steps[event.key];
  if (!mark || !step || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const all = [...overlayOf(mark).querySelectorAll("g.mark:not(.off)")];
  const next = all[(all.indexOf(mark) + step + all.length) % all.length];
  setTabStop(overlayOf(mark), next);
  next.focus();
});

function setTabStop(overlay, target) {
  overlay.querySelectorAll("g.mark").forEach((each) => each.setAttribute("tabindex", each === target ? "0" : "-1"));
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || box.dataset.shows === undefined) return;
  const overlay = overlayOf(box);
  box.dataset.shows.trim().split(" ").forEach((mark) => {
    withMark(overlay, mark).forEach((each) => each.classList.toggle("off", !box.checked));
  });
  if (!overlay.querySelector('g.mark:not(.off)[tabindex="0"]')) stop(overlay, overlay.querySelector("g.mark:not(.off)"));
});

// Without https a page has no clipboard API, only the old command.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.className = "unseen";
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (!copied) throw new Error("the browser does not let pages copy");
}

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy-of]") : null;
  if (!button) return;
  const name = button.dataset.name ??= button.textContent;
  let result = "Copied";
  try {
    await copy(document.getElementById(button.dataset.copyOf).textContent);
  } catch {
    result = "Could not be copied";
  }
  const announcement = document.getElementById("announcement");
  if (announcement) announcement.textContent = result;
  button.textContent = result;
  setTimeout(() => { button.textContent = name; }, 1500);
});
