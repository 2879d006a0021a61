// The form's random seed and sliders, submitting by keyboard, and announcements of a job's start and end.

const form = document.getElementById("job-form");
const announcement = document.getElementById("announcement");
const changed = (field) => field.dispatchEvent(new Event("change", { bubbles: true }));

form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-randomize], [data-clears]");
  if (!button) return;
  const field = document.getElementById(button.dataset.randomize ?? button.dataset.clears);
  field.value = button.dataset.randomize ? crypto.getRandomValues(new Uint32Array(1))[0] : "";
  changed(field);
});

// A slider and its number field have the same value.
form.addEventListener("input", (event) => {
  const slider = event.target;
  if (slider.dataset.follows) document.getElementById(slider.dataset.follows).value = slider.value;
  else form.querySelector(`[data-follows="${CSS.escape(slider.id)}"]`)?.setAttribute("value", slider.value);
});

// Hidden fields are not validated: a custom size counts only while it is selected.
const syncFields = () => {
  const custom = document.getElementById("shape-custom");
  form.querySelectorAll(".custom input").forEach((field) => { field.disabled = !custom.checked; });
  form.querySelectorAll('[type="range"]').forEach((slider) => { slider.value = document.getElementById(slider.dataset.follows)?.value ?? slider.value; });
};
form.addEventListener("change", syncFields);
document.addEventListener("htmx:after:swap", syncFields);
syncFields();

// The choice of the code's language is the page's own: it changes no job.
document.addEventListener("change", (event) => {
  if (event.target.name === "language") event.stopPropagation();
}, true);

form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

// Errors disappear when the form is sent again. While the form of another model is loading, this
// one accepts no input: it would be lost.
const fields = document.getElementById("fields");
document.addEventListener("htmx:before:request", (event) => {
  if (event.target === form) document.getElementById("form-errors").replaceChildren();
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
  announcement.textContent = "The job is accepted";
  const result = document.getElementById("result");
  // The URL now leads back to this job and a form with its settings.
  history.replaceState(null, "", `/?from=${result.querySelector("[data-job]").dataset.job}`);
  const top = result.getBoundingClientRect().top;
  if (top < 0 || top > innerHeight * 0.6) result.scrollIntoView({ block: "start" });
});

document.addEventListener("done", (event) => { announcement.textContent = `The job has ended: ${event.detail?.data ?? ""}`; });

// A card whose picture is no longer stored shows a text instead.
document.addEventListener("error", (event) => {
  if (event.target instanceof HTMLImageElement && event.target.closest(".shot")) {
    event.target.replaceWith(Object.assign(document.createElement("span"), { className: "dim", textContent: "no longer stored" }));
  }
}, true);
