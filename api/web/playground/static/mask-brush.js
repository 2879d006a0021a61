// <mask-brush>: what of a picture is to be painted anew, by mouse, finger, pen or keyboard.
//
// Attributes: name, label, for (the id of a <picture-drop>, whose first picture is painted on),
// upload, csrf. When strokes rest, the mask is sent to the service as a PNG of the picture's true
// size, white where it is to be painted anew, and a hidden input holds the id that came back.
// Nothing painted, no input. `busy` stands on the element until the mask has arrived.

import { follow, placeIn, showIn } from "./follow.js";
import { draw, finished, opaqueWhere, redraw } from "./mask.js";
import { made, upload } from "./uploads.js";

const COLOUR = "#e0218a"; // on the screen alone; the layer's opacity is the style sheet's
const LARGEST_LAYER = 1024; // longer side of the layer on the screen, pixels
const REST_MS = 300; // this long after the last act the mask is sent
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let number = 0;

class MaskBrush extends HTMLElement {
  #states = this.attachInternals().states; // unlike attributes, these outlive a morph of the page
  #acts = [];
  #stroke = null;
  #base = null;
  #erases = false;
  #shown = null; // the picture that is painted on, as the drop tells it
  #cursor = [0, 0]; // in pixels of the picture
  #sent = 0; // counts what was sent, so that a late answer is known
  #timer;
  #view; #picture; #layer; #ring; #size; #tools; #field; #note; #error;

  connectedCallback() {
    if (this.#view) return;
    const given = this.querySelector('input[type="hidden"]');
    this.#build();
    if (given) this.#keepGiven(given);
    follow(this.getAttribute("for"), (picture) => this.#lookAt(picture));
  }

  /** The mask as a PNG of the picture's size; null when nothing is painted. */
  async toBlob() {
    if (!this.#shown) return null;
    const { canvas, share } = finished(this.#shown.width, this.#shown.height, this.#acts, this.#base);
    this.#note.textContent = share ? `${share < 0.01 ? "Less than 1" : Math.round(share * 100)} % is painted anew` : "Nothing is chosen yet";
    return share ? new Promise((resolve) => canvas.toBlob(resolve, "image/png")) : null;
  }

  /** Paint nothing anew. */
  clear() { this.#act({ kind: "clear" }); }

  #build() {
    const id = `mask-brush-${++number}`;
    this.#picture = made("canvas", { "aria-hidden": "true" });
    this.#layer = made("canvas", { class: "mask-layer", tabIndex: 0, role: "application", "aria-label": this.getAttribute("label") ?? "Mask", "aria-describedby": `${id}-keys` });
    this.#ring = made("span", { class: "mask-ring", "aria-hidden": "true" });
    this.#view = made("div", { class: "mask-view" }, this.#picture, this.#layer, this.#ring);
    this.#size = made("input", { type: "range", id: `${id}-size`, min: 1, max: 40, value: 12 });
    this.#field = made("input", { type: "hidden", name: this.getAttribute("name"), disabled: true });
    this.#note = made("span", { class: "dim", role: "status" });
    this.#error = made("p", { class: "drop-error", role: "alert" });
    this.#tools = this.#toolbar(`${id}-size`);
    const keys = made("p", { class: "drop-hint dim", id: `${id}-keys` }, "By keyboard: arrows move the brush, Shift makes the steps larger, hold Space to paint, [ and ] change its size.");
    this.replaceChildren(made("p", { class: "mask-title" }, this.getAttribute("label") ?? "Mask"), this.#view, this.#tools, keys, this.#error, this.#field);
    this.#listen();
  }

  #toolbar(id) {
    const brush = this.#button("Brush", () => this.#choose(false));
    const eraser = this.#button("Eraser", () => this.#choose(true));
    brush.setAttribute("aria-pressed", "true");
    eraser.setAttribute("aria-pressed", "false");
    const size = made("span", { class: "mask-size" }, made("label", { htmlFor: id }, "Size"), this.#size);
    const undo = this.#button("Undo", () => this.#undo());
    undo.disabled = true;
    const clear = this.#button("Clear", () => this.clear());
    const invert = this.#button("Invert", () => this.#act({ kind: "invert" }));
    const tools = made("div", { class: "mask-tools", role: "group", "aria-label": "Mask tools" }, brush, eraser, size, undo, clear, invert, this.#note);
    for (const type of ["input", "change"]) {
      tools.addEventListener(type, (event) => { event.stopPropagation(); this.#moveRing(); });
    }
    return tools;
  }

  #button(name, act) {
    const button = made("button", { type: "button", "data-tool": name.toLowerCase() }, name);
    button.addEventListener("click", act);
    return button;
  }

  #tool(name) { return this.#tools.querySelector(`[data-tool="${name}"]`); }

  #choose(erases) {
    this.#erases = erases;
    this.#tool("brush").setAttribute("aria-pressed", String(!erases));
    this.#tool("eraser").setAttribute("aria-pressed", String(erases));
  }

  #keepGiven(given) {
    this.#field.value = given.value;
    this.#field.disabled = false;
    const image = new Image();
    image.src = given.dataset.src;
    image.decode().then(
      () => { this.#base = opaqueWhere(image); this.#redraw(); },
      () => { this.#field.disabled = true; this.#error.textContent = "The mask is no longer there: paint it again."; },
    );
  }

  #lookAt(picture) {
    if (picture === this.#shown || (!picture && !this.#shown)) return;
    const another = this.#shown !== null;
    this.#shown = picture ?? null;
    this.#states[picture ? "add" : "delete"]("ready");
    if (another) this.#forget();
    if (!picture) return;
    showIn(this.#view, [this.#picture, this.#layer], picture, LARGEST_LAYER);
    this.#cursor = [picture.width / 2, picture.height / 2];
    this.#redraw();
  }

  #forget() {
    [this.#acts, this.#base, this.#stroke] = [[], null, null];
    this.#sent += 1;
    this.#settle("");
  }

  get #scale() { return this.#layer.width / this.#shown.width; }
  get #diameter() { return Math.max(1, (Number(this.#size.value) / 100) * Math.min(this.#shown.width, this.#shown.height)); }

  #redraw() {
    this.#tool("undo").disabled = this.#acts.length === 0;
    if (this.#shown) redraw(this.#layer.getContext("2d"), this.#scale, COLOUR, this.#acts, this.#base);
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
    this.#cursor = placeIn(this.#view, this.#shown, event);
    this.#begin(this.#erases || event.button === 5); // 5: the other end of a pen
    this.#moveRing();
  }

  #move(event) {
    if (!event.isPrimary) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) this.#to(placeIn(this.#view, this.#shown, each));
    this.#to(placeIn(this.#view, this.#shown, event));
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
    if (stroke) this.#act(stroke);
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

  #act(act) {
    this.#acts.push(act);
    this.#acted();
  }

  #undo() {
    if (this.#acts.pop()) this.#acted();
  }

  #acted() {
    this.#redraw();
    this.#error.textContent = "";
    this.#wait("The mask is still on its way.");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), REST_MS);
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
    this.#settle(value);
  }

  #settle(value) {
    clearTimeout(this.#timer);
    this.#wait("");
    this.#field.value = value;
    this.#field.disabled = value === "";
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  #wait(reason) {
    this.toggleAttribute("busy", reason !== "");
    this.#size.setCustomValidity(reason);
  }
}

customElements.define("mask-brush", MaskBrush);
