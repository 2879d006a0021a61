// <mask-brush>: marks the area of a picture to be repainted, by mouse, finger, pen or keyboard.
//
// Attributes: name, label, for (the id of a <picture-drop>, whose first picture is marked),
// upload, csrf. Shortly after the last stroke, the mask is uploaded as a PNG of the picture's
// original size, white in the area to be repainted, and a hidden input holds the returned id.
// An empty mask sends no input. The attribute `busy` is set until the mask is uploaded.

import { follow, positionIn, showIn } from "./follow.js";
import { draw, opaqueWhereWhite, redraw, renderMask } from "./mask.js";
import { createElement, upload } from "./uploads.js";

const COLOUR = "#e0218a"; // on the screen only; the style sheet sets the layer's opacity
const MAX_LAYER_SIDE = 1024; // longer side of the layer on the screen, pixels
const UPLOAD_DELAY_MS = 300; // from the last edit to the upload of the mask
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let number = 0;

class MaskBrush extends HTMLElement {
  #states = this.attachInternals().states; // unlike attributes, states survive a morph of the page
  #edits = [];
  #stroke = null;
  #base = null;
  #erases = false;
  #shown = null; // the picture that is marked, as the <picture-drop> reports it
  #cursor = [0, 0]; // in pixels of the picture
  #sent = 0; // number of uploads, so that a late response is recognized
  #timer;
  #view; #picture; #layer; #ring; #size; #tools; #field; #note; #error;

