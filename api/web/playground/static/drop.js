// <picture-drop>: a form field for pictures, which the user drops, pastes or selects as files.
//
// Attributes: name, label, hint, upload, csrf, max, max-bytes, max-pixels, types, required.
// Each picture is uploaded at once. The form holds the ids that the service returns, one hidden
// input per picture, in order. Hidden inputs in the page's HTML are pictures uploaded before.
// The attribute `busy` is set while an upload runs. The element fires `change` when its value
// changes, and `pictures` when the pictures that it shows change.

import { announce, createElement, upload } from "./uploads.js";

const MAX_SIDE = 1600; // longer side of the copy that is shown, pixels
const THUMB = 144; // longer side of a thumbnail, pixels: twice its size on the page
const NAMES = { "image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WebP", "image/avif": "AVIF", "image/heic": "HEIC", "image/gif": "GIF", "image/bmp": "BMP" };
let number = 0;

class PictureDrop extends HTMLElement {
  #states = this.attachInternals().states; // unlike attributes, states survive a morph of the page
  #slots = []; // {value, width, height, source}: `value` is null during the upload
  #list;
  #file;
  #error;

  /** The uploaded pictures, in order: value, width and height in pixels, and a source for drawImage. */
  get pictures() {
    return this.#slots.filter((slot) => slot.value !== null && slot.source);
  }

