// The contract: each route once, for the model that is chosen, with a form to send it.
import { addCopyButtons, ask, bindKeyForm, curlOf, make, readKey, reasonOf } from "./ask.js";

const find = (id) => document.getElementById(id);
const routes = find("routes");
const filter = find("filter");
const GROUPS = { model: "Of a model", default: "Of the default model", server: "Of the server" };
let contract = null;
/** Each route: method, path as the table has it, its group, what to search, its operations by model. */
let entries = [];
/** Name of each model to what to search for it. */
let models = new Map();
let chooser = null;

filter.addEventListener("input", narrow);
bindKeyForm(load);

async function load() {
  const answer = await ask("/openapi.json");
  if (!answer.ok) return answer;
  contract = answer.content;
  read();
  routes.replaceChildren(...Object.keys(GROUPS).map(showGroup).filter(Boolean));
  find("find").hidden = false;
  narrow();
  // Where a setting has opened the contract, the key is still to be tried.
  const tried = readKey() ? await ask("/models") : answer;
  return tried.ok ? null : tried;
}

/** Put the paths of the contract together that stand for one route. */
function read() {
  const found = new Map();
  models = new Map();
  for (const [path, item] of Object.entries(contract.paths)) {
    for (const method of ["get", "post"].filter((name) => item[name])) {
      const operation = item[method];
      const route = operation["x-route"];
      const named = route.includes("{name}");
      const group = named ? "model" : method === "post" ? "default" : "server";
      const names = item.parameters?.[0]?.schema.enum ?? [named ? operation.tags[0] : ""];
      const [what] = operation.summary.split(`, ${names[0] || "\n"}`);
      const key = `${method} ${route}`;
      const entry = found.get(key) ?? { method: method.toUpperCase(), route, group, what, operations: new Map() };
      found.set(key, entry);
      entry.words = `${method} ${route} ${what}`.toLowerCase();
      for (const name of names) {
        entry.operations.set(name, { path: path.replace("{name}", encodeURIComponent(name)), operation });
        if (name) models.set(name, name.toLowerCase());
      }
    }
  }
  // The title of a model stands in what its predictions are called.
  for (const [name, { operation }] of found.get("post /models/{name}/predict")?.operations ?? []) {
    models.set(name, operation.summary.slice(operation.summary.indexOf(`, ${name}: `)).toLowerCase());
  }
  entries = [...found.values()].filter((entry) => entry.operations.size > 0);
}

function showGroup(group) {
  const own = entries.filter((entry) => entry.group === group);
  if (own.length === 0) return null;
  const section = find("group").content.cloneNode(true).querySelector("section");
  section.id = `group-${group}`;
  section.querySelector("h2").textContent = GROUPS[group];
  if (group === "model") {
    chooser = make("select", { id: "model" });
    chooser.addEventListener("change", retell);
    section.querySelector(".head").append(make("label", { className: "choose" }, "Model", chooser));
  }
  section.querySelector(".entries").append(...own.map(show));
  return section;
}

function show(entry) {
  const details = find("route-card").content.cloneNode(true).querySelector("details");
  details.querySelector(".method").textContent = entry.method;
  details.querySelector(".what").textContent = entry.what;
  details.addEventListener("toggle", () => details.open && fill(entry));
  entry.details = details;
  entry.told = null;
  return details;
}

const operationOf = (entry) => entry.operations.get(entry.group === "model" ? chooser.value : "");

/** Show only what the search names: words of a route narrow the routes, all others the models. */
function narrow() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const isOfRoute = (word) => !models.has(word) && entries.some((entry) => entry.words.includes(word));
  const ofModels = words.filter((word) => !isOfRoute(word));
  const ofRoutes = words.filter(isOfRoute);
  const names = [...models].filter(([, told]) => ofModels.every((word) => told.includes(word))).map(([name]) => name);
  for (const entry of entries) {
    const meant = entry.group === "model" ? names.length > 0 : ofModels.length === 0;
    entry.details.hidden = !meant || !ofRoutes.every((word) => entry.words.includes(word));
  }
  for (const section of routes.children) section.hidden = !section.querySelector(".route:not([hidden])");
  if (chooser && names.length > 0) {
    const before = chooser.value;
    chooser.replaceChildren(...names.map((name) => make("option", { textContent: name })));
    chooser.value = names.includes(before) ? before : names[0];
  }
  const shown = entries.filter((entry) => !entry.details.hidden).length;
  find("found").textContent = shown
    ? `${shown} of ${entries.length} routes, ${names.length} of ${models.size} models` : "Nothing is called so.";
  retell();
}

/** Tell of the model that is chosen now. */
function retell() {
  for (const entry of entries) {
    const told = operationOf(entry);
    if (!told) continue;
    entry.details.querySelector(".path").textContent = told.path;
    if (entry.details.open) fill(entry);
  }
}

/** Fill an entry that is open; what is long is made only now. */
function fill(entry) {
  const told = operationOf(entry);
  if (!told || entry.told === told.path) return;
  entry.told = told.path;
  const { path, operation } = told;
  const inside = entry.details.querySelector(".inside");
  inside.replaceChildren(find("route-inside").content.cloneNode(true));
  const part = (selector) => inside.querySelector(selector);
  const media = operation.requestBody?.content["application/json"];
  const text = part("textarea");
  if (media) {
    part(".body").hidden = false;
    text.value = write(media.example);
    part(".schema").hidden = false;
    part(".schema pre").textContent = write(media.schema);
  }
  const [kind, answer] = Object.entries(resolve(operation.responses[200]).content)[0];
  part(".answer-schema summary").textContent = `Schema of the answer, ${kind}`;
  part(".answer-schema pre").textContent = write(answer.schema);
  part(".responses tbody").append(...Object.entries(operation.responses).map(([status, response]) => make("tr", {},
    make("th", { textContent: status, scope: "row" }), make("td", { textContent: resolve(response).description }))));
  const body = () => (media ? text.value : undefined);
  const tellCommand = () => {
    part(".curl").textContent = curlOf(entry.method, path, body() && tighten(body()), operation.security?.length === 0);
  };
  text.addEventListener("input", tellCommand);
  tellCommand();
  addCopyButtons(inside);
  part(".ask").addEventListener("submit", async (event) => {
    event.preventDefault();
    const send = part(".ask button");
    send.disabled = true;
    showReply(part(".tried"), await ask(path, { method: entry.method, body: body() }));
    send.disabled = false;
  });
}

/** Return JSON for people: a line per key, but lists of plain values in one. */
function write(content) {
  return JSON.stringify(content, null, 2)
    .replace(/\[\n[^[\]{}]*?\n *\]/g, (list) => list.replace(/\n */g, " ").replace("[ ", "[").replace(/ \]$/, "]"));
}

function tighten(text) {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

function resolve(part) {
  return part.$ref ? part.$ref.slice(2).split("/").reduce((node, key) => node[key], contract) : part;
}

function showReply(element, answer) {
  const size = new Blob([answer.text]).size;
  element.querySelector(".status").textContent = answer.status
    ? `${answer.status} ${answer.reason} · ${answer.milliseconds.toFixed(1)} ms · ${size.toLocaleString("en")} bytes`
    : reasonOf(answer);
  element.querySelector(".headers").replaceChildren(...answer.headers.flatMap(([name, value]) => [
    make("dt", { textContent: name }), make("dd", { textContent: value })]));
  const reply = element.querySelector(".reply");
  reply.textContent = answer.content ? write(answer.content) : answer.text;
  reply.hidden = !answer.status;
  element.classList.toggle("failed", !answer.ok);
  element.hidden = false;
}
