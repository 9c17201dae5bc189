// Rates with their intervals, a histogram, and a trend.

const SERIES = [
  { key: "noShows", title: "No-shows", colour: "var(--absent)", symbol: "circle" },
  { key: "undetermined", title: "Undetermined", colour: "var(--undetermined)", symbol: "diamond" },
];

function setUpChart(id, isThere, draw, table) {
  const figure = document.getElementById(id);
  if (!figure) return;
  if (!isThere) {
    figure.remove();
    return;
  }
  drawResponsively(figure.querySelector(".drawing"), draw);
  figure.append(table);
}

function ratesAsTable(title, categories) {
  const cells = (rate) => [`${rate.part} of ${rate.whole}`, perCent(rate.share), rate.share === null ? "-" : `${perCent(rate.low)} to ${perCent(rate.high)}`];
  return asTable("The same as a table",
    [title, "No-shows", "Share", "95 % range", "Undetermined", "Share", "95 % range"],
    categories.map((one) => [one.name, ...cells(one.noShows), ...cells(one.undetermined)]));
}

/** Draw a line for each category: a point and the range of each rate, no-shows above undetermined. */
function drawRates(categories, width, title) {
  const marks = SERIES.flatMap((series, place) => categories
    .map((one, row) => ({ ...one[series.key], row, series, dy: place ? 6 : -6 })).filter((one) => one.share !== null));
  const left = Math.min(180, Math.round(width * 0.34));
  const right = 62;
  const of = (place) => marks.filter((one) => one.series === SERIES[place]);
  const most = Math.min(1, Math.max(0.1, ...marks.map((one) => one.high)));
  return plotted({
    width, height: categories.length * 38 + 32, marginLeft: left, marginRight: right, marginTop: 6, marginBottom: 26,
    ariaLabel: `${title}: ${categories.map((one) => `${one.name}, no-shows ${perCent(one.noShows.share)} of ${one.noShows.whole}`).join("; ")}`,
    x: { domain: [0, most], label: null },
    y: { type: "band", domain: categories.map((_, row) => row), padding: 0, axis: null },
    marks: [
      Plot.gridX({ stroke: "var(--line)", strokeOpacity: 1, ticks: width < 420 ? 3 : 5 }),
      Plot.axisX({ ticks: width < 420 ? 3 : 5, tickFormat: perCent, tickSize: 0, fontSize: 12, fill: "var(--soft)" }),
      Plot.text(categories, { y: (_, row) => row, text: "name", frameAnchor: "left", textAnchor: "start", dx: -left, lineWidth: (left - 10) / 13, textOverflow: "ellipsis", fontSize: 13, fill: "var(--ink)" }),
      ...[0, 1].flatMap((place) => [
        Plot.ruleY(of(place), { y: "row", x1: "low", x2: "high", dy: place ? 6 : -6, stroke: SERIES[place].colour, strokeWidth: 2, strokeOpacity: 0.45, strokeLinecap: "round" }),
        Plot.dot(of(place), { y: "row", x: "share", dy: place ? 6 : -6, r: place ? 4.4 : 4.8, symbol: SERIES[place].symbol, fill: place ? "var(--surface)" : SERIES[place].colour, stroke: SERIES[place].colour, strokeWidth: place ? 2 : 0 }),
        Plot.text(of(place), { y: "row", dy: place ? 7 : -6, frameAnchor: "right", textAnchor: "end", dx: right, text: (one) => `${one.part} of ${one.whole}`, fill: SERIES[place].colour, fontSize: 11.5 }),
      ]),
    ],
  });
}

