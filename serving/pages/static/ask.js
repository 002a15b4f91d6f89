// The API key of this tab, requests that carry it, and what both pages make of them.

const STORED = "molino-key";
const REFUSED = "molino-key-refused";
/** Where the server's paths begin: a proxy may have put it under a prefix. */
export const ROOT = new URL("..", import.meta.url);
const DEAD = { ok: false, status: 0, reason: "", text: "", content: null, headers: [], milliseconds: 0 };

export const readKey = () => sessionStorage.getItem(STORED) ?? "";

export const addressOf = (path) => new URL(path.slice(1), ROOT).href;

/** A token has three parts and begins with a JSON object in base64url; all else is a key. */
const isToken = (key) => /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(key);

/** Ask the server; where it can't be reached the status is 0. */
export async function ask(path, { method = "GET", body } = {}) {
  const key = readKey();
  const headers = { Accept: "application/json" };
  if (key) headers[isToken(key) ? "Authorization" : "X-API-KEY"] = isToken(key) ? `Bearer ${key}` : key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const began = performance.now();
  let answer;
  let text;
  try {
    answer = await fetch(addressOf(path), { method, headers, body, cache: "no-store" });
    text = await answer.text();
  } catch {
    return DEAD;
  }
  const milliseconds = performance.now() - began;
  let content = null;
  try {
    content = JSON.parse(text);
  } catch {
    // A page or metrics: the text itself is shown.
  }
  if (answer.status === 401 && key) document.dispatchEvent(new CustomEvent(REFUSED, { detail: content?.detail }));
  return { ok: answer.ok, status: answer.status, reason: answer.statusText, text, content, milliseconds,
    headers: [...answer.headers] };
}

/** Return what is wrong with an answer, in words. */
export const reasonOf = (answer) =>
  answer.content?.detail ?? (answer.status ? `The server answered ${answer.status}.` : "The server can't be reached.");

/** Let the forms set, change and forget the key; `load` fills the page and returns the answer that refused it, or null. */
export function bindKeyForm(load) {
  const find = (id) => document.getElementById(id);
  const [form, field, problem, held, cancel] = ["key-form", "key", "key-problem", "key-held", "key-cancel"].map(find);
  const complain = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };
  const askForKey = (text) => {
    complain(text);
    form.hidden = false;
    held.hidden = true;
    cancel.hidden = Boolean(text) || !readKey();
  };
  const settle = () => {
    form.hidden = true;
    held.hidden = !readKey();
  };
  const attempt = async () => {
    const refusal = await load();
    if (refusal === null) settle();
    else askForKey(refusal.status === 401 && !readKey() ? "" : reasonOf(refusal));
  };
  document.addEventListener(REFUSED, (event) => askForKey(event.detail ?? "The key is no longer taken."));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(STORED, field.value.trim());
    field.value = "";
    complain("");
    attempt();
  });
  cancel.addEventListener("click", settle);
  find("key-change").addEventListener("click", () => {
    askForKey("");
    field.focus();
  });
  find("key-forget").addEventListener("click", () => {
    sessionStorage.removeItem(STORED);
    location.reload(); // So that nothing stays that was shown for the key.
  });
  // Until here a click would have sent the form the browser's way.
  form.querySelector("button").disabled = false;
  attempt();
}

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Return the command that asks the same; the key comes from a variable. */
export function curlOf(method, path, body, open = false) {
  const key = isToken(readKey()) ? '-H "Authorization: Bearer $TOKEN"' : '-H "X-API-KEY: $KEY"';
  return ["curl", ...(method === "GET" ? [] : ["-X", method]), quote(addressOf(path)), ...(open ? [] : [key]),
    ...(body === undefined ? [] : ["-H 'Content-Type: application/json'", "-d", quote(body)])].join(" ");
}

/** Give each block of text in an element that is to be copied a button for that. */
export function addCopyButtons(element) {
  for (const block of element.querySelectorAll(".copied")) {
    const button = make("button", { type: "button", className: "quiet copy", textContent: "Copy" });
    button.addEventListener("click", async () => {
      button.textContent = (await copy(block.querySelector("pre"))) ? "Copied" : "Press Ctrl+C";
    });
    block.prepend(button);
  }
}

/** Copy a block; where the page may not, as without HTTPS, it is selected for the reader to do so. */
async function copy(block) {
  try {
    await navigator.clipboard.writeText(block.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(block);
    return document.execCommand("copy");
  }
}
