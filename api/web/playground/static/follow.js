// The picture of a <picture-drop>, shown in another part of the form.

/**
 * Show the first picture of a drop now and whenever it changes.
 *
 * @param {string} id the id of the <picture-drop>.
 * @param {(picture?: {value: string, width: number, height: number, source: CanvasImageSource}) => void} show
 *   is called without an argument while there is no picture.
 */
export async function follow(id, show) {
  await customElements.whenDefined("picture-drop");
  const drop = document.getElementById(id);
  const update = () => show(drop.pictures[0]);
  drop.addEventListener("pictures", update);
  update();
}

/**
 * Resize a frame for a picture: as wide as there is room, and not too high.
 *
 * @param {HTMLElement} frame
 * @param {HTMLCanvasElement[]} canvases get the picture's aspect ratio, with at most `longest`
 *   pixels on the longer side; the picture is drawn on the first one.
 */
export function showIn(frame, canvases, picture, longest) {
  const ratio = picture.width / picture.height;
  frame.style.aspectRatio = String(ratio);
  frame.style.maxWidth = `calc(60vh * ${ratio})`;
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  for (const canvas of canvases) {
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
  }
  const [first] = canvases;
  first.getContext("2d").drawImage(picture.source, 0, 0, first.width, first.height);
}

/** The position of a pointer in the picture's pixels; it may lie outside the picture. */
export function positionIn(frame, picture, event) {
  const { left, top, width, height } = frame.getBoundingClientRect();
  return [((event.clientX - left) / width) * picture.width, ((event.clientY - top) / height) * picture.height];
}
