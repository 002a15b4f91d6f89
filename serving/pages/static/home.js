// The models in service, and a form to try each one.
import { ask, bindKeyForm, make, readKey } from "./ask.js";

const list = document.querySelector("#models");
const card = document.querySelector("#model-card");

const attempt = bindKeyForm(load);
if (readKey()) attempt();

async function load() {
  const answer = await ask("/models").catch(() => ({ status: 0 }));
  if (!answer.ok) return answer.content?.detail ?? "The server can't be reached.";
  const monitor = (await ask("/monitor")).content;
  const names = answer.content.models.map((model) => model.name);
  const models = await Promise.all(names.map(async (name) => (await ask(`/models/${name}`)).content));
  list.replaceChildren(...models.map((model) => show(model, monitor.models[model.name])));
  list.hidden = false;
  document.querySelector("#empty").hidden = models.length > 0;
  document.querySelector("#key-form").hidden = true;
  const first = list.querySelector(".try");
  if (first) first.open = true;
  return null;
}

function show(model, usage) {
  const section = card.content.cloneNode(true).querySelector("section");
  const find = (selector) => section.querySelector(selector);
  section.id = model.name;
  find(".title").textContent = model.title ?? model.name;
  find(".sub").textContent = model.version ? `${model.name} · ${model.task} of ${model.target}` : model.name;
  find(".badge").textContent = model.version ? `version ${model.version}` : "not served";
  find(".description").textContent = model.description ?? "";
  if (model.failure) {
    find(".failure").textContent = `Can't be served: ${model.failure}`;
    find(".failure").hidden = false;
  }
  if (!model.version) {
    for (const part of section.querySelectorAll(":scope > details")) part.remove();
    return section;
  }
  find(".metrics").append(...Object.entries(model.metrics).map(showMetric));
  find(".lineage dl").append(...showLineage(model));
  find(".usage .line").textContent = describeUsage(usage);
  find(".usage table").append(...showDrift(usage.drift));
  fillForm(section, model);
  return section;
}

function showMetric([name, score]) {
  const range = `${name} (${short(score.low)} to ${short(score.high)})`;
  return make("li", { title: "Held-out rows, with the 95 % confidence interval" },
    make("b", { textContent: short(score.value) }), make("span", { textContent: range }));
}

function showLineage(model) {
  const told = { created: new Date(model.created).toLocaleString(), "SHA-256 of the graph": model.onnx_sha256 };
  for (const [key, value] of Object.entries(model.lineage)) told[key.replaceAll("_", " ")] = value;
  return Object.entries(told).flatMap(([key, value]) => [
    make("dt", { textContent: key }), make("dd", { textContent: value })]);
}

function describeUsage(usage) {
  const latency = usage.latency_ms.p50 === null ? "" : `, p50 ${usage.latency_ms.p50} ms, p99 ${usage.latency_ms.p99} ms`;
  return `${usage.requests} requests, ${usage.rows} rows${latency}`;
}

function showDrift(features) {
  const head = ["feature", "drift", "PSI", "rows", "missing", "outside"];
  return [
    make("tr", {}, ...head.map((text) => make("th", { textContent: text, scope: "col" }))),
    ...Object.entries(features).map(([name, drift]) => make("tr", {},
      ...[name, drift.level, drift.psi === null ? "–" : drift.psi.toFixed(3), drift.rows, drift.missing, drift.outside]
        .map((text, column) => make("td", { textContent: text, className: column > 1 ? "number" : "" })))),
  ];
}

function fillForm(section, model) {
  const form = section.querySelector(".features");
  const row = model.example.data[0];
  form.append(...model.features.map((feature, index) => makeField(model.name, feature, row[index])));
  const send = make("button", { type: "submit", textContent: "Predict" });
  form.append(make("div", { className: "send" }, send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    const record = readForm(form, model.features);
    const body = JSON.stringify({ records: [record] });
    const answer = await ask(`/models/${model.name}/predict`, { method: "POST", body })
      .catch(() => ({ ok: false, content: { detail: "The server can't be reached." } }));
    send.disabled = false;
    showAnswer(section, model, body, answer);
  });
}

function makeField(model, feature, value) {
  const id = `${model}-${feature.name}`;
  const range = [feature.minimum, feature.maximum].every((bound) => bound !== null)
    ? `${feature.minimum} to ${feature.maximum}` : "";
  const note = [feature.description, [range, feature.unit].filter(Boolean).join(" ")].filter(Boolean).join(", ");
  return make("div", {}, make("label", { htmlFor: id }, feature.name, make("small", { textContent: note })),
    makeInput(feature, id, value));
}

function makeInput(feature, id, value) {
  const { choices, input } = feature.field;
  const common = { id, name: feature.name, required: feature.missing === "refuse" };
  if (choices) {
    const listed = feature.missing === "refuse" ? choices : ["", ...choices];
    const select = make("select", common, ...listed.map((choice) =>
      make("option", { value: choice, textContent: choice || "(missing)" })));
    select.value = value === null ? "" : String(value);
    return select;
  }
  return make("input", { type: "text", ...common, ...input, value: value ?? "",
    placeholder: feature.missing === "impute" ? "missing" : "" });
}

const SENT = { string: (text) => text, number: Number, boolean: (text) => text === "true" };

function readForm(form, features) {
  return Object.fromEntries(features.map((feature) => {
    const text = form.elements[feature.name].value;
    return [feature.name, text === "" ? null : SENT[feature.field.sends](text)];
  }));
}

function showAnswer(section, model, body, answer) {
  const shown = section.querySelector(".answer");
  const refused = section.querySelector(".refused");
  shown.hidden = !answer.ok;
  refused.hidden = answer.ok;
  if (!answer.ok) {
    refused.textContent = answer.content?.detail ?? `The server answered ${answer.status}.`;
    return;
  }
  const [prediction] = answer.content.predictions;
  const value = typeof prediction === "number" ? Number(prediction.toPrecision(6)) : prediction;
  shown.querySelector(".value").replaceChildren(
    `${value} `, make("small", { textContent: model.target_unit ?? model.target }));
  shown.querySelector(".shares").replaceChildren(...Object.entries(answer.content.probabilities?.[0] ?? {}).map(showShare));
  shown.querySelector(".curl").textContent =
    `curl -X POST ${location.origin}/models/${model.name}/predict -H 'Content-Type: application/json' ` +
    `-H "X-API-KEY: $KEY" -d '${body.replaceAll("'", "'\\''")}'`;
}

function showShare([name, share]) {
  return make("div", { className: "share" }, make("span", { textContent: name }),
    make("meter", { value: share, min: 0, max: 1 }), make("span", { textContent: `${(share * 100).toFixed(1)} %` }));
}

function short(number) {
  return Number(number.toPrecision(3)).toString();
}
