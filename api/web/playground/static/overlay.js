// What was found in a picture: a label and its shape light up together, labels are shown and
// hidden, and texts are copied. Everything is listened for on the document, so that whatever is
// swapped in works at once.

const around = (element) => element.closest("[data-overlay]");
const marked = (overlay, mark) => overlay.querySelectorAll(`[data-mark="${CSS.escape(mark)}"]`);

function light(target) {
  const part = target instanceof Element ? target.closest("[data-overlay] [data-mark]") : null;
  document.querySelectorAll("[data-overlay] .lit").forEach((each) => {
    if (!part || around(each) !== around(part) || each.dataset.mark !== part.dataset.mark) each.classList.remove("lit");
  });
  if (!part) return;
  marked(around(part), part.dataset.mark).forEach((each) => {
    each.classList.add("lit");
    if (each !== part && !(each instanceof SVGElement)) intoView(each);
  });
}

// The list alone is scrolled: the page must not move under the pointer.
function intoView(place) {
  const list = place.closest(".found");
  const row = place.getBoundingClientRect(), frame = list.getBoundingClientRect();
  if (row.top < frame.top) list.scrollTop -= frame.top - row.top;
  if (row.bottom > frame.bottom) list.scrollTop += row.bottom - frame.bottom;
}

document.addEventListener("pointerover", (event) => light(event.target));
document.addEventListener("focusin", (event) => light(event.target));
document.addEventListener("focusout", (event) => { if (!event.relatedTarget) light(null); });

// The shapes are one stop of the Tab key; the arrows lead from one to the next.
const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
document.addEventListener("keydown", (event) => {
  const mark = event.target instanceof SVGElement ? event.target.closest("g.mark") : null;
  const step = steps[event.key];
  if (!mark || !step || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const all = [...around(mark).querySelectorAll("g.mark:not(.off)")];
  const next = all[(all.indexOf(mark) + step + all.length) % all.length];
  stop(around(mark), next);
  next.focus();
});

function stop(overlay, chosen) {
  overlay.querySelectorAll("g.mark").forEach((each) => each.setAttribute("tabindex", each === chosen ? "0" : "-1"));
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || box.dataset.shows === undefined) return;
  const overlay = around(box);
  box.dataset.shows.trim().split(" ").forEach((mark) => {
    marked(overlay, mark).forEach((each) => each.classList.toggle("off", !box.checked));
  });
  if (!overlay.querySelector('g.mark:not(.off)[tabindex="0"]')) stop(overlay, overlay.querySelector("g.mark:not(.off)"));
});

// A page that did not come over https has no clipboard to write to, only the old command.
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
  const button = event.target instanceof Element ? event.target.closest("[data-copies]") : null;
  if (!button) return;
  const name = button.dataset.name ??= button.textContent;
  let told = "Copied";
  try {
    await copy(document.getElementById(button.dataset.copies).textContent);
  } catch {
    told = "Could not be copied";
  }
  const said = document.getElementById("said");
  if (said) said.textContent = told;
  button.textContent = told;
  setTimeout(() => { button.textContent = name; }, 1500);
});
