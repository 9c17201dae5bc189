// The report of one plan.

const WORDS = DATA.words;
const rowsOf = (name) => DATA[name].map((cells, number) => {
  const row = Object.fromEntries(DATA.columns.map((column, place) => [column, cells[place]]));
  if (row.start !== null) YEARS.add(new Date(row.start).getFullYear());
  return { ...row, number, title: row.name || row.email || row.uid, href: hrefOf(row.uid) };
});

/** Return the booking's page in Cal.com, where the plan knows where that is. */
function hrefOf(uid) {
  // A uid with a character that the page replaced is not the booking's any more.
  if (!DATA.bookingUrl || uid.includes("\ufffd")) return null;
  return DATA.bookingUrl.split("{uid}").join(encodeURIComponent(uid));
}

const reasonInWords = (row) => (row.short && unbroken(row.short)) || WORDS.reasons[row.reason] || row.reason;
const flag = (isAbsent) => (isAbsent ? "absent" : "not marked");

const COLUMNS = {
  fold: { name: "fold", title: "Details", className: "fold", cell: () => [] },
  who: {
    name: "who", title: "Who", className: "who", sortBy: (row) => row.name || row.email || "",
    cell: (row) => [
      el("strong", { text: row.name || row.email || "Without an address" }),
      el("span", { text: [row.role === "host" ? "host" : null, row.name && row.email ? row.email : null].filter(Boolean).join(", ") }),
    ],
  },
  change: {
    name: "change", title: "Change", className: "change", sortBy: (row) => flag(row.to),
    cell: (row) => [
      el("span", { class: "was", text: flag(row.from) }), el("span", { class: "arrow", text: "\u2192", "aria-label": "to" , role: "img"}),
      el("span", { class: `pill ${row.to ? "absent" : "present"}`, text: flag(row.to) }),
    ],
  },
  why: { name: "why", title: "Why", className: "why-cell", sortBy: reasonInWords, cell: reasonInWords },
  heldBack: {
    name: "heldBack", title: "Why it stays", className: "why-cell", sortBy: (row) => WORDS.heldBack[row.heldBack] || row.heldBack,
    cell: (row) => [WORDS.heldBack[row.heldBack] || row.heldBack, el("span", { class: "sub", text: reasonInWords(row) })],
  },
  start: {
    name: "start", title: `Start (${ZONE.replaceAll("/", "/\u200b")})`, hint: "In your time zone. The time in UTC is on each cell", className: "when", sortBy: (row) => row.start,
    cell: (row) => (row.start === null ? "" : el("time", { datetime: new Date(row.start).toISOString(), title: utc(row.start), text: formatDateTime(row.start) })),
  },
  host: { name: "host", title: "Host", label: "with", sortBy: (row) => row.host || "", cell: (row) => row.host || "" },
  booking: {
    name: "booking", title: "Booking", label: "booking", sortBy: (row) => row.uid,
    cell: (row) => (row.href
      ? el("a", { class: "uid", href: row.href, text: row.uid, title: row.uid, rel: "noopener noreferrer", target: "_blank" })
      : el("span", { class: "uid", text: row.uid, title: row.uid })),
  },
  outcome: {
    name: "outcome", title: "Outcome", className: "outcome", label: "outcome:", sortBy: (row) => WORDS.outcomes[row.outcome] || row.outcome || "",
    cell: (row) => (row.outcome ? [
      el("span", { class: `pill ${WORDS.tones[row.outcome] || ""}`, text: WORDS.outcomes[row.outcome] || row.outcome }),
      row.detail ? el("span", { class: "sub", text: row.detail }) : null,
    ] : ""),
  },
};

const FILTERS = {
  reason: { name: "reason", title: "Reason", value: (row) => row.reason, words: (value) => WORDS.reasons[value] || value },
  heldBack: { name: "held-back", title: "Why", value: (row) => row.heldBack, words: (value) => WORDS.heldBack[value] || value },
  change: { name: "change", title: "Change", value: (row) => (row.to ? "mark" : "unmark"), words: (value) => (value === "mark" ? "Mark absent" : "Remove the mark") },
  outcome: { name: "outcome", title: "Outcome", value: (row) => row.outcome || "", words: (value) => WORDS.outcomes[value] || value || "None" },
};

function setUpRows(id, caption, rows, columns, filters) {
  const hasHosts = rows.some((row) => row.host);
  const hasStarts = rows.some((row) => row.start !== null);
  setUpTable(id, {
    caption, rows, filters, sorted: hasStarts ? "start" : "booking",
    columns: columns.filter((column) => (column.name !== "host" || hasHosts) && (column.name !== "start" || hasStarts)),
    placeholder: "Name, address, booking",
    search: (row) => [row.name, row.email, row.uid, row.host].filter(Boolean).join(" "),
    canOpen: (row) => row.picture !== null,
    open: (row, place) => showPicture(place, row),
  });
}

setUpTheme();
const rails = document.getElementById("rails");
// On a phone, who and why comes sooner where every guard rail passed.
if (matchMedia("(max-width: 760px)").matches && !("failed" in rails.dataset)) rails.open = false;
const { fold, who, change, why, heldBack, start, host, booking, outcome } = COLUMNS;
const changes = rowsOf("changes"), held = rowsOf("heldBack"), undetermined = rowsOf("undetermined");
const isApplied = changes.some((row) => row.outcome);
setUpRows("changes", "Who and why", changes, [fold, who, change, why, ...(isApplied ? [outcome] : []), start, host, booking],
  [FILTERS.reason, FILTERS.change, ...(isApplied ? [FILTERS.outcome] : [])]);
setUpRows("held-back", "Held back", held, [fold, who, heldBack, start, host, booking], [FILTERS.heldBack]);
setUpRows("undetermined", "Undetermined", undetermined, [fold, who, why, start, host, booking], [FILTERS.reason]);
showLocalTimes();
setUpCopying();
setUpRates("chart-days", "Day", DATA.charts.days);
setUpRates("chart-event-types", "Event type", DATA.charts.eventTypes);
setUpRates("chart-hosts", "Host", DATA.charts.hosts);
setUpLateness("chart-lateness", DATA.charts.lateness);
tidyCharts();
document.documentElement.dataset.ready = "true";
