"use strict";
(() => {
  const root = document.documentElement;
  const { config, figures } = JSON.parse(document.getElementById("charts").textContent);
  const records = [...document.querySelectorAll("tbody.record")];
  const drawn = [];

  async function draw() {
    for (const box of document.querySelectorAll(".chart")) {
      const spec = figures[box.dataset.figure][Number(box.dataset.panel)];
      const values = spec.datasets.points;
      try {
        const { view } = await vegaEmbed(
          box,
          { ...spec, config, width: "container", autosize: { type: "fit-x", contains: "padding" } },
          { renderer: "svg", actions: false, ast: true },
        );
        drawn.push({ view, values });
      } catch (error) {
        box.textContent = `This chart could not be drawn: ${error.message}`;
      }
    }
    root.dataset.ready = "true";
    filter();
  }

  function wanted() {
    const text = document.getElementById("filter-text").value.toLowerCase();
    const chosen = [...document.querySelectorAll(".filter select")].filter((one) => one.value);
    const fits = (record) =>
      record.dataset.text.toLowerCase().includes(text) &&
      chosen.every((one) => record.dataset[one.dataset.key] === one.value);
    return new Set(records.filter(fits).map((record) => record.dataset.id));
  }

  function filter() {
    const ids = wanted();
    for (const record of records) record.hidden = !ids.has(record.dataset.id);
    for (const line of document.querySelectorAll("tr[data-ids]")) {
      line.hidden = !line.dataset.ids.split(" ").some((id) => ids.has(id));
    }
    for (const { view, values } of drawn) {
      const left = values.filter((value) => ids.has(String(value.id)));
      view.data("points", left).runAsync();
    }
    document.getElementById("count").textContent = `${ids.size} of ${records.length} records`;
  }

  function sort(head) {
    const heads = [...head.parentElement.children];
    const upwards = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
    const place = heads.indexOf(head);
    const table = head.closest("table");
    const apart = table.tBodies.length > 1; // a record is a body of its own: its lines stay together
    const lines = apart ? [...table.tBodies] : [...table.tBodies[0].rows];
    const cellOf = (line) => (apart ? line.rows[0] : line).cells[place];
    const keyed = lines.map((line) => [key(cellOf(line)), line]);
    keyed.sort(([one], [other]) => compare(one, other, upwards));
    (apart ? table : table.tBodies[0]).append(...keyed.map(([, line]) => line));
  }

  function key(cell) {
    return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort);
  }

  function compare(one, other, upwards) {
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1; // what is missing: last
    const order = typeof one === "number" ? one - other : one.localeCompare(other);
    return upwards ? order : -order;
  }

  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => sort(button.closest("th")));
  }
  for (const control of document.querySelectorAll(".filter input, .filter select")) {
    control.addEventListener("input", filter);
  }
  document.getElementById("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details:not([open])")) {
      one.open = true;
      one.dataset.printed = "true";
    }
  });
  addEventListener("afterprint", () => {
    for (const one of document.querySelectorAll("details[data-printed]")) {
      one.open = false;
      delete one.dataset.printed;
    }
  });
  draw();
})();
