// How a model is used, and how far its requests lie from the training rows.
import { make, reasonOf } from "./ask.js";

const RANKS = ["unknown", "none", "moderate", "major"];
const WORDS = { unknown: "too few rows", none: "none", moderate: "moderate", major: "major" };
const HEAD = ["Feature", "Drift", "PSI", "Missing", "Outside"];

/** Show what the monitor says of a model. */
export function showUsage(element, monitor, name, seconds) {
  const find = (selector) => element.querySelector(selector);
  const time = new Date().toLocaleTimeString();
  const usage = monitor.content?.models?.[name];
  if (!usage) {
    find(".refreshed").textContent = `Not refreshed at ${time}: ${reasonOf(monitor)}`;
    return;
  }
  find(".line").textContent = describe(usage);
  find(".refreshed").textContent = `As of ${time}, over all workers; refreshed every ${seconds} s.`;
  const drifts = Object.entries(usage.drift).sort(([, a], [, b]) =>
    RANKS.indexOf(b.level) - RANKS.indexOf(a.level) || (b.psi ?? -1) - (a.psi ?? -1));
  find(".drift").hidden = drifts.length === 0;
  if (drifts.length === 0) return;
  const [, { seconds: length, rows }] = drifts[0];
  find("caption").textContent =
    `Drift from the training rows in the last ${lengthOf(length)}, ${count(rows, "row")}, the furthest first`;
  find("thead").replaceChildren(make("tr", {}, ...HEAD.map((text) => make("th", { textContent: text, scope: "col" }))));
  find("tbody").replaceChildren(...drifts.map(([feature, drift]) => make("tr", {},
    make("th", { textContent: feature, scope: "row" }),
    make("td", {}, make("span", { className: `level ${drift.level}`, textContent: WORDS[drift.level] ?? drift.level })),
    ...[drift.psi === null ? "–" : drift.psi.toFixed(3), drift.missing, drift.outside]
      .map((text) => make("td", { textContent: text, className: "number" })))));
}

function describe(usage) {
  const { p50, p99 } = usage.latency_ms;
  const latency = p50 === null ? "" : `; half within ${p50} ms, 99 % within ${p99} ms`;
  return `${count(usage.requests, "request")}, ${count(usage.rows, "row")} since the start${latency}`;
}

function lengthOf(seconds) {
  for (const [size, name] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    if (seconds % size === 0) return seconds === size ? name : `${seconds / size} ${name}s`;
  }
  return seconds === 1 ? "second" : `${seconds} seconds`;
}

function count(number, name) {
  return `${number.toLocaleString("en")} ${name}${number === 1 ? "" : "s"}`;
}
