// The form of a model: a field per feature, what is wrong with its value, and the record that it makes.
import { make } from "./ask.js";

const SENT = { string: (text) => text, number: Number, boolean: (text) => text === "true" };

/** Put a field per feature into a form, with values that the model has an answer to; `changed` is called at each change. */
export function fillForm(form, model, changed) {
  const row = model.example.data[0];
  form.append(...model.features.map((feature, index) => makeField(model, feature, row[index])),
    make("div", { className: "send" }, make("button", { type: "submit", textContent: "Predict" })));
  form.addEventListener("input", changed);
}

/** Return the values by feature; a missing one is null. */
export function readForm(form, features) {
  return Object.fromEntries(features.map((feature) => {
    const text = form.elements[feature.name].value;
    return [feature.name, text === "" ? null : SENT[feature.field.sends](text)];
  }));
}

function makeField(model, feature, value) {
  const id = `${model.name}-${feature.name}`;
  const input = makeInput(feature, id, value);
  const note = make("small", { id: `${id}-note`, textContent: describe(feature) });
  const wrong = make("small", { id: `${id}-wrong`, className: "wrong", role: "status" });
  input.setAttribute("aria-describedby", `${note.id} ${wrong.id}`);
  const look = () => {
    wrong.textContent = faultOf(feature, input, model.out_of_range === "refuse");
    input.classList.toggle("outside", wrong.textContent !== "");
  };
  input.addEventListener("input", look);
  look();
  const known = feature.field.choices ? [] : (feature.values ?? []);
  const listed = known.length ? [make("datalist", { id: `${id}-known` }, ...known.map((text) => make("option", { value: text })))] : [];
  if (known.length) input.setAttribute("list", `${id}-known`);
  return make("div", { className: "field" }, make("label", { htmlFor: id, textContent: feature.name }), input,
    make("div", { className: "notes" }, wrong, note, ...listed));
}

function makeInput(feature, id, value) {
  const { choices, input, sends } = feature.field;
  const common = { id, name: feature.name, required: feature.missing === "refuse" };
  const text = value === null ? "" : sends === "boolean" ? String(Boolean(value)) : String(value);
  if (choices) {
    const listed = feature.missing === "refuse" ? choices : ["", ...choices];
    const select = make("select", common, ...listed.map((choice) =>
      make("option", { value: choice, textContent: choice || "(missing)" })));
    select.value = text;
    return select;
  }
  return make("input", { type: "text", ...common, ...input, value: text,
    placeholder: feature.missing === "impute" ? "missing" : "" });
}

function boundsOf(feature) {
  const { earliest, latest } = feature.options ?? {};
  return [feature.minimum ?? earliest ?? null, feature.maximum ?? latest ?? null];
}

function wordsOf([low, high]) {
  if (low !== null && high !== null) return `${low} to ${high}`;
  if (low !== null) return `from ${low}`;
  return high !== null ? `up to ${high}` : "";
}

function describe(feature) {
  const range = [wordsOf(boundsOf(feature)), feature.unit].filter(Boolean).join(" ");
  return [feature.description, range].filter(Boolean).join(", ");
}

/** Return what is wrong with a value; nothing where it is missing, or one that the model knows. */
function faultOf(feature, input, refuses) {
  if (input.validity.badInput) return "This can't be read.";
  const text = input.value;
  if (text === "") return "";
  const bounds = boundsOf(feature);
  const [low, high] = bounds;
  const number = feature.field.sends === "number";
  const below = low !== null && (number ? Number(text) < low : text < String(low));
  const above = high !== null && (number ? Number(text) > high : text.slice(0, String(high).length) > String(high));
  if (below || above) {
    const range = wordsOf(bounds);
    return refuses ? `Out of range: ${range} is taken.` : `Out of range (${range}): the answer is a guess.`;
  }
  const known = feature.field.choices ? null : feature.values;
  if (known && !known.includes(text.trim())) return "The model doesn't know this value: it counts as unknown.";
  return "";
}
