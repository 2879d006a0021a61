// Sending a picture to the service, which answers with the name that a job may call it by.

/**
 * Send one picture.
 *
 * @param {HTMLElement} element bears `upload`, the address, and `csrf`, the session's token.
 * @param {Blob} picture PNG, JPEG or WebP.
 * @param {string} name the file's name.
 * @returns {Promise<{id: string, width: number, height: number}>} its id and its size in pixels.
 * @throws {Error} with a sentence for people: it was refused, or the service was not reached.
 */
export async function upload(element, picture, name) {
  const body = new FormData();
  body.set("file", picture, name);
  const headers = { "X-CSRF-Token": element.getAttribute("csrf") ?? "", Accept: "application/json" };
  let answer;
  try {
    answer = await fetch(element.getAttribute("upload"), { method: "POST", body, headers });
  } catch {
    throw new Error("The picture could not be sent: the service does not answer.");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.detail ?? `The picture was not taken (${answer.status}).`);
  return told;
}

/** Tell it to whoever does not see the page, where the page has a place for that. */
export function announce(text) {
  const said = document.getElementById("said");
  if (said) said.textContent = text;
}

/** Make an element: its tag, its properties (`class` and `aria-…` as attributes), its children. */
export function made(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