  connectedCallback() {
    if (this.#list) return;
    const initial = [...this.querySelectorAll('input[type="hidden"]')];
    this.replaceChildren(...this.#parts());
    for (const field of initial) this.#addUploaded(field.value, field.dataset.src, Number(field.dataset.width), Number(field.dataset.height));
    this.#show();
  }

  /** Add a picture that was uploaded before; it replaces the last one when the field is full. */
  add(value, src, width, height) {
    while (this.#slots.length >= this.#max) this.#slots.pop();
    this.#addUploaded(value, src, width, height);
    this.#changed();
  }

  /** Add files as if they had been dropped. */
  async addFiles(files) {
    this.#error.textContent = "";
    await Promise.all([...files].map((file) => this.#send(file)));
  }

  get #max() { return Number(this.getAttribute("max") ?? 1); }

  #parts() {
    const id = `picture-drop-${++number}`;
    const types = this.#types;
    this.#file = createElement("input", { type: "file", id, accept: [...types, ".heic", ".heif"].join(), multiple: this.#max > 1, "aria-describedby": `${id}-hint` });
    this.#list = createElement("ol", { class: "drop-list" });
    this.#error = createElement("p", { class: "drop-error", role: "alert" });
    const what = this.#max > 1 ? `Drop or paste up to ${this.#max} pictures, or ` : "Drop or paste a picture, or ";
    const zone = createElement("div", { class: "drop-zone" }, this.#file, createElement("span", {}, what, createElement("u", {}, "choose a file")));
    const hint = this.getAttribute("hint") ?? types.map((type) => NAMES[type] ?? type).join(", ");
    this.#file.addEventListener("input", (event) => event.stopPropagation());
    this.#file.addEventListener("change", (event) => {
      event.stopPropagation(); // the value changes only after the upload
      const files = [...this.#file.files];
      this.#file.value = "";
      this.addFiles(files);
    });
    this.#listenForDrops();
    return [createElement("label", { htmlFor: id }, this.getAttribute("label") ?? "Picture"), this.#list, zone, createElement("p", { class: "drop-hint dim", id: `${id}-hint` }, hint), this.#error];
  }

  get #types() { return this.getAttribute("types")?.split(/\s+/) ?? Object.keys(NAMES); }

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

  #addUploaded(value, src, width, height) {
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
      () => this.#refuse("A picture is no longer stored: choose another.", slot),
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
      const stored = await upload(this, file, file.name || "pasted.png");
      slot.source ??= await shownBy(`${this.getAttribute("upload")}/${stored.id}`);
      [slot.value, slot.width, slot.height] = [stored.id, stored.width, stored.height];
      announce("The picture is uploaded");
    } catch (error) {
      this.#refuse(error.message, slot);
    }
    this.#changed();
  }

  // A single picture is replaced by the next one; in a field for several, none is.
  #makeRoom() {
    if (this.#max === 1) this.#slots = [];
    if (this.#slots.length >= this.#max) throw new Error(`No more than ${this.#max} pictures are allowed here.`);
  }

  #check(file) {
    const types = this.#types;
    const name = file.name ? `“${file.name}”` : "This";
    if (!types.includes(typeOf(file))) throw new Error(`${name} cannot be used: send ${types.map((type) => NAMES[type] ?? type).join(", ")}.`);
    const most = Number(this.getAttribute("max-bytes") ?? Infinity);
    if (file.size > most) throw new Error(`${name} has ${(file.size / 1e6).toFixed(1)} MB; ${(most / 1e6).toFixed(1)} MB is the limit.`);
  }

  // Browsers do not read a HEIC: the service shows what it made of it.
  async #read(file) {
    if (typeOf(file) === "image/heic") return null;
    const whole = await createImageBitmap(file).catch(() => {
      throw new Error("This is not a picture that can be read: the file may be damaged.");
    });
    const { width, height } = whole;
    const most = Number(this.getAttribute("max-pixels") ?? Infinity);
    if (width * height > most) throw new Error(`The picture has ${width} × ${height} pixels; ${(most / 1e6).toFixed(1)} million is the limit.`);
    const scale = MAX_SIDE / Math.max(width, height);
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
    const isUploading = this.#slots.some((slot) => slot.value === null);
    this.toggleAttribute("busy", isUploading);
    this.#states[this.#slots.length >= this.#max && !isUploading ? "add" : "delete"]("full");
    const empty = this.hasAttribute("required") && this.#slots.length === 0;
    this.#file.setCustomValidity(isUploading ? "The picture is still being uploaded." : empty ? "Choose a picture." : "");
    this.#list.replaceChildren(...this.#slots.map((slot, place) => this.#row(slot, place)));
    this.dispatchEvent(new Event("pictures"));
  }

  #row(slot, place) {
    const name = this.#max > 1 ? `Picture ${place + 1}` : "Picture";
    const size = slot.value === null ? "uploading…" : `${slot.width} × ${slot.height}`;
    const row = createElement("li", {}, thumbnail(slot.source, `${name}, ${size}`), createElement("span", { class: "drop-size" }, size));
    if (place > 0) row.append(this.#button("←", `Move ${name} earlier`, () => this.#move(place, place - 1)));
    if (place < this.#slots.length - 1) row.append(this.#button("→", `Move ${name} later`, () => this.#move(place, place + 1)));
    row.append(this.#button("×", `Remove ${name}`, () => this.#remove(slot)));
    if (slot.value !== null) row.append(createElement("input", { type: "hidden", name: this.getAttribute("name"), value: slot.value }));
    return row;
  }

  #button(sign, name, onClick) {
    const button = createElement("button", { type: "button", class: "quiet", "aria-label": name, title: name }, sign);
    button.addEventListener("click", onClick);
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

// A system may not know the type of a HEIC; its name then tells it.
function typeOf(file) {
  const isHeic = /^image\/hei[cf]$/.test(file.type) || (!file.type && /\.hei[cf]$/i.test(file.name ?? ""));
  return isHeic ? "image/heic" : file.type;
}

async function shownBy(src) {
  const image = new Image();
  image.src = src;
  await image.decode();
  return image;
}

function thumbnail(source, name) {
  const canvas = createElement("canvas", { role: "img", "aria-label": name });
  const [width, height] = source ? [source.naturalWidth ?? source.width, source.naturalHeight ?? source.height] : [1, 1];
  const scale = Math.min(1, THUMB / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  if (source) canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// A picture that is pasted, or dropped beside a field, goes to the field that has the focus, or
// else to the first visible one. A browser would leave the page and open the file instead.
const nearest = () =>
  document.activeElement?.closest("picture-drop") ?? [...document.querySelectorAll("picture-drop")].find((each) => each.checkVisibility());

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  const isText = document.activeElement?.matches("input, textarea") && event.clipboardData?.types.includes("text/plain");
  const drop = nearest();
  if (!files.length || isText || !drop) return;
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