  connectedCallback() {
    if (this.#view) return;
    const initial = this.querySelector('input[type="hidden"]');
    this.#build();
    if (initial) this.#loadInitial(initial);
    follow(this.getAttribute("for"), (picture) => this.#showPicture(picture));
  }

  /** The mask as a PNG of the picture's size; null when it is empty. */
  async toBlob() {
    if (!this.#shown) return null;
    const { canvas, share } = renderMask(this.#shown.width, this.#shown.height, this.#edits, this.#base);
    this.#note.textContent = share ? `${share < 0.01 ? "Less than 1" : Math.round(share * 100)} % is repainted` : "Nothing is marked yet";
    return share ? new Promise((resolve) => canvas.toBlob(resolve, "image/png")) : null;
  }

  /** Remove the whole mask. */
  clear() { this.#addEdit({ kind: "clear" }); }

  #build() {
    const id = `mask-brush-${++number}`;
    this.#picture = createElement("canvas", { "aria-hidden": "true" });
    this.#layer = createElement("canvas", { class: "mask-layer", tabIndex: 0, role: "application", "aria-label": this.getAttribute("label") ?? "Mask", "aria-describedby": `${id}-keys` });
    this.#ring = createElement("span", { class: "mask-ring", "aria-hidden": "true" });
    this.#view = createElement("div", { class: "mask-view" }, this.#picture, this.#layer, this.#ring);
    this.#size = createElement("input", { type: "range", id: `${id}-size`, min: 1, max: 40, value: 12 });
    this.#field = createElement("input", { type: "hidden", name: this.getAttribute("name"), disabled: true });
    this.#note = createElement("span", { class: "dim", role: "status" });
    this.#error = createElement("p", { class: "drop-error", role: "alert" });
    this.#tools = this.#toolbar(`${id}-size`);
    const keys = createElement("p", { class: "drop-hint dim", id: `${id}-keys` }, "By keyboard: arrows move the brush, Shift makes the steps larger, hold Space to paint, [ and ] change its size.");
    this.replaceChildren(createElement("p", { class: "mask-title" }, this.getAttribute("label") ?? "Mask"), this.#view, this.#tools, keys, this.#error, this.#field);
    this.#listen();
  }

  #toolbar(id) {
    const brush = this.#button("Brush", () => this.#choose(false));
    const eraser = this.#button("Eraser", () => this.#choose(true));
    brush.setAttribute("aria-pressed", "true");
    eraser.setAttribute("aria-pressed", "false");
    const size = createElement("span", { class: "mask-size" }, createElement("label", { htmlFor: id }, "Size"), this.#size);
    const undo = this.#button("Undo", () => this.#undo());
    undo.disabled = true;
    const clear = this.#button("Clear", () => this.clear());
    const invert = this.#button("Invert", () => this.#addEdit({ kind: "invert" }));
    const tools = createElement("div", { class: "mask-tools", role: "group", "aria-label": "Mask tools" }, brush, eraser, size, undo, clear, invert, this.#note);
    for (const type of ["input", "change"]) {
      tools.addEventListener(type, (event) => { event.stopPropagation(); this.#moveRing(); });
    }
    return tools;
  }

  #button(name, onClick) {
    const button = createElement("button", { type: "button", "data-tool": name.toLowerCase() }, name);
    button.addEventListener("click", onClick);
    return button;
  }

  #tool(name) { return this.#tools.querySelector(`[data-tool="${name}"]`); }

  #choose(erases) {
    this.#erases = erases;
    this.#tool("brush").setAttribute("aria-pressed", String(!erases));
    this.#tool("eraser").setAttribute("aria-pressed", String(erases));
  }

  #loadInitial(field) {
    this.#field.value = field.value;
    this.#field.disabled = false;
    const image = new Image();
    image.src = field.dataset.src;
    image.decode().then(
      () => { this.#base = opaqueWhereWhite(image); this.#redraw(); },
      () => { this.#field.disabled = true; this.#error.textContent = "The mask is no longer stored: paint it again."; },
    );
  }

  #showPicture(picture) {
    if (picture === this.#shown || (!picture && !this.#shown)) return;
    const isOther = this.#shown !== null;
    this.#shown = picture ?? null;
    this.#states[picture ? "add" : "delete"]("ready");
    if (isOther) this.#reset();
    if (!picture) return;
    showIn(this.#view, [this.#picture, this.#layer], picture, MAX_LAYER_SIDE);
    this.#cursor = [picture.width / 2, picture.height / 2];
    this.#redraw();
  }

  #reset() {
    [this.#edits, this.#base, this.#stroke] = [[], null, null];
    this.#sent += 1;
    this.#finishUpload("");
  }

  get #scale() { return this.#layer.width / this.#shown.width; }
  get #diameter() { return Math.max(1, (Number(this.#size.value) / 100) * Math.min(this.#shown.width, this.#shown.height)); }

  #redraw() {
    this.#tool("undo").disabled = this.#edits.length === 0;
    if (this.#shown) redraw(this.#layer.getContext("2d"), this.#scale, COLOUR, this.#edits, this.#base);
  }

  #listen() {
    this.#layer.addEventListener("pointerdown", (event) => this.#down(event));
    this.#layer.addEventListener("pointermove", (event) => this.#move(event));
    this.#layer.addEventListener("pointerup", () => this.#lift());
    this.#layer.addEventListener("pointercancel", () => { this.#stroke = null; this.#redraw(); });
    this.#layer.addEventListener("keydown", (event) => this.#key(event));
    this.#layer.addEventListener("keyup", (event) => { if (event.key === " ") this.#lift(); });
    this.#layer.addEventListener("blur", () => this.#lift());
    this.#layer.addEventListener("focus", () => this.#moveRing());
  }

  #down(event) {
    if (!event.isPrimary || event.button > 0 && event.button !== 5) return;
    this.#layer.setPointerCapture(event.pointerId);
    this.#cursor = positionIn(this.#view, this.#shown, event);
    this.#begin(this.#erases || event.button === 5); // 5: the eraser end of a pen
    this.#moveRing();
  }

  #move(event) {
    if (!event.isPrimary) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) this.#to(positionIn(this.#view, this.#shown, each));
    this.#to(positionIn(this.#view, this.#shown, event));
  }

  #begin(erases) {
    this.#stroke = { kind: "stroke", erases, size: this.#diameter, points: [this.#cursor] };
    draw(this.#layer.getContext("2d"), this.#scale, COLOUR, this.#stroke, 0);
  }

  #to(place) {
    const [x, y] = this.#cursor;
    this.#cursor = place;
    this.#moveRing();
    if (!this.#stroke || (x === place[0] && y === place[1])) return;
    this.#stroke.points.push(place);
    draw(this.#layer.getContext("2d"), this.#scale, COLOUR, this.#stroke, this.#stroke.points.length - 2);
  }

  #lift() {
    const stroke = this.#stroke;
    this.#stroke = null;
    if (stroke) this.#addEdit(stroke);
  }

  #key(event) {
    if (event.altKey) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") this.#undo();
    else if (event.ctrlKey || event.metaKey) return;
    else if (ARROWS[event.key]) this.#step(ARROWS[event.key], event.shiftKey);
    else if (event.key === " ") { if (!event.repeat && !this.#stroke) this.#begin(this.#erases); }
    else if (event.key === "[" || event.key === "]") this.#size[event.key === "[" ? "stepDown" : "stepUp"](2);
    else return;
    event.preventDefault();
    this.#moveRing();
  }

  #step([across, down], far) {
    const { width, height } = this.#shown;
    const step = (Math.min(width, height) / 100) * (far ? 10 : 2);
    const within = (value, most) => Math.min(most, Math.max(0, value));
    this.#to([within(this.#cursor[0] + across * step, width), within(this.#cursor[1] + down * step, height)]);
  }

  #moveRing() {
    if (!this.#shown) return;
    const scale = this.#layer.clientWidth / this.#shown.width;
    const style = this.#ring.style;
    style.width = style.height = `${this.#diameter * scale}px`;
    style.transform = `translate(${this.#cursor[0] * scale}px, ${this.#cursor[1] * scale}px) translate(-50%, -50%)`;
  }

  #addEdit(edit) {
    this.#edits.push(edit);
    this.#edited();
  }

  #undo() {
    if (this.#edits.pop()) this.#edited();
  }

  #edited() {
    this.#redraw();
    this.#error.textContent = "";
    this.#setBusy("The mask is still being uploaded.");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), UPLOAD_DELAY_MS);
  }

  async #send() {
    const mine = ++this.#sent;
    let value = "";
    try {
      const mask = await this.toBlob();
      value = mask ? (await upload(this, mask, "mask.png")).id : "";
    } catch (error) {
      if (mine === this.#sent) this.#error.textContent = error.message;
    }
    if (mine !== this.#sent) return;
    this.#finishUpload(value);
  }

  #finishUpload(value) {
    clearTimeout(this.#timer);
    this.#setBusy("");
    this.#field.value = value;
    this.#field.disabled = value === "";
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  #setBusy(reason) {
    this.toggleAttribute("busy", reason !== "");
    this.#size.setCustomValidity(reason);
  }
}

customElements.define("mask-brush", MaskBrush);