/** Draw rates over time, with the ranges behind them. */
function drawTrend(categories, width, title) {
  const points = SERIES.map((series) => categories
    .map((one) => ({ ...one[series.key], date: new Date(`${one.name}T00:00:00Z`) })).filter((one) => one.share !== null));
  const most = Math.min(1, Math.max(0.1, ...points.flat().map((one) => one.high)));
  const isDense = categories.length > 45;
  const every = Math.ceil(categories.length / Math.max(2, Math.floor(width / 80)));
  const ticks = categories.filter((_, place) => place % every === 0).map((one) => new Date(`${one.name}T00:00:00Z`));
  return plotted({
    width, height: 220, marginLeft: 42, marginRight: 12, marginTop: 10, marginBottom: 28,
    ariaLabel: `${title}: ${categories.map((one) => `${one.name}, no-shows ${perCent(one.noShows.share)} of ${one.noShows.whole}`).join("; ")}`,
    x: { type: "utc", label: null },
    y: { domain: [0, most], label: null },
    marks: [
      Plot.gridY({ stroke: "var(--line)", strokeOpacity: 1, ticks: 4 }),
      Plot.axisY({ ticks: 4, tickFormat: perCent, tickSize: 0, fontSize: 12, fill: "var(--soft)" }),
      Plot.axisX(ticks, { tickSize: 4, fontSize: 12, fill: "var(--soft)", stroke: "var(--strong-line)", tickFormat: (tick) => tick.toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" }) }),
      ...[1, 0].flatMap((place) => [
        isDense
          ? Plot.areaY(points[place], { x: "date", y1: "low", y2: "high", fill: SERIES[place].colour, fillOpacity: 0.13 })
          : Plot.ruleX(points[place], { x: "date", y1: "low", y2: "high", dx: place ? 3 : -3, stroke: SERIES[place].colour, strokeWidth: 2, strokeOpacity: 0.35, strokeLinecap: "round" }),
        Plot.line(points[place], { x: "date", y: "share", dx: isDense ? 0 : place ? 3 : -3, stroke: SERIES[place].colour, strokeWidth: 1.5, strokeOpacity: 0.8, strokeDasharray: place ? "4,3" : null }),
        isDense ? null : Plot.dot(points[place], { x: "date", y: "share", dx: place ? 3 : -3, r: 4, symbol: SERIES[place].symbol, fill: place ? "var(--surface)" : SERIES[place].colour, stroke: SERIES[place].colour, strokeWidth: place ? 2 : 0 }),
      ]),
    ],
  });
}

/** Let the last chart fill its line where it would be alone in it. */
function tidyCharts() {
  const narrow = [...document.querySelectorAll(".chart:not(.wide)")];
  if (narrow.length % 2) narrow[narrow.length - 1].classList.add("wide");
}

/** Set up a chart of rates. Days and weeks are a trend from some number of them on. */
function setUpRates(id, title, found, trendFrom = 9) {
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test((found[0] || {}).name);
  const isTrend = isDate && found.length >= trendFrom;
  const dated = (name) => new Date(`${name}T00:00:00Z`).toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  const categories = isDate && !isTrend ? found.map((one) => ({ ...one, name: dated(one.name) })) : found;
  const draw = isTrend ? drawTrend : drawRates;
  const figure = document.getElementById(id);
  if (figure && isTrend) figure.classList.add("wide");
  setUpChart(id, categories.length > 0, (width) => draw(categories, width, title), ratesAsTable(title, categories));
}

/** Draw how many attendees joined how late. bins: [[minutes, attendees]] */
function setUpLateness(id, bins) {
  const early = -15, late = 30;
  const merged = new Map();
  for (const [minutes, people] of bins) {
    const place = Math.max(early, Math.min(late, minutes));
    merged.set(place, (merged.get(place) || 0) + people);
  }
  const bars = [...merged].map(([minutes, people]) => ({ minutes, people })).sort((a, b) => a.minutes - b.minutes);
  const total = bars.reduce((sum, one) => sum + one.people, 0);
  const after = bars.filter((one) => one.minutes >= 5).reduce((sum, one) => sum + one.people, 0);
  const inWords = (minutes) => minutes <= early ? `${-early} min early or more` : minutes >= late ? `${late} min late or more`
    : minutes < 0 ? `${-minutes} min early` : `${minutes} min late`;
  setUpChart(id, total > 0, (width) => plotted({
    width, height: 190, marginLeft: 34, marginRight: 8, marginTop: 24, marginBottom: 30,
    ariaLabel: `First joins of ${total} attendees; ${after} of them joined 5 minutes late or more.`,
    x: { domain: [early, late + 1], label: null },
    y: { label: null, domain: [0, Math.max(4, ...bars.map((one) => one.people))] },
    marks: [
      Plot.gridY({ stroke: "var(--line)", strokeOpacity: 1, ticks: 3 }),
      Plot.axisY({ ticks: 3, tickFormat: "d", tickSize: 0, fontSize: 12, fill: "var(--soft)" }),
      Plot.axisX([-15, -10, -5, 0, 5, 10, 15, 20, 25, 30], { tickFormat: (tick) => (tick > 0 ? `+${tick}` : String(tick).replace("-", "\u2212")), tickSize: 4, fontSize: 12, fill: "var(--soft)" }),
      Plot.rect(bars, { x1: "minutes", x2: (one) => one.minutes + 1, y1: 0, y2: "people", fill: (one) => (one.minutes >= 5 ? "var(--undetermined)" : "var(--present)"), insetLeft: 0.5, insetRight: 0.5, rx: 1 }),
      Plot.ruleX([0], { stroke: "var(--ink)", strokeDasharray: "3,3" }),
      Plot.text([0], { x: 0, frameAnchor: "top", dy: -14, text: () => "start", fontSize: 12, fill: "var(--soft)" }),
      Plot.ruleY([0], { stroke: "var(--strong-line)" }),
    ],
  }), asTable("The same as a table", ["First join", "Attendees"], bars.map((one) => [inWords(one.minutes), String(one.people)])));
  const note = document.querySelector(`#${id} figcaption p`);
  if (note && total) note.textContent = `First join against the start, in minutes. ${after} of ${total} joined 5 minutes late or more.`;
}
