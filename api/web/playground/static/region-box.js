// <region-box>: a box drawn over a picture, for the four number inputs of the enclosing fieldset.
//
// Attributes: for (the id of a <picture-drop>, whose first picture is shown), name (of the four
// inputs: left, top, right, bottom, in pixels of the picture), label. The inputs hold the value:
// they can also be typed in, and the box follows.

import { follow, positionIn, showIn } from "./follow.js";
import { createElement } from "./uploads.js";

const MAX_SIDE = 1024; // longer side of the picture on the page, pixels
const MIN_DRAG = 4; // a shorter drag, in pixels of the picture, is a click and draws nothing

class RegionBox extends HTMLElement {
  #states = this.attachInternals().states;
  #picture = null;
  #from = null;
  #view; #canvas; #box;

  connectedCallback() {
    if (this.#view) return;
    this.#canvas = createElement("canvas", { role: "img", "aria-label": this.getAttribute("label") ?? "Draw a box over the picture" });
    this.#box = createElement("span", { class: "region-box", hidden: true });
    this.#view = createElement("div", { class: "region-view" }, this.#canvas, this.#box);
    this.replaceChildren(this.#view);
    this.#view.addEventListener("pointerdown", (event) => this.#down(event));
    this.#view.addEventListener("pointermove", (event) => this.#drag(event));
    this.#view.addEventListener("pointerup", (event) => this.#up(event));
    this.#view.addEventListener("pointercancel", () => { this.#from = null; });
    this.closest("fieldset").addEventListener("input", () => this.#show());
    follow(this.getAttribute("for"), (picture) => this.#showPicture(picture));
  }

  get #fields() { return [...this.closest("fieldset").querySelectorAll(`input[name="${this.getAttribute("name")}"]`)]; }

  #showPicture(picture) {
    this.#picture = picture ?? null;
    this.#states[picture ? "add" : "delete"]("ready");
    if (picture) showIn(this.#view, [this.#canvas], picture, MAX_SIDE);
    this.#show();
  }

  #down(event) {
    if (!event.isPrimary || event.button !== 0) return;
    this.#view.setPointerCapture(event.pointerId);
    this.#from = this.#position(event);
  }

  #drag(event) {
    if (!this.#from || !event.isPrimary) return;
    const [[x1, y1], [x2, y2]] = [this.#from, this.#position(event)];
    if (Math.abs(x1 - x2) < MIN_DRAG || Math.abs(y1 - y2) < MIN_DRAG) return;
    const corners = [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
    this.#fields.forEach((field, n) => { field.value = corners[n]; });
    this.#show();
  }

  #up(event) {
    this.#drag(event);
    const drawn = this.#from && this.#fields.every((field) => field.value !== "");
    this.#from = null;
    if (drawn) this.#fields[0].dispatchEvent(new Event("change", { bubbles: true }));
  }

  #position(event) {
    const { width, height } = this.#picture;
    const [x, y] = positionIn(this.#view, this.#picture, event);
    return [Math.min(width, Math.max(0, Math.round(x))), Math.min(height, Math.max(0, Math.round(y)))];
  }

  #show() {
    const [left, top, right, bottom] = this.#fields.map((field) => (field.value === "" ? NaN : Number(field.value)));
    this.#box.hidden = !(this.#picture && left < right && top < bottom);
    if (this.#box.hidden) return;
    const { width, height } = this.#picture;
    const style = this.#box.style;
    style.left = `${(left / width) * 100}%`;
    style.top = `${(top / height) * 100}%`;
    style.width = `${((right - left) / width) * 100}%`;
    style.height = `${((bottom - top) / height) * 100}%`;
  }
}

customElements.define("region-box", RegionBox);
