// The form's dice and sliders, sending by the keyboard, and where to look when a job begins or ends.

const ask = document.getElementById("ask");
const said = document.getElementById("said");
const changed = (field) => field.dispatchEvent(new Event("change", { bubbles: true }));

ask.addEventListener("click", (event) => {
  const button = event.target.closest("[data-dice], [data-empties]");
  if (!button) return;
  const field = document.getElementById(button.dataset.dice ?? button.dataset.empties);
  field.value = button.dataset.dice ? crypto.getRandomValues(new Uint32Array(1))[0] : "";
  changed(field);
});

// A slider and its number say the same.
ask.addEventListener("input", (event) => {
  const slider = event.target;
  if (slider.dataset.follows) document.getElementById(slider.dataset.follows).value = slider.value;
  else ask.querySelector(`[data-follows="${CSS.escape(slider.id)}"]`)?.setAttribute("value", slider.value);
});

// What is not shown is not checked: a size that is not asked for may be any.
const settle = () => {
  const custom = document.getElementById("shape-custom");
  ask.querySelectorAll(".custom input").forEach((field) => { field.disabled = !custom.checked; });
  ask.querySelectorAll('[type="range"]').forEach((slider) => { slider.value = document.getElementById(slider.dataset.follows)?.value ?? slider.value; });
};
ask.addEventListener("change", settle);
document.addEventListener("htmx:after:swap", settle);
settle();

ask.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask.requestSubmit();
});

// What was wrong is gone once it is sent again. What would be typed into a form that is about to
// give way to another model's would be lost.
const fields = document.getElementById("fields");
document.addEventListener("htmx:before:request", (event) => {
  if (event.target === ask) document.getElementById("trouble").replaceChildren();
  if (event.target.id === "model") fields.inert = true;
});
for (const end of ["htmx:after:swap", "htmx:error"]) {
  document.addEventListener(end, (event) => {
    if (!fields.inert || (event.target !== fields && event.target.id !== "model")) return;
    fields.inert = false;
    document.getElementById("model").focus({ preventScroll: true });
  });
}

document.addEventListener("submitted", () => {
  said.textContent = "The job is accepted";
  const current = document.getElementById("current");
  // The address now leads back here: to this job, and a form with its settings.
  history.replaceState(null, "", `/?from=${current.querySelector("[data-job]").dataset.job}`);
  const top = current.getBoundingClientRect().top;
  if (top < 0 || top > innerHeight * 0.6) current.scrollIntoView({ block: "start" });
});

document.addEventListener("done", (event) => { said.textContent = `The job has ended: ${event.detail?.data ?? ""}`; });

// A picture that is no longer kept leaves its card without one.
document.addEventListener("error", (event) => {
  if (event.target instanceof HTMLImageElement && event.target.closest(".shot")) {
    event.target.replaceWith(Object.assign(document.createElement("span"), { className: "dim", textContent: "no longer kept" }));
  }
}, true);
