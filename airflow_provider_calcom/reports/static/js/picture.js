// The picture that decides a booking: its window and core on a time axis, and everyone's presence as bars.

const IN_A_BLOCK = DATA.inABlock;
const BLOCKS = new Map();
const MOST_LANES = 24;
const HOWS = {
  email: { fill: "var(--email)" },
  phone: { fill: "var(--phone)" },
  name: { fill: "var(--name)" },
  internal: { fill: "var(--internal)" },
  unknown: { fill: "url(#hatch-unknown)", stroke: "var(--unknown)" },
  bot: { fill: "var(--surface)", stroke: "var(--bot)", dash: "2,2" },
  lobby: { fill: "url(#hatch-lobby)", stroke: "var(--soft)", dash: "5,3" },
  check_in: { fill: "var(--present)" },
  other: { fill: "var(--surface)", stroke: "var(--internal)" },
};

/** Return the picture with a number, from its block. */
async function pictureOf(number) {
  const place = Math.floor(number / IN_A_BLOCK);
  if (!BLOCKS.has(place)) BLOCKS.set(place, inflated(document.getElementById(`pictures-${place}`).textContent));
  return (await BLOCKS.get(place))[number % IN_A_BLOCK];
}

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** Fill a place with the reasons and the picture of one person of a booking. */
async function showPicture(place, row) {
  place.replaceChildren(el("p", { class: "note", role: "status", text: "Loading ..." }));
  try {
    const picture = await pictureOf(row.picture);
    const person = picture.people.find((one) => one.n === row.person);
    place.replaceChildren(...reasons(person, row), ...drawn(picture, person));
  } catch {
    place.replaceChildren(el("p", { class: "note", text: "This browser can't inflate the picture. Open the report in a current one." }));
  }
}

function reasons(person, row) {
  const lines = [];
  const line = (label, text, isMain) => lines.push(el("p", {}, el("span", { class: "label", text: label }),
    el("span", { class: isMain ? "main" : "", text: unbroken(readable(text)), title: readable(text) === text ? null : text })));
  if (person && person.why) line(person.rule ? `Rule ${person.rule} applied` : "Rule of hosts", person.why, true);
  if (person && person.notBefore) line(person.before ? `Rule ${person.before} did not` : "The one before", person.notBefore);
  if (row.heldBack) line("Held back", `${DATA.words.heldBack[row.heldBack] || row.heldBack}.`);
  if (row.outcome) line("When applied", `${DATA.words.outcomes[row.outcome] || row.outcome}${row.detail ? `: ${row.detail}` : ""}.`);
  return lines.length ? [el("div", { class: "reasons", "data-testid": "reasons" }, ...lines)] : [];
}

/** Return a sentence of the rules with its times in the viewer's zone, and long durations in minutes. */
function readable(sentence) {
  const day = new Date(0);
  const local = (found) => {
    const date = new Date(`${found.slice(0, 19).replace(" ", "T")}Z`);
    if (Number.isNaN(date.getTime())) return found;
    const isSameDay = date.toDateString() === day.toDateString();
    day.setTime(date.getTime());
    return isSameDay ? formatTime(date.getTime(), date.getSeconds() > 0) : formatDateTime(date.getTime());
  };
  return sentence.replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?/g, local).replace(/\b(\d+)(?:\.\d+)? s\b/g, (found, seconds) => {
    const minutes = Math.round(seconds / 60);
    return seconds < 120 ? found : minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  });
}

function drawn(picture, person) {
  if (picture.excluded) return [el("p", { class: "note", text: picture.excluded })];
  const lanes = lanesOf(picture, person);
  const shown = lanes.slice(0, MOST_LANES);
  const place = el("div", { class: "picture", "data-testid": "picture" });
  // The place has no width before it is on the page.
  requestAnimationFrame(() => drawResponsively(place, (width) => drawLanes(picture, shown, person, width)));
  const facts = [`Attendance data is complete ${picture.feed}.`];
  if (picture.host) facts.push(`The host side ${picture.host}.`);
  if (lanes.length > shown.length) facts.push(`${lanes.length - shown.length} more participants are in the table below.`);
  if (picture.more) facts.push(`${picture.more} more rows are not in this report.`);
  return [place, keys(shown), el("p", { class: "note", text: unbroken(readable(facts.join(" "))) }), rowsAsTable(picture, person)];
}

