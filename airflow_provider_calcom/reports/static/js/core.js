// Elements, times and the theme. Text from bookings reaches the page as text nodes only.

const DATA = JSON.parse(document.getElementById("data").textContent);

/** Return an element. Attributes: "class", "text" and others by their name; children are nodes or strings. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
const YEARS = new Set();

/** Format a time in the viewer's zone: "Wed 18 Nov, 09:00", with the year where the page has several or on request. */
function formatDateTime(milliseconds, withYear = false) {
  const date = new Date(milliseconds);
  const options = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  if (withYear || YEARS.size > 1 || !YEARS.has(date.getFullYear())) options.year = "numeric";
  return date.toLocaleString(undefined, options);
}

function formatDay(milliseconds) {
  return new Date(milliseconds).toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short" });
}

function formatTime(milliseconds, withSeconds = false) {
  const options = { hour: "2-digit", minute: "2-digit" };
  if (withSeconds) options.second = "2-digit";
  return new Date(milliseconds).toLocaleTimeString(undefined, options);
}

function utc(milliseconds) {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function showLocalTimes() {
  for (const one of document.querySelectorAll("time[data-local]")) {
    const milliseconds = Date.parse(one.dateTime);
    if (Number.isNaN(milliseconds)) continue;
    one.title = one.textContent;
    // A report is kept for years.
    one.textContent = formatDateTime(milliseconds, true);
  }
}

function setUpTheme() {
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();
}

function setUpCopying() {
  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        // Without the right to the clipboard: select it, so that one key copies it.
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
}

/** Draw now and whenever the width changes; the drawing is a function of the width. */
function drawResponsively(place, draw) {
  let width = 0;
  const redraw = (found) => {
    const rounded = Math.floor(found);
    if (rounded < 50 || Math.abs(rounded - width) < 2) return;
    width = rounded;
    place.replaceChildren(draw(width));
  };
  redraw(place.clientWidth);
  new ResizeObserver((entries) => redraw(entries[0].contentRect.width)).observe(place);
}

/** Return Plot's drawing without its <style>, which the page's policy forbids; report.css has those rules. */
function plotted(options) {
  const svg = Plot.plot({ className: "plot", ...options, style: undefined });
  svg.querySelectorAll("style").forEach((style) => style.remove());
  // The whole drawing has a label; parts of an image have none.
  svg.querySelectorAll("g[aria-label]").forEach((part) => part.removeAttribute("aria-label"));
  svg.setAttribute("role", "img");
  svg.setAttribute("font-size", "12");
  return svg;
}

/** Return a table with the numbers of a drawing, folded. */
function asTable(summary, heads, rows) {
  const head = el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col", text }))));
  const body = el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((text, place) =>
    place ? el("td", { text }) : el("th", { scope: "row", text })))));
  const table = el("table", { class: "plain" }, head, body);
  return el("details", {}, el("summary", { text: summary }), el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": summary }, table));
}

/** Keep a number and its unit on one line. */
function unbroken(text) {
  return text.replace(/(\d) (min|h|s)\b/g, "$1\u00a0$2");
}

function perCent(share) {
  if (share === null) return "-";
  const value = 100 * share;
  return `${value > 0 && value < 10 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)} %`;
}
