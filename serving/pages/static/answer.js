// An answer of a model, and what moved it.
import { make } from "./ask.js";

/** Most bars; the features that moved an answer least stand together in the last. */
const MOST_BARS = 15;

/** Show a prediction, and the probabilities of a classification. */
export function showAnswer(element, model, content) {
  const [prediction] = content.predictions;
  element.querySelector(".value").replaceChildren(`${figure(prediction)} `,
    make("small", { textContent: model.target_unit ?? model.target }));
  element.querySelector(".shares").replaceChildren(
    ...Object.entries(content.probabilities?.[0] ?? {}).map(([name, share]) =>
      makeBar(name, `${(share * 100).toFixed(1)} %`, 0, share)));
}

/** Show how much each feature moved an answer from the model's mean answer, the strongest first. */
export function showMoves(element, model, explanation) {
  const { prediction, value, base, contributions } = explanation;
  const classes = typeof prediction === "string";
  const scale = classes ? 100 : 1;
  const of = classes ? `Probability of ${prediction}, %` : [model.target, model.target_unit].filter(Boolean).join(", ");
  element.querySelector(".base").textContent =
    `${of}: ${figure(base * scale, 4)} on average, moved to ${figure(value * scale, 4)}.`;
  const sorted = Object.entries(contributions).sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  const [shown, rest] = sorted.length > MOST_BARS
    ? [sorted.slice(0, MOST_BARS - 1), sorted.slice(MOST_BARS - 1)] : [sorted, []];
  const moves = rest.length
    ? [...shown, [`${rest.length} others`, rest.reduce((sum, [, moved]) => sum + moved, 0)]] : shown;
  const most = Math.max(...moves.map(([, moved]) => Math.abs(moved))) || 1;
  const places = Math.min(12, Math.max(0, 2 - Math.floor(Math.log10(most * scale))));
  element.querySelector(".bars").replaceChildren(...moves.map(([name, moved]) => {
    const share = Math.abs(moved) / most / 2;
    const text = `${moved < 0 ? "−" : "+"}${(Math.abs(moved) * scale).toFixed(places)}`;
    return make("li", {}, makeBar(name, text, moved < 0 ? 0.5 - share : 0.5, share, moved < 0 ? "down" : "up"));
  }));
  element.hidden = false;
}

/** Return a named bar that begins at a share of the width and takes another. */
function makeBar(name, text, start, share, kind = "") {
  const filled = make("span", { className: `filled ${kind}` });
  filled.style.marginInlineStart = `${start * 100}%`;
  filled.style.width = `${share * 100}%`;
  const track = make("span", { className: `track ${kind ? "both" : ""}`, ariaHidden: "true" }, filled);
  return make("div", { className: "share" }, make("span", { textContent: name }), track,
    make("span", { className: "amount", textContent: text }));
}

function figure(value, digits = 6) {
  return typeof value === "number" ? Number(value.toPrecision(digits)).toString() : value;
}