/** Return a lane for everyone who was expected, also for those who were not seen, and for everyone else who was. */
function lanesOf(picture, person) {
  const byPerson = new Map(picture.people.map((one) => [one.n, lane(nameOf(one), one.role, one)]));
  const others = new Map();
  for (const row of picture.rows) {
    const doubts = isDoubt(row, person);
    const isInWindow = row.begins <= picture.closes && row.ends >= picture.opens;
    if (!isInWindow && !doubts) continue;
    for (const owner of row.of || []) if (byPerson.has(owner)) byPerson.get(owner).rows.push(row);
    if (row.of && row.of.length) continue;
    const bearer = row.name || row.email || row.phone || "Without a name";
    const key = `${row.how === "lobby" || row.how === "check_in" ? "" : row.how} ${bearer} ${row.email || ""}`;
    if (!others.has(key)) others.set(key, lane(bearer, "", null));
    others.get(key).rows.push(row);
  }
  const order = (one) => (isOf(one, person) ? 0 : one.person.role === "host" ? 1 : 2);
  const expected = [...byPerson.values()].sort((a, b) => order(a) - order(b));
  const rank = (one) => (one.rows.some((row) => isDoubt(row, person)) ? 0 : one.rows.every((row) => row.how === "bot") ? 2 : 1);
  return [...expected, ...[...others.values()].sort((a, b) => rank(a) - rank(b))].map((one, id) => ({ ...one, id }));
}

function lane(title, role, person) {
  return { title, role, person, rows: [] };
}

function isOf(lane, person) {
  return Boolean(person && lane.person && lane.person.n === person.n);
}

function nameOf(person) {
  return person.name || person.email || "Without a name";
}

function isDoubt(row, person) {
  if (!person || !row) return false;
  return (row.doubts || []).includes(person.n) && person.reason !== "email" && person.outcome === "undetermined"
    || (person.reason === "unknown_participant" && Boolean(row.unknown));
}

