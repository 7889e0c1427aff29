"use strict";
// The rows are data; what is seen of them is drawn when it is seen, so that ten thousand hosts scroll as ten do.
const data = JSON.parse(document.getElementById("data").textContent);
const CODES = ["pass", "warn", "fail", "blocked", "unknown", "skip"];
const HEIGHT = 34;
const list = document.getElementById("list"), rows = document.getElementById("rows"), search = document.getElementById("search");
const count = document.getElementById("count"), map = document.getElementById("map");
let shown = data.rows, outcome = "", cause = -1;

function node(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function matches(row, words) {
  if (outcome && row[1] !== outcome) return false;
  if (cause >= 0 && !row[3].includes(cause)) return false;
  if (!words.length) return true;
  const text = (row[0] + " " + data.words[row[1]] + " " + row[1] + " " + row[3].map(i => data.causes[i]).join(" ") + " " + row[4] + " " + row[5]).toLowerCase();
  return words.every(word => text.includes(word));
}

function drawn(row) {
  const line = node("div", undefined, "row");
  line.setAttribute("role", "listitem");
  const name = node("strong", row[0]);
  name.title = row[0];
  line.append(name, node("span", data.words[row[1]], "word " + data.looks[row[1]]));
  const cells = node("span", undefined, "cells");
  for (let i = 0; i < row[2].length; i++) {
    const code = CODES[+row[2][i]];
    const cell = node("i", data.glyphs[code], code);
    cell.title = data.layers[i] + ": " + data.statuses[code];
    cells.append(cell);
  }
  const told = node("span", row[4], "soft");
  told.title = row[3].map(i => data.causes[i]).concat(row[4]).join("\n");
  line.append(cells, told);
  return line;
}

function scroll() {
  const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 5);
  const part = shown.slice(first, first + Math.ceil(list.clientHeight / HEIGHT) + 10);
  rows.style.top = first * HEIGHT + "px";
  rows.replaceChildren(...part.map(drawn));
}

function heat() {
  const width = map.clientWidth, ratio = window.devicePixelRatio || 1;
  const across = Math.max(1, Math.min(shown.length, Math.floor(width)));
  const cell = 14, label = 76;
  map.width = width * ratio;
  map.height = data.layers.length * cell * ratio;
  map.style.height = data.layers.length * cell + "px";
  const pen = map.getContext("2d"), style = getComputedStyle(document.documentElement);
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui";
  const colours = CODES.map(code => style.getPropertyValue("--" + code));
  const worst = [2, 4, 1, 3, 0, 5]; // where hosts share a column, the worst of them is seen
  data.layers.forEach((name, layer) => {
    const y = (data.layers.length - 1 - layer) * cell;
    pen.fillStyle = style.getPropertyValue("--soft");
    pen.fillText(name, 4, y + cell - 4);
    const room = width - label, columns = Math.min(across, room);
    for (let column = 0; column < columns; column++) {
      const begin = Math.floor(column * shown.length / columns), end = Math.max(begin + 1, Math.floor((column + 1) * shown.length / columns));
      let found = -1;
      for (let i = begin; i < end && i < shown.length; i++) {
        const code = shown[i][2] === "" ? -1 : +shown[i][2][layer];
        if (code >= 0 && (found < 0 || worst.indexOf(code) < worst.indexOf(found))) found = code;
      }
      if (found < 0) continue;
      pen.fillStyle = colours[found];
      const x = label + column * room / columns;
      pen.fillRect(x, y, Math.max(1, room / columns - (room / columns > 3 ? 1 : 0)), cell - 1);
    }
  });
}

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = data.rows.filter(row => matches(row, words));
  count.textContent = shown.length + " / " + data.rows.length;
  const room = node("div");
  room.style.height = shown.length * HEIGHT + "px";
  list.replaceChildren(room, rows);
  list.scrollTop = 0;
  scroll();
  heat();
}

function press(button, group) {
  const pressed = button.getAttribute("aria-pressed") === "true";
  document.querySelectorAll(group).forEach(other => other.setAttribute("aria-pressed", "false"));
  button.setAttribute("aria-pressed", String(!pressed));
  return !pressed;
}

document.querySelectorAll("button[data-outcome]").forEach(button => button.addEventListener("click", () => {
  outcome = press(button, "button[data-outcome]") ? button.dataset.outcome : "";
  filter();
}));
document.querySelectorAll("button[data-cause]").forEach(button => button.addEventListener("click", () => {
  cause = press(button, "button[data-cause]") ? +button.dataset.cause : -1;
  filter();
}));
map.addEventListener("click", event => {
  const box = map.getBoundingClientRect(), at = (event.clientX - box.left - 76) / (box.width - 76);
  if (at >= 0) list.scrollTop = Math.floor(at * shown.length) * HEIGHT;
});
search.addEventListener("input", filter);
list.addEventListener("scroll", scroll);
window.addEventListener("resize", () => { scroll(); heat(); });
filter();
