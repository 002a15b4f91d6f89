// The contract, route by route, and a form to send each request.
import { ask, bindKeyForm, make, readKey } from "./ask.js";

const routes = document.querySelector("#routes");
const card = document.querySelector("#route-card");
let contract = null;

const attempt = bindKeyForm(load);
if (readKey()) attempt();
else load(); // Where a setting has opened the contract, it is shown without a key.

async function load() {
  const answer = await ask("/openapi.json").catch(() => ({ status: 0 }));
  if (!answer.ok) return answer.content?.detail ?? "The server can't be reached.";
  contract = answer.content;
  routes.replaceChildren(...Object.entries(contract.paths).flatMap(([path, item]) => ["get", "post"]
    .filter((method) => item[method])
    .map((method) => show(path, method, item[method], item.parameters ?? []))));
  if (!readKey()) return null;
  const models = await ask("/models").catch(() => ({ status: 0 }));
  if (!models.ok) return models.content?.detail ?? "The server can't be reached.";
  document.querySelector("#key-form").hidden = true;
  return null;
}

function show(path, method, operation, parameters) {
  const details = card.content.cloneNode(true).querySelector("details");
  const find = (selector) => details.querySelector(selector);
  find(".method").textContent = method.toUpperCase();
  find(".path").textContent = path;
  find(".what").textContent = operation.summary;
  find(".responses").append(...Object.entries(operation.responses).map(([status, response]) => make("tr", {},
    make("td", { textContent: status, className: "number" }), make("td", { textContent: resolve(response).description }))));
  const media = operation.requestBody?.content["application/json"];
  if (media) {
    find(".body").hidden = false;
    find(".body textarea").value = JSON.stringify(media.example ?? {}, null, 2);
    find(".schema").hidden = false;
    find(".schema pre").textContent = JSON.stringify(media.schema, null, 2);
  }
  find(".parameters").append(...parameters.map(makeParameter));
  find(".ask").addEventListener("submit", (event) => {
    event.preventDefault();
    send(details, path, method, parameters);
  });
  return details;
}

function resolve(part) {
  return part.$ref ? part.$ref.slice(2).split("/").reduce((node, key) => node[key], contract) : part;
}

function makeParameter(parameter) {
  const input = parameter.schema.enum
    ? make("select", { name: parameter.name }, ...parameter.schema.enum.map((value) => make("option", { textContent: value })))
    : make("input", { name: parameter.name, required: true });
  return make("label", { textContent: parameter.name }, input);
}

async function send(details, path, method, parameters) {
  const form = details.querySelector(".ask");
  const target = parameters.reduce(
    (text, parameter) => text.replace(`{${parameter.name}}`, encodeURIComponent(form.elements[parameter.name].value)), path);
  const body = method === "post" ? form.querySelector("textarea").value : undefined;
  const answer = await ask(target, { method: method.toUpperCase(), body }).catch(() => null);
  const status = details.querySelector(".status");
  const reply = details.querySelector(".reply");
  status.textContent = answer ? `${answer.status}` : "The server can't be reached.";
  reply.textContent = answer?.content ? JSON.stringify(answer.content, null, 2) : (answer?.text ?? "");
  status.hidden = false;
  reply.hidden = !answer;
}
