"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // The theme: the system's, unless its reader asks for the other.
  const theme = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const nameTheme = () => { theme.textContent = isDark() ? "Light page" : "Dark page"; };
  if (theme) {
    theme.hidden = false;
    theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
    dark.addEventListener("change", nameTheme);
    nameTheme();
  }

  // Tables: sorted by a heading, filtered by words and by what columns hold.
  const key = (cell) => cell.dataset.by ?? cell.textContent.trim();
  const compare = (numeric) => (a, b) => {
    if (a[0] === b[0]) return a[2] - b[2];
    if (a[0] === "") return 1;
    if (b[0] === "") return -1;
    const order = numeric ? Number(a[0]) - Number(b[0]) : a[0].localeCompare(b[0], undefined, { numeric: true });
    return order || a[2] - b[2];
  };
  const sortBy = (table, heading, descending) => {
    const place = heading.cellIndex;
    const body = table.tBodies[0];
    const numeric = heading.dataset.kind === "number";
    const rows = [...body.rows].map((row, at) => [key(row.cells[place]), row, at]);
    const order = compare(numeric);
    rows.sort((a, b) => {
      const found = order(a, b);
      // What has no number stays behind, whichever way.
      return descending && a[0] !== "" && b[0] !== "" && a[0] !== b[0] ? -found : found;
    });
    body.append(...rows.map((one) => one[1]));
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    for (const heading of table.tHead.rows[0].cells) {
      const button = heading.querySelector("button");
      button?.addEventListener("click", () => {
        sortBy(table, heading, heading.getAttribute("aria-sort") === "ascending");
      });
    }
  }

  for (const box of document.querySelectorAll(".filters[data-table]")) {
    const table = document.getElementById(box.dataset.table);
    const count = document.getElementById(`${box.dataset.table}-count`);
    const rows = [...table.tBodies[0].rows].map((row) => ({
      row,
      text: row.textContent.toLowerCase(),
      cells: [...row.cells].map(key),
      control: row.classList.contains("control"),
    }));
    const words = box.querySelector("input[type=search]");
    const choices = [...box.querySelectorAll("select[data-column]")];
    const controls = box.querySelector("input[data-controls]");
    const apply = () => {
      const wanted = words ? words.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
      let n = 0;
      for (const one of rows) {
        const shown =
          wanted.every((word) => one.text.includes(word)) &&
          choices.every((c) => c.value === "" || one.cells[Number(c.dataset.column)] === c.value.slice(1)) &&
          (!controls || controls.checked || !one.control);
        one.row.hidden = !shown;
        n += shown;
      }
      if (count) count.textContent = `${n} of ${rows.length} rows`;
    };
    box.addEventListener("input", apply);
    box.addEventListener("change", apply);
    const reset = box.querySelector("button[type=reset]");
    reset?.addEventListener("click", () => {
      if (words) words.value = "";
      for (const choice of choices) choice.value = "";
      if (controls) controls.checked = true;
      apply();
    });
    apply();
  }

  // Sets that do not compare are shown one at a time, where their reader wants it.
  for (const box of document.querySelectorAll("[data-chapters]")) {
    const chapters = [...document.querySelectorAll("section.set")];
    const choices = [...box.querySelectorAll("select")];
    const count = document.getElementById("chapters-count");
    const apply = () => {
      let n = 0;
      for (const chapter of chapters) {
        const shown = choices.every((c) => {
          const name = c.dataset.fact.replaceAll("_", "-");
          return c.value === "" || chapter.getAttribute(`data-${name}`) === c.value.slice(1);
        });
        chapter.hidden = !shown;
        n += shown;
      }
      count.textContent = `${n} of ${chapters.length} sets`;
    };
    box.addEventListener("change", apply);
    apply();
  }

  // Viewers: how much of the enhanced image lies over the original, as a share of what is seen of it.
  for (const element of document.querySelectorAll(".viewer[data-width]")) {
    const input = element.querySelector("input[type=range]");
    if (!input) continue;
    const svg = element.querySelector("svg");
    const clip = element.querySelector("clipPath rect");
    const edge = element.querySelector(".edge");
    const follow = () => {
      const seen = svg.viewBox.baseVal;
      const x = Math.round((seen.x + (seen.width * input.value) / 100) * 10) / 10;
      clip.setAttribute("width", Math.max(0, x));
      edge.setAttribute("x1", x);
      edge.setAttribute("x2", x);
    };
    input.addEventListener("input", follow);
    svg.addEventListener("part", follow);
    const drag = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const box = svg.getBoundingClientRect();
      input.value = Math.max(0, Math.min(100, (100 * (event.clientX - box.left)) / box.width));
      follow();
    };
    svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); drag(event); });
    svg.addEventListener("pointermove", drag);
  }
  for (const bar of document.querySelectorAll(".toolbar")) {
    const gallery = document.getElementById(bar.dataset.gallery);
    const window_ = document.getElementById(bar.dataset.window);
    const level = bar.querySelector("[data-level]");
    const width = bar.querySelector("[data-width]");
    const view = bar.querySelector("[data-view]");
    const truth = bar.querySelector("[data-truth]");
    const part = bar.querySelector("[data-part]");
    const closer = [...gallery.querySelectorAll("svg[data-closer]")].map((svg) => [svg, svg.getAttribute("viewBox")]);
    const apply = () => {
      gallery.classList.toggle("mode-change", view.value === "change");
      if (truth) gallery.classList.toggle("no-truth", !truth.checked);
      for (const [svg, whole] of closer) {
        svg.setAttribute("viewBox", part && part.value === "closer" ? svg.dataset.closer : whole);
        svg.dispatchEvent(new Event("part"));
      }
      const w = Number(width.value) / 100;
      const slope = 1 / w;
      const intercept = -(Number(level.value) / 100 - w / 2) / w;
      for (const f of window_.querySelectorAll("feFuncR, feFuncG, feFuncB")) {
        f.setAttribute("slope", slope);
        f.setAttribute("intercept", intercept);
      }
      // Filters cost time: none where every grey is shown as it is.
      gallery.classList.toggle("windowed", w !== 1 || level.value !== "50");
    };
    bar.addEventListener("input", apply);
    bar.addEventListener("change", apply);
    bar.querySelector("button[type=reset]").addEventListener("click", () => {
      level.value = 50;
      width.value = 100;
      apply();
    });
  }

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.of);
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = "Selected: copy it";
      }
    });
  }

  // Whatever is folded away is printed, too.
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details:not([open])")) { one.dataset.folded = ""; one.open = true; }
  });
  addEventListener("afterprint", () => {
    for (const one of document.querySelectorAll("details[data-folded]")) { one.open = false; delete one.dataset.folded; }
  });
})();
