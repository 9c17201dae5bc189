// A table of many rows: one page of them is in the document at a time.

const PAGE = 25;
const PRINTED = 1000;
const WITHOUT_TOOLS = 10;

/**
 * Set up a table.
 *
 * columns: [{name, title, cell(row) -> node or string, sortBy(row), className, label}]
 * filters: [{name, title, value(row) -> string, words}]
 * sorted: the column to sort by, from its end if isDown
 * open(row, place): fills the element below an expanded row; canOpen(row) says for which rows.
 */
function setUpTable(id, { caption, columns, rows, filters, search, placeholder, open, canOpen, sorted, isDown }) {
  const root = document.getElementById(`${id}-table`);
  if (!root) return;
  const state = { page: 0, text: "", chosen: {}, by: sorted, up: !isDown, details: new Map(), printing: false };
  const body = el("tbody");
  const found = el("span", { class: "found", role: "status" });
  const heads = columns.map((column) => {
    const head = el("th", { scope: "col", class: column.className });
    if (column.sortBy) {
      head.append(el("button", { type: "button", text: column.title, title: column.hint, onclick: () => sortBy(column.name) }));
    } else {
      head.append(el("span", { class: "hidden", text: column.title }));
    }
    return head;
  });
  const table = el("table", { class: open ? "grid" : "grid flat", "data-testid": `${id}-grid` },
    el("caption", { class: "hidden", text: caption }), el("thead", {}, el("tr", {}, ...heads)), body);
  const position = el("span");
  const back = el("button", { type: "button", class: "quiet", text: "Previous", onclick: () => turn(-1) });
  const next = el("button", { type: "button", class: "quiet", text: "Next", onclick: () => turn(1) });
  const pager = el("nav", { class: "pager", "aria-label": `Pages: ${caption}` }, position, back, next);
  const sorting = el("select", { id: `${id}-sort`, onchange: () => sortBy(sorting.value, true) },
    ...columns.filter((column) => column.sortBy).map((column) => el("option", { value: column.name, text: column.title })));
  root.replaceChildren(...(rows.length > WITHOUT_TOOLS ? [tools()] : []), table, pager);
  addEventListener("beforeprint", () => { state.printing = true; show(); });
  addEventListener("afterprint", () => { state.printing = false; show(); });
  show();

  function tools() {
    const input = el("input", { type: "search", id: `${id}-search`, placeholder, oninput: () => {
      state.text = input.value.trim().toLowerCase();
      state.page = 0;
      show();
    } });
    const selects = filters.map((filter) => {
      const counts = new Map();
      for (const row of rows) counts.set(filter.value(row), (counts.get(filter.value(row)) || 0) + 1);
      if (counts.size < 2) return null;
      const values = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
      const select = el("select", { id: `${id}-${filter.name}`, onchange: () => {
        state.chosen[filter.name] = select.value;
        state.page = 0;
        show();
      } }, el("option", { value: "", text: "All" }),
      ...values.map((value) => el("option", { value, text: `${filter.words(value)} (${counts.get(value)})` })));
      return el("label", { class: "filter", for: select.id }, filter.title, select);
    });
    return el("div", { class: "tools" },
      el("label", { class: "search", for: input.id }, el("span", { class: "hidden", text: `Find in: ${caption}` }), input),
      ...selects, el("label", { class: "filter sort", for: sorting.id }, "Sort by", sorting), found);
  }

  function sortBy(name, keepsDirection = false) {
    state.up = keepsDirection || state.by !== name ? true : !state.up;
    state.by = name;
    state.page = 0;
    show();
  }

  function turn(by) {
    state.page += by;
    show();
    root.scrollIntoView({ block: "start" });
  }

  function chosen() {
    const fits = (row) => filters.every((filter) => !state.chosen[filter.name] || filter.value(row) === state.chosen[filter.name])
      && (!state.text || search(row).toLowerCase().includes(state.text));
    const column = columns.find((one) => one.name === state.by);
    const sign = state.up ? 1 : -1;
    const keyed = rows.filter(fits).map((row) => [column.sortBy(row), row]);
    const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
    keyed.sort(([a], [b]) => {
      if (a === b) return 0;
      if (a === null || a === "") return 1;
      if (b === null || b === "") return -1;
      return sign * (typeof a === "number" ? a - b : collator.compare(a, b));
    });
    return keyed.map(([, row]) => row);
  }

  function show() {
    const all = chosen();
    const size = state.printing ? PRINTED : PAGE;
    const pages = Math.max(1, Math.ceil(all.length / size));
    state.page = state.printing ? 0 : Math.min(Math.max(state.page, 0), pages - 1);
    const first = state.page * size;
    const shown = all.slice(first, first + size);
    columns.forEach((column, place) => {
      if (!column.sortBy) return;
      const direction = column.name !== state.by ? "none" : state.up ? "ascending" : "descending";
      heads[place].setAttribute("aria-sort", direction);
    });
    sorting.value = state.by;
    body.replaceChildren(...shown.flatMap(lines));
    if (!shown.length) body.append(el("tr", {}, el("td", { class: "empty", colspan: columns.length, text: "Nothing fits the filter." })));
    found.textContent = all.length === rows.length ? "" : `${all.length} of ${rows.length}`;
    position.textContent = `${shown.length ? first + 1 : 0} to ${first + shown.length} of ${all.length}`;
    back.disabled = state.page === 0;
    next.disabled = state.page === pages - 1;
    pager.hidden = pages === 1;
  }

  function lines(row) {
    const line = el("tr", { class: "row", "data-testid": `${id}-row` },
      ...columns.map((column) => el("td", { class: column.className, "data-label": column.label }, ...[column.cell(row)].flat())));
    if (!open || !canOpen(row)) return [line];
    line.classList.add("opens");
    // Kept while it is not on the page, so that what is open stays as it is, also on paper.
    const place = state.details.get(row.number) || el("tr", { class: "detail", id: `${id}-detail-${row.number}`, hidden: true });
    state.details.set(row.number, place);
    const button = el("button", { type: "button", "aria-label": `Show why: ${row.title}`, "data-testid": "expand", "aria-controls": place.id });
    const unfold = (isOpen) => {
      button.setAttribute("aria-expanded", String(isOpen));
      line.classList.toggle("is-open", isOpen);
      place.hidden = !isOpen;
      if (isOpen && !place.firstChild) {
        const cell = el("td", { colspan: columns.length, "data-testid": "detail" });
        place.append(cell);
        open(row, cell);
      }
    };
    button.addEventListener("click", (event) => { event.stopPropagation(); unfold(place.hidden); });
    line.addEventListener("click", (event) => {
      if (event.target.closest("a, button") || String(getSelection())) return;
      unfold(place.hidden);
    });
    line.querySelector(".fold").append(button);
    unfold(!place.hidden);
    return [line, place];
  }
}
