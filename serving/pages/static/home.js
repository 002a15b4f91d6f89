// The models in service, each with its figures and a form to try it.
import { addCopyButtons, ask, bindKeyForm, curlOf, make, reasonOf } from "./ask.js";
import { showAnswer, showMoves } from "./answer.js";
import { fillForm, readForm } from "./form.js";
import { showUsage } from "./usage.js";

/** From so many models on they are a list to filter, each closed. */
const MANY = 10;
const REFRESH_MS = 5000;

const list = document.querySelector("#models");
const card = document.querySelector("#model-card");
const filter = document.querySelector("#filter");

filter.addEventListener("input", narrow);
setInterval(refresh, REFRESH_MS);
document.addEventListener("visibilitychange", refresh);
bindKeyForm(load);

async function load() {
  const answer = await ask("/models");
  if (!answer.ok) return answer;
  const { models } = answer.content;
  list.replaceChildren(...models.map(show));
  list.hidden = false;
  document.querySelector("#empty").hidden = models.length > 0;
  document.querySelector("#find").hidden = models.length < MANY;
  narrow();
  if (models.length < MANY) await Promise.all([...list.children].map(open));
  const first = list.querySelector(".try");
  if (first && models.length < MANY) first.open = true;
  return null;
}

function narrow() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const models = [...list.children];
  for (const model of models) model.hidden = !words.every((word) => model.dataset.words.includes(word));
  const shown = models.filter((model) => !model.hidden).length;
  document.querySelector("#found").textContent = `${shown} of ${models.length} models`;
}

function show(model) {
  const element = card.content.cloneNode(true).querySelector(".model");
  const find = (selector) => element.querySelector(selector);
  element.id = model.name;
  element.dataset.name = model.name;
  element.dataset.words = `${model.name} ${model.title ?? ""} ${model.task ?? ""}`.toLowerCase();
  find(".title").textContent = model.title ?? model.name;
  find(".sub").textContent = [model.name, model.task].filter(Boolean).join(" · ");
  find(".badge").textContent = model.version ? `version ${model.version}` : "not served";
  fail(element, model.failure ? `Can't be served: ${model.failure}` : "");
  element.addEventListener("toggle", () => element.open && open(element));
  return element;
}

function fail(element, text) {
  const failure = element.querySelector(".failure");
  failure.textContent = text;
  failure.hidden = !text;
}

/** Open a model's card; what is in it is asked for once. */
async function open(element) {
  element.open = true;
  if (element.dataset.filled) return;
  element.dataset.filled = "true";
  const answer = await ask(`/models/${encodeURIComponent(element.dataset.name)}`);
  if (!answer.ok) {
    fail(element, reasonOf(answer));
    delete element.dataset.filled;
    return;
  }
  if (answer.content.version) fill(element, answer.content);
}

function fill(element, model) {
  const find = (selector) => element.querySelector(selector);
  find(".about").hidden = false;
  find(".sub").textContent = `${model.name} · ${model.task} of ${model.target}`;
  find(".description").textContent = model.description ?? "";
  find(".metrics").append(...Object.entries(model.metrics).map(([name, score]) => showMetric(name, score, model)));
  find(".held-out").hidden = Object.keys(model.metrics).length === 0;
  find(".lineage dl").append(...showLineage(model));
  find(".usage").addEventListener("toggle", refresh);
  fillForm(find(".features"), model, () => grey(element, true));
  find(".features").addEventListener("submit", (event) => {
    event.preventDefault();
    predict(element, model);
  });
  addCopyButtons(element);
}

function showMetric(name, score, model) {
  const hundredths = score.unit === "%";
  const unit = score.unit === "target" ? (model.target_unit ?? "") : (score.unit ?? "");
  const [value, low, high] = [score.value, score.low, score.high].map((number) => short(hundredths ? 100 * number : number));
  const better = score.better ? `, ${score.better} is better` : "";
  return make("li", {},
    make("span", { className: "name", textContent: score.title || name }),
    make("b", {}, value, make("small", { textContent: unit ? ` ${unit}` : "" })),
    make("span", { textContent: `${low} to ${high}${better}` }));
}

function showLineage(model) {
  const told = { created: new Date(model.created).toLocaleString(), "SHA-256 of the graph": model.onnx_sha256 };
  for (const [key, value] of Object.entries(model.lineage)) told[key.replaceAll("_", " ")] = value;
  return Object.entries(told).flatMap(([key, value]) => [
    make("dt", { textContent: key }), make("dd", { textContent: value })]);
}

/** Ask for the figures again where somebody looks at them. */
async function refresh() {
  const looked = [...list.querySelectorAll(".model[open] .usage[open]")];
  if (document.hidden || looked.length === 0) return;
  const monitor = await ask("/monitor");
  for (const usage of looked) showUsage(usage, monitor, usage.closest(".model").dataset.name, REFRESH_MS / 1000);
}

function grey(element, stale) {
  const answer = element.querySelector(".answer");
  answer.classList.toggle("stale", stale);
  answer.querySelector(".stale-note").hidden = !stale;
}

async function predict(element, model) {
  const find = (selector) => element.querySelector(selector);
  const path = `/models/${encodeURIComponent(model.name)}`;
  const body = JSON.stringify({ records: [readForm(find(".features"), model.features)] });
  const send = find(".send button");
  send.disabled = true;
  const answer = await ask(`${path}/predict`, { method: "POST", body });
  send.disabled = false;
  find(".answer").hidden = !answer.ok;
  find(".refused").hidden = answer.ok;
  find(".refused").textContent = answer.ok ? "" : reasonOf(answer);
  if (!answer.ok) return;
  const still = () => body === JSON.stringify({ records: [readForm(find(".features"), model.features)] });
  grey(element, !still());
  showAnswer(element, model, answer.content);
  find(".curl").textContent = curlOf("POST", `${path}/predict`, body);
  find(".moved").hidden = true;
  const explained = await ask(`${path}/explain`, { method: "POST", body });
  if (still() && explained.ok) showMoves(find(".moved"), model, explained.content.explanations[0]);
}

function short(number) {
  return Number(number.toPrecision(3)).toString();
}
