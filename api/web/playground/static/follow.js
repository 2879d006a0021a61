// A picture of a <picture-drop>, shown by another part of the form.

/**
 * Show the first picture of a drop now and whenever it changes.
 *
 * @param {string} id the drop's.
 * @param {(picture?: {value: string, width: number, height: number, source: CanvasImageSource}) => void} show
 *   is given nothing while there is no picture.
 */
export async function follow(id, show) {
  await customElements.whenDefined("picture-drop");
  const drop = document.getElementById(id);
  const look = () => show(drop.pictures[0]);
  drop.addEventListener("pictures", look);
  look();
}

/**
 * Make a frame as large as a picture is to be shown: as wide as there is room, and not too high.
 *
 * @param {HTMLElement} frame
 * @param {HTMLCanvasElement[]} canvases get the picture's form, the longer side being `longest`
 *   pixels at most; the first gets the picture.
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

/** Where in the picture a pointer is, in the picture's pixels; outside of it beside the picture. */
export function placeIn(frame, picture, event) {
  const { left, top, width, height } = frame.getBoundingClientRect();
  return [((event.clientX - left) / width) * picture.width, ((event.clientY - top) / height) * picture.height];
}