function drawLanes(picture, lanes, person, width) {
  const isWide = width >= 620;
  const left = isWide ? Math.min(250, Math.round(width * 0.27)) : 18;
  const right = isWide ? 8 : 18;
  const bars = lanes.flatMap((one) => one.rows.map((row) => ({ ...row, lane: one.id, doubt: isDoubt(row, person) })));
  const from = Math.min(picture.opens, ...bars.filter((bar) => bar.doubt).map((bar) => bar.begins));
  const to = Math.max(picture.closes, ...bars.filter((bar) => bar.doubt).map((bar) => bar.ends));
  const pixel = (to - from) / Math.max(width - left - right, 100);
  const least = 4 * pixel;
  const isShort = picture.end - picture.start < 130 * pixel;
  for (const bar of bars) {
    bar.x1 = Math.max(bar.begins, from);
    bar.x2 = Math.min(Math.max(bar.ends, bar.begins + least), to);
    bar.x1 = Math.min(bar.x1, bar.x2 - least);
  }
  const height = isWide ? 40 : 62;
  const date = (milliseconds) => new Date(milliseconds);
  const inset = isWide ? 11 : [34, 10];
  const rects = (how) => Plot.rect(bars.filter((bar) => bar.how === how && how !== "check_in"), {
    x1: (bar) => date(bar.x1), x2: (bar) => date(bar.x2), y: "lane", rx: 3,
    insetTop: isWide ? inset : inset[0], insetBottom: isWide ? inset : inset[1],
    fill: HOWS[how].fill, stroke: HOWS[how].stroke, strokeWidth: 1.5, strokeDasharray: HOWS[how].dash,
  });
  const barY = isWide ? 0 : 12;
  const label = (marks, options) => Plot.text(marks, {
    y: "id", frameAnchor: "left", textAnchor: "start", dx: -left, textOverflow: "ellipsis", fontSize: 13, ...options,
  });
  // On a phone the labels are within the drawing, where lines would cross them.
  const halo = isWide ? {} : { stroke: "var(--raised)", strokeWidth: 4 };
  const ems = (isWide ? left - 16 : width) / 13;
  const absent = lanes.filter((one) => !one.rows.length);
  return plotted({
    width, height: lanes.length * height + 54, marginLeft: left, marginRight: right, marginTop: 26, marginBottom: 28,
    ariaLabel: inWords(picture, lanes),
    x: { type: "time", domain: [date(from), date(to)], label: null },
    y: { type: "band", domain: lanes.map((one) => one.id), padding: 0, axis: null },
    marks: [
      Plot.rect([picture], { x1: (one) => date(one.opens), x2: (one) => date(one.closes), fill: "var(--window)" }),
      Plot.rect([picture], { x1: (one) => date(one.start), x2: (one) => date(one.end), fill: "var(--core)" }),
      Plot.ruleY(lanes.slice(1), { y: "id", dy: -height / 2, stroke: "var(--line)", insetLeft: -left }),
      Plot.ruleX([picture.start, picture.end], { x: date, stroke: "var(--strong-line)" }),
      Plot.text(isShort ? [(picture.start + picture.end) / 2] : [picture.start, picture.end], {
        x: date, frameAnchor: "top", dy: -14, fill: "var(--soft)", fontSize: 12,
        text: (one) => (one === picture.start ? `start ${formatTime(one)}` : one === picture.end ? `end ${formatTime(one)}`
          : `${formatTime(picture.start)} to ${formatTime(picture.end)}`),
      }),
      Plot.axisX({ ticks: Math.max(2, Math.round((width - left) / 120)), tickFormat: (tick) => formatTime(tick), tickSize: 4, fontSize: 12, fill: "var(--soft)", stroke: "var(--strong-line)" }),
      Plot.ruleY(absent, { y: "id", dy: barY, x1: date(picture.start), x2: date(picture.end), stroke: "var(--strong-line)", strokeDasharray: "2,4" }),
      Plot.text(absent, {
        y: "id", x: date((picture.start + picture.end) / 2), dy: barY, text: () => "not seen", fontSize: 12.5, fontWeight: 600,
        fill: (one) => (one.person && one.person.outcome === "absent" ? "var(--absent)" : "var(--soft)"),
        stroke: "var(--core)", strokeWidth: 6,
      }),
      // Another meeting counts for nothing, so it hides nothing.
      rects("other"), ...Object.keys(HOWS).filter((how) => how !== "other").map(rects),
      Plot.dot(bars.filter((bar) => bar.how === "check_in"), { x: (bar) => date(bar.begins), y: "lane", dy: barY, r: 6, symbol: "diamond2", fill: HOWS.check_in.fill }),
      Plot.rect(bars.filter((bar) => bar.doubt), {
        x1: (bar) => date(bar.x1), x2: (bar) => date(bar.x2), y: "lane", rx: 6, stroke: "var(--ink)", strokeWidth: 1.5, fill: "none",
        insetTop: (isWide ? inset : inset[0]) - 4, insetBottom: (isWide ? inset : inset[1]) - 4, insetLeft: -4, insetRight: -4,
      }),
      Plot.text(bars.filter((bar) => bar.open), { x: (bar) => date(bar.x2), y: "lane", dy: barY, dx: -6, textAnchor: "end", text: () => "no end \u2192", fill: "var(--surface)", fontSize: 11 }),
      ...[true, false].map((isTheirs) => label(lanes.filter((one) => isOf(one, person) === isTheirs), {
        text: "title", lineWidth: ems, fontWeight: isTheirs ? 700 : 500, fill: "var(--ink)", dy: isWide ? -7 : -21, ...halo,
      })),
      label(lanes, { text: (one) => subtitle(one, person), lineWidth: ems * 1.09, fill: "var(--soft)", fontSize: 12, dy: isWide ? 9 : -6, ...halo }),
    ],
  });
}

