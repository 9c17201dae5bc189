// The overview of several plans.

const number = (rows) => rows.map((row, place) => ({ ...row, number: place, title: row.who || row.name }));
const time = (milliseconds) => (milliseconds === null || milliseconds === undefined ? "" : el("time", {
  datetime: new Date(milliseconds).toISOString(), title: utc(milliseconds), text: formatDateTime(milliseconds),
}));
const timed = (name, title, label) => ({ name, title, label, className: "when", sortBy: (row) => row[name], cell: (row) => time(row[name]) });
const counted = (name, title, label) => ({ name, title, label, sortBy: (row) => row[name], cell: (row) => String(row[name]) });
const whoColumn = { name: "who", title: "Who", className: "who", sortBy: (row) => row.who, cell: (row) => el("strong", { text: row.who || "Without an address" }) };

for (const row of [...DATA.plans, ...DATA.corrections, ...DATA.repeated]) {
  for (const milliseconds of [row.asOf, row.start, row.last]) if (milliseconds) YEARS.add(new Date(milliseconds).getFullYear());
}

function set(id, caption, rows, columns, sorted, isDown, placeholder) {
  setUpTable(id, { caption, rows: number(rows), columns, filters: [], sorted, isDown, placeholder, search: (row) => [row.who, row.name, row.uid].filter(Boolean).join(" ") });
}

setUpTheme();
set("repeated", "Repeat no-shows", DATA.repeated, [
  whoColumn,
  counted("absent", "Missed", "missed"),
  counted("decided", "Of", "of"),
  timed("last", `Last missed (${ZONE})`, "last"),
], "absent", true, "Address");
set("corrections", "Corrected later", DATA.corrections, [
  whoColumn,
  { name: "why", title: "Why", className: "why-cell", sortBy: (row) => row.reason, cell: (row) => DATA.words.reasons[row.reason] || row.reason },
  timed("start", `Start (${ZONE})`, "start"), timed("marked", "Marked", "marked"), timed("removed", "Removed", "removed"),
  { name: "booking", title: "Booking", label: "booking", sortBy: (row) => row.uid, cell: (row) => el("span", { class: "uid", text: row.uid, title: row.uid }) },
], "start", true, "Address, booking");
set("plans", "Plans", DATA.plans, [
  {
    name: "name", title: "Plan", className: "who", sortBy: (row) => row.name,
    cell: (row) => el("strong", {}, row.href ? el("a", { href: row.href, text: row.name }) : row.name),
  },
  { name: "state", title: "State", className: "change", sortBy: (row) => row.state, cell: (row) => el("span", { class: `pill ${row.tone === "wait" ? "undetermined" : row.tone}`, text: row.state }) },
  timed("asOf", `Decided as of (${ZONE})`, "as of"),
  counted("bookings", "Bookings judged", "bookings"), counted("marks", "Marks", "marks"), counted("removed", "Removals", "removals"), counted("written", "Written", "written"),
], "asOf", true, "Name of a plan");
showLocalTimes();
setUpRates("chart-weeks", "Week", DATA.charts.weeks, 3);
setUpRates("chart-event-types", "Event type", DATA.charts.eventTypes);
setUpRates("chart-hosts", "Host", DATA.charts.hosts);
setUpLateness("chart-lateness", DATA.charts.lateness);
tidyCharts();
document.documentElement.dataset.ready = "true";
