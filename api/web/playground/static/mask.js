// A mask as the list of what was done to it, so that one list gives the translucent layer on the
// screen, the mask at the picture's true size, and every step back.

/**
 * @typedef {{kind: "stroke", erases: boolean, size: number, points: number[][]}} Stroke
 *   a round brush's way, its diameter and its points in pixels of the picture
 * @typedef {Stroke | {kind: "clear"} | {kind: "invert"}} Act
 */

/**
 * Do everything anew.
 *
 * @param {CanvasRenderingContext2D} context of a canvas that shows the whole picture.
 * @param {number} scale the canvas' pixels to one of the picture's.
 * @param {string} colour what is painted gets it; the rest is transparent.
 * @param {Act[]} acts in order.
 * @param {HTMLCanvasElement | null} base what was there at first; its opaque parts count.
 */
export function redraw(context, scale, colour, acts, base) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  if (base) {
    context.drawImage(base, 0, 0, width, height);
    fill(context, "source-in", colour);
  }
  for (const act of acts) {
    if (act.kind === "clear") context.clearRect(0, 0, width, height);
    else if (act.kind === "invert") fill(context, "source-out", colour);
    else draw(context, scale, colour, act, 0);
  }
}

/** Draw a stroke from one of its points on: from 0 all of it, from its last but one what is new. */
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
 * The finished mask: white is painted anew, black stays, and there is nothing between.
 *
 * @returns {{canvas: HTMLCanvasElement, share: number}} at the picture's true size, and how much
 *   of it is white, 0 to 1.
 */
export function finished(width, height, acts, base) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  redraw(context, 1, "#fff", acts, base);
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

/** A mask that came as a picture, as a canvas whose white parts are opaque and the rest is not. */
export function opaqueWhere(image) {
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
