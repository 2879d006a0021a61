// Upload of a picture to the service, which returns the id that a job refers to it by.

/**
 * Upload one picture.
 *
 * @param {HTMLElement} element has the attributes `upload`, the URL, and `csrf`, the form token.
 * @param {Blob} picture a file of an accepted format.
 * @param {string} name the file's name.
 * @returns {Promise<{id: string, width: number, height: number}>} its id, and its size in pixels.
 * @throws {Error} with a message for the user: the upload was refused, or the service is unreachable.
 */
export async function upload(element, picture, name) {
  const body = new FormData();
  body.set("file", picture, name);
  const headers = { "X-CSRF-Token": element.getAttribute("csrf") ?? "", Accept: "application/json" };
  let response;
  try {
    response = await fetch(element.getAttribute("upload"), { method: "POST", body, headers });
  } catch {
    throw new Error("The picture could not be sent: the service does not answer.");
  }
  const result = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(result.detail ?? `The picture was refused (${response.status}).`);
  return result;
}

/** Announce a text to screen readers, where the page has an element for that. */
export function announce(text) {
  const announcement = document.getElementById("announcement");
  if (announcement) announcement.textContent = text;
}

/** Create an element from its tag, its properties (`class` and `aria-…` as attributes) and its children. */
export function createElement(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