/** Return how somebody was identified, which a colour alone must not say. */
function subtitle(lane, person) {
  const parts = [];
  if (lane.role) parts.push(lane.role);
  parts.push(...new Set(lane.rows.map((row) => DATA.words.means[row.how])));
  if (!lane.rows.length) parts.push("not seen");
  const doubts = lane.rows.filter((row) => isDoubt(row, person));
  // What somebody typed may be what raises the doubt, as in "Ian and Jo".
  const names = doubts.map((row) => row.name).filter((name) => name && name !== lane.title);
  if (names.length) parts.push(`as "${names[0]}"`);
  if (doubts.length) parts.push("raises the doubt");
  return parts.join(", ");
}

function spanOf(row) {
  if (row.how === "check_in") return `at ${formatTime(row.begins)}`;
  return `${formatTime(row.begins)} to ${row.open ? "no end" : formatTime(row.ends)}`;
}

function inWords(picture, lanes) {
  const people = lanes.map((one) => `${one.title} (${subtitle(one, null)})${one.rows.length ? ` ${one.rows.map(spanOf).join(", ")}` : ""}`);
  return `Booked ${formatTime(picture.start)} to ${formatTime(picture.end)}. ${people.join("; ")}.`;
}

function keys(lanes) {
  const used = new Set(lanes.flatMap((one) => one.rows.map((row) => row.how)));
  const swatch = (how) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [name, value] of Object.entries({ width: 18, height: 12, "aria-hidden": "true" })) svg.setAttribute(name, value);
    const shape = document.createElementNS(svg.namespaceURI, how === "check_in" ? "path" : "rect");
    const { fill, stroke, dash } = HOWS[how];
    const common = { fill, ...(stroke ? { stroke, "stroke-width": 1.5 } : {}), ...(dash ? { "stroke-dasharray": dash } : {}) };
    const form = how === "check_in" ? { d: "M9 0 L15 6 L9 12 L3 6 Z" } : { x: 1, y: 1, width: 16, height: 10, rx: 3 };
    for (const [name, value] of Object.entries({ ...form, ...common })) shape.setAttribute(name, value);
    svg.append(shape);
    return svg;
  };
  const items = Object.keys(HOWS).filter((how) => used.has(how)).map((how) => el("li", {}, swatch(how), DATA.words.means[how]));
  return items.length ? el("ul", { class: "picture-keys", "aria-label": "How they were identified" }, ...items) : null;
}

function rowsAsTable(picture, person) {
  const names = new Map(picture.people.map((one) => [one.n, nameOf(one)]));
  const rows = picture.rows.map((row) => [
    [row.name, row.email, row.phone].filter(Boolean).join(", ") || "Without a name",
    [DATA.words.means[row.how], (row.of || []).map((one) => names.get(one)).filter(Boolean).join(", ")].filter(Boolean).join(": "),
    formatTime(row.begins, true),
    row.how === "check_in" ? "" : row.open ? "no end" : formatTime(row.ends, true),
    [row.source, row.key].filter(Boolean).join(", "),
    shows(row, person),
  ]);
  const unseen = picture.people.filter((one) => !picture.rows.some((row) => (row.of || []).includes(one.n)));
  rows.push(...unseen.map((one) => [nameOf(one), `${one.role}, not seen`, "", "", "", ""]));
  return asTable(`The same as a table (${picture.rows.length} ${picture.rows.length === 1 ? "row" : "rows"})`, ["Who", "Identified", "From", "To", "Source", "Shows"], rows);
}

function shows(row, person) {
  const facts = [];
  if ((row.counts || []).length) facts.push("presence");
  if (row.host) facts.push("the host side came");
  if (row.held) facts.push("the meeting was held");
  if (isDoubt(row, person)) facts.push("the doubt");
  return facts.join(", ");
}
