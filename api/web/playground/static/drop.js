// <picture-drop>: pictures for one field of a form, by dropping, pasting or choosing files.
//
// Attributes: name, label, hint, upload, csrf, max, max-bytes, max-pixels, types, required.
// Each picture is sent to the service at once; what the form holds are the ids that came back,
// one hidden input for each, in order. Hidden inputs that the page came with are pictures already.
// `busy` stands on the element while a picture is on its way. It sends `change` when its value
// changes, and `pictures` when what it shows does.

import { announce, made, upload } from "./uploads.js";

const LARGEST_KEPT = 1600; // longer side of what is kept to be shown, pixels
const THUMB = 144; // longer side of a thumbnail, pixels: twice what is shown
const NAMES = { "image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WebP" };
let number = 0;

class PictureDrop extends HTMLElement {
  #states = this.attachInternals().states; // unlike attributes, these outlive a morph of the page
  #slots = []; // {value, width, height, source}: `value` is null while it is on its way
  #list;
  #file;
  #error;

  /** The pictures that have arrived, in order: value, width and height in pixels, and a source for drawImage. */
  get pictures() {
    return this.#slots.filter((slot) => slot.value !== null && slot.source);
  }

  connectedCallback() {
    if (this.#list) return;
    const given = [...this.querySelectorAll('input[type="hidden"]')];
    this.replaceChildren(...this.#parts());
    for (const field of given) this.#take(field.value, field.dataset.src, Number(field.dataset.width), Number(field.dataset.height));
    this.#show();
  }

  /** Put a picture in that the service knows already, in the place of the last one if it is full. */
  add(value, src, width, height) {
    while (this.#slots.length >= this.#max) this.#slots.pop();
    this.#take(value, src, width, height);
    this.#changed();
  }

  /** Take files as if they had been dropped. */
  async addFiles(files) {
    this.#error.textContent = "";
    await Promise.all([...files].map((file) => this.#send(file)));
  }

  get #max() { return Number(this.getAttribute("max") ?? 1); }

  #parts() {
    const id = `picture-drop-${++number}`;
    const types = this.#types;
    this.#file = made("input", { type: "file", id, accept: types.join(), multiple: this.#max > 1, "aria-describedby": `${id}-hint` });
    this.#list = made("ol", { class: "drop-list" });
    this.#error = made("p", { class: "drop-error", role: "alert" });
    const what = this.#max > 1 ? `Drop or paste up to ${this.#max} pictures, or ` : "Drop or paste a picture, or ";
    const zone = made("div", { class: "drop-zone" }, this.#file, made("span", {}, what, made("u", {}, "choose a file")));
    const hint = this.getAttribute("hint") ?? types.map((type) => NAMES[type] ?? type).join(", ");
    this.#file.addEventListener("input", (event) => event.stopPropagation());
    this.#file.addEventListener("change", (event) => {
      event.stopPropagation(); // nothing has changed until it has arrived
      const files = [...this.#file.files];
      this.#file.value = "";
      this.addFiles(files);
    });
    this.#listenForDrops();
    return [made("label", { htmlFor: id }, this.getAttribute("label") ?? "Picture"), this.#list, zone, made("p", { class: "drop-hint dim", id: `${id}-hint` }, hint), this.#error];
  }

  get #types() { return (this.getAttribute("types") ?? "image/png image/jpeg image/webp").split(/\s+/); }

  #listenForDrops() {
    const over = (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      this.toggleAttribute("over", event.type !== "drop");
      if (event.type === "drop") this.addFiles(event.dataTransfer.files);
    };
    for (const type of ["dragenter", "dragover", "drop"]) this.addEventListener(type, over);
    this.addEventListener("dragleave", (event) => { if (!this.contains(event.relatedTarget)) this.removeAttribute("over"); });
  }

  #take(value, src, width, height) {
    const slot = { value, width, height, source: null };
    this.#slots.push(slot);
    const image = new Image();
    image.src = src;
    image.decode().then(
      () => {
        slot.source = image;
        slot.width ||= image.naturalWidth;
        slot.height ||= image.naturalHeight;
      },
      () => this.#refuse("A picture is no longer there: choose another.", slot),
    ).then(() => this.#show());
  }

  async #send(file) {
    const slot = { value: null, width: 0, height: 0, source: null };
    try {
      this.#check(file);
      this.#makeRoom();
      this.#slots.push(slot);
      this.#show();
      slot.source = await this.#read(file);
      this.#show();
      const kept = await upload(this, file, file.name || "pasted.png");
      [slot.value, slot.width, slot.height] = [kept.id, kept.width, kept.height];
      announce("The picture is there");
    } catch (error) {
      this.#refuse(error.message, slot);
    }
    this.#changed();
  }

  // The only picture gives way to the next; of several none does.
  #makeRoom() {
    if (this.#max === 1) this.#slots = [];
    if (this.#slots.length >= this.#max) throw new Error(`No more than ${this.#max} pictures are taken here.`);
  }

  #check(file) {
    const types = this.#types;
    const name = file.name ? `“${file.name}”` : "This";
    if (!types.includes(file.type)) throw new Error(`${name} cannot be taken: send ${types.map((type) => NAMES[type] ?? type).join(", ")}.`);
    const most = Number(this.getAttribute("max-bytes") ?? Infinity);
    if (file.size > most) throw new Error(`${name} has ${(file.size / 1e6).toFixed(1)} MB; ${(most / 1e6).toFixed(1)} MB is the limit.`);
  }

  async #read(file) {
    const whole = await createImageBitmap(file).catch(() => {
      throw new Error("This is no picture that can be read: it may be broken.");
    });
    const { width, height } = whole;
    const most = Number(this.getAttribute("max-pixels") ?? Infinity);
    if (width * height > most) throw new Error(`The picture has ${width} × ${height} pixels; ${(most / 1e6).toFixed(1)} million is the limit.`);
    const scale = LARGEST_KEPT / Math.max(width, height);
    if (scale >= 1) return whole;
    const small = await createImageBitmap(whole, { resizeWidth: Math.max(1, Math.round(width * scale)), resizeHeight: Math.max(1, Math.round(height * scale)), resizeQuality: "medium" });
    whole.close();
    return small;
  }

  #refuse(message, slot) {
    this.#slots = this.#slots.filter((each) => each !== slot);
    this.#error.textContent = message;
  }

  #changed() {
    this.#show();
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  #show() {
    const waits = this.#slots.some((slot) => slot.value === null);
    this.toggleAttribute("busy", waits);
    this.#states[this.#slots.length >= this.#max && !waits ? "add" : "delete"]("full");
    const empty = this.hasAttribute("required") && this.#slots.length === 0;
    this.#file.setCustomValidity(waits ? "The picture is still on its way." : empty ? "Choose a picture." : "");
    this.#list.replaceChildren(...this.#slots.map((slot, place) => this.#row(slot, place)));
    this.dispatchEvent(new Event("pictures"));
  }

