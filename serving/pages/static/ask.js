// The API key of this tab, and requests that carry it.

const STORED = "molino-key";
// Where the server stands: a proxy may have it under a path.
export const ROOT = new URL("..", import.meta.url).href.replace(/\/$/, "");

export const readKey = () => sessionStorage.getItem(STORED) ?? "";

export async function ask(path, { method = "GET", body } = {}) {
  const headers = { Accept: "application/json" };
  if (readKey()) headers["X-API-KEY"] = readKey();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(`${ROOT}${path}`, { method, headers, body, cache: "no-store" });
  const text = await answer.text();
  let content = null;
  try {
    content = JSON.parse(text);
  } catch {
    // A page or metrics: the text itself is shown.
  }
  return { ok: answer.ok, status: answer.status, text, content };
}

/** Let the form set the key; `load` says whether the key was let in. */
export function bindKeyForm(load) {
  const form = document.querySelector("#key-form");
  const field = form.querySelector("input");
  const problem = document.querySelector("#key-problem");
  const attempt = async () => {
    problem.hidden = true;
    const refused = await load();
    if (refused) {
      problem.textContent = refused;
      problem.hidden = false;
      form.hidden = false;
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(STORED, field.value.trim());
    attempt();
  });
  field.value = readKey();
  // Until here a click would have sent the form the browser's way.
  form.querySelector("button").disabled = false;
  return attempt;
}

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
