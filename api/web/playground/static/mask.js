// A mask as a list of edits. One list gives the translucent layer on the screen, the mask at the
// picture's original size, and every step of undo.

/**
 * @typedef {{kind: "stroke", erases: boolean, size: number, points: number[][]}} Stroke
 *   the path of a round brush: its diameter and its points, in pixels of the picture
 * @typedef {Stroke | {kind: "clear"} | {kind: "invert"}} Edit
 */

/**
 * Draw all edits again.
 *
 * @param {CanvasRenderingContext2D} context of a canvas that covers the whole picture.
 * @param {number} scale canvas pixels per pixel of the picture.
 * @param {string} colour of the painted area; the rest is transparent.
 * @param {Edit[]} edits in order.
 * @param {HTMLCanvasElement | null} base the mask before the first edit; its opaque parts count.
 */
export function redraw(context, scale, colour, edits, base) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  if (base) {
    context.drawImage(base, 0, 0, width, height);
    fill(context, "source-in", colour);
  }
  for (const edit of edits) {
    if (edit.kind === "clear") context.clearRect(0, 0, width, height);
    else if (edit.kind === "invert") fill(context, "source-out", colour);
    else draw(context, scale, colour, edit, 0);
  }
}

/** Draw a stroke from one of its points on: from 0 the whole stroke, from its last but one the newest part. */
export function draw(context, scale, colour, stroke, from) {
  context.globalCompositeOperation = stroke.erases ? "destination-out" : "source-over";
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = stroke.size * scale;
  context.lineCap = context.lineJoin = "round";
  const points = stroke.points.slice(from).map(([x, y]) => [x * scale, y * scale]);
  context.beginPath();
  context.arc(...points[0], context.lineWidth / 2, 0, 2 * Math.PI);
  context.fill();
  context.beginPath();
  context.moveTo(...points[0]);
  for (const point of points.slice(1)) context.lineTo(...point);
  context.stroke();
  context.globalCompositeOperation = "source-over";
}

function fill(context, operation, colour) {
  context.globalCompositeOperation = operation;
  context.fillStyle = colour;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  context.globalCompositeOperation = "source-over";
}

/**
 * The mask for the upload: white is repainted, black stays, and there are no other colours.
 *
 * @returns {{canvas: HTMLCanvasElement, share: number}} a canvas of the picture's original size,
 *   and the share of it that is white, 0 to 1.
 */
export function renderMask(width, height, edits, base) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  redraw(context, 1, "#fff", edits, base);
  const pixels = context.getImageData(0, 0, width, height);
  let white = 0;
  for (let at = 0; at < pixels.data.length; at += 4) {
    const painted = pixels.data[at + 3] >= 128;
    white += painted;
    pixels.data[at] = pixels.data[at + 1] = pixels.data[at + 2] = painted ? 255 : 0;
    pixels.data[at + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return { canvas, share: white / (width * height) };
}

/** A stored mask as a canvas: its white parts are opaque, the rest is transparent. */
export function opaqueWhereWhite(image) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    const light = pixels.data[at] >= 128 && pixels.data[at + 3] >= 128;
    pixels.data[at + 3] = light ? 255 : 0;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