  #row(slot, place) {
    const name = this.#max > 1 ? `Picture ${place + 1}` : "Picture";
    const size = slot.value === null ? "on its way…" : `${slot.width} × ${slot.height}`;
    const row = made("li", {}, thumbnail(slot.source, `${name}, ${size}`), made("span", { class: "drop-size" }, size));
    if (place > 0) row.append(this.#button("←", `Move ${name} earlier`, () => this.#move(place, place - 1)));
    if (place < this.#slots.length - 1) row.append(this.#button("→", `Move ${name} later`, () => this.#move(place, place + 1)));
    row.append(this.#button("×", `Remove ${name}`, () => this.#remove(slot)));
    if (slot.value !== null) row.append(made("input", { type: "hidden", name: this.getAttribute("name"), value: slot.value }));
    return row;
  }

  #button(sign, name, act) {
    const button = made("button", { type: "button", class: "quiet", "aria-label": name, title: name }, sign);
    button.addEventListener("click", act);
    return button;
  }

  #move(from, to) {
    this.#slots.splice(to, 0, ...this.#slots.splice(from, 1));
    this.#changed();
    this.#list.children[to].querySelector("button").focus();
    announce(`Now picture ${to + 1}`);
  }

  #remove(slot) {
    this.#slots = this.#slots.filter((each) => each !== slot);
    this.#error.textContent = "";
    this.#changed();
    this.#file.focus();
    announce("Removed");
  }
}

function thumbnail(source, name) {
  const canvas = made("canvas", { role: "img", "aria-label": name });
  const [width, height] = source ? [source.naturalWidth ?? source.width, source.naturalHeight ?? source.height] : [1, 1];
  const scale = Math.min(1, THUMB / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  if (source) canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// A picture that is pasted, or dropped beside a field, goes where one is at work, or else to the
// first field that is seen: a browser would leave the page for a file that nobody takes.
const nearest = () =>
  document.activeElement?.closest("picture-drop") ?? [...document.querySelectorAll("picture-drop")].find((each) => each.checkVisibility());

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  const writes = document.activeElement?.matches("input, textarea") && event.clipboardData?.types.includes("text/plain");
  const drop = nearest();
  if (!files.length || writes || !drop) return;
  event.preventDefault();
  drop.addFiles(files);
});

for (const type of ["dragover", "drop"]) {
  document.addEventListener(type, (event) => {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (type === "drop") nearest()?.addFiles(event.dataTransfer.files);
  });
}

customElements.define("picture-drop", PictureDrop);
