"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const study = JSON.parse($("study").textContent);
  const trials = study.trials;
  const store = `radbench-reader-study:${study.study}:${study.reader}`;
  const ranking = study.design === "ranking", preference = study.design === "preference";
  const one = { ranking: "case", rating: "image", preference: "pair", detection: "image" }[study.design];
  const fileName = `answers-${study.study.slice(0, 9)}-reader-${study.reader}.csv`;
  const COLUMNS = ["study", "reader", "trial", "image", "answer", "milliseconds", "answered_unix", "check"];

  // Answers ------------------------------------------------------------------------------------------------------

  let state = { format: 1, answers: {}, place: 0, part: 0 };
  let unsaved = false, exported = true;

  function readStore() {
    try {
      const kept = JSON.parse(localStorage.getItem(store));
      if (kept && kept.format === 1) state = kept;
    } catch {
      warn("This browser keeps nothing: save your answers as a file before you close the page.");
      unsaved = true;
    }
  }

  function save() {
    try {
      localStorage.setItem(store, JSON.stringify(state));
      const now = new Date();
      $("saved").textContent = `saved ${String(now.getHours()).padStart(2, "0")}:${String(now.getMinutes()).padStart(2, "0")}`;
      unsaved = false;
    } catch {
      warn("Your answers could not be kept in this browser: save them as a file before you close the page.");
      $("saved").textContent = "not saved";
      unsaved = true;
    }
  }

  function warn(text) {
    $("warning").textContent = text;
    $("warning").hidden = false;
  }

  const answerOf = (trial) => (state.answers[trial.id] ??= { grades: {}, done: false, ms: 0, at: 0 });
  const isDone = (trial) => Boolean(state.answers[trial.id]?.done);
  const doneCount = () => trials.filter(isDone).length;
  const isWhole = (trial) => trial.images.every((image) => image in answerOf(trial).grades);

  // CRC-32 of IEEE 802.3: what was changed by hand, or cut off, is noticed when the file is read.
  const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n >>> 0;
  });
  function check(text) {
    let crc = 0xffffffff;
    for (const byte of new TextEncoder().encode(text)) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
    return `c${((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0")}`;
  }

  function csv() {
    const lines = [COLUMNS.join(",")];
    for (const trial of trials.filter(isDone)) {
      const given = answerOf(trial);
      for (const image of trial.images) {
        const cells = [study.study, study.reader, trial.id, image, given.grades[image], Math.round(given.ms), given.at];
        lines.push([...cells, check(cells.join("|"))].join(","));
      }
    }
    return lines.join("\r\n") + "\r\n";
  }

  function exportAnswers() {
    const link = document.createElement("a");
    const address = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.href = address;
    link.download = fileName;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
    exported = true;
    const told = $("told");
    if (told) told.textContent = `Saved as ${fileName} among your downloads.`;
  }

  async function importAnswers(file) {
    const [head, ...lines] = (await file.text()).replace(/^\ufeff/, "").trim().split(/\r?\n/);
    if (head !== COLUMNS.join(",")) return `${file.name} is no file of answers that this page wrote.`;
    const known = new Map(trials.map((trial) => [trial.id, trial]));
    const found = {};
    for (const line of lines) {
      const cells = line.split(",");
      const [name, reader, id, image, answer, ms, at] = cells;
      if (name !== study.study) return `${file.name} is of another study.`;
      if (reader !== String(study.reader)) return `${file.name} is of reader ${reader}; this page is reader ${study.reader}'s.`;
      if (check(cells.slice(0, -1).join("|")) !== cells.at(-1) || !known.get(id)?.images.includes(image)) {
        return `${file.name} was changed or is damaged, and nothing of it was taken.`;
      }
      const given = (found[id] ??= { grades: {}, done: true, ms: Number(ms), at: Number(at) });
      given.grades[image] = Number(answer);
    }
    let taken = 0;
    for (const [id, given] of Object.entries(found)) {
      if (known.get(id).images.every((image) => image in given.grades) && !(state.answers[id]?.at > given.at)) {
        state.answers[id] = given;
        taken += 1;
      }
    }
    save();
    return `${taken} answers taken from ${file.name}.`;
  }

  // Images -------------------------------------------------------------------------------------------------------

  const pictures = new Map();
  const KEPT = 24;

  function picture(id) {
    if (pictures.has(id)) {
      const found = pictures.get(id);
      pictures.delete(id);
      pictures.set(id, found);
      return found;
    }
    const made = decode($(id));
    pictures.set(id, made);
    for (const old of [...pictures.keys()].slice(0, -KEPT)) pictures.delete(old);
    return made;
  }

  async function decode(node) {
    if (!node) throw new Error("an image is missing from this page: get another copy of it");
    const text = atob(node.textContent.trim());
    const packed = Uint8Array.from(text, (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const raw = new Uint8Array(await new Response(stream).arrayBuffer());
    const width = Number(node.dataset.width), height = Number(node.dataset.height), n = width * height;
    const palette = node.dataset.palette ? Uint16Array.from(node.dataset.palette.split(",").map(Number)) : null;
    if (raw.length !== (palette ? n : 2 * n)) throw new Error("an image of this page is damaged: get another copy of it");
    const grey = new Uint16Array(n), mask = palette ? 0xff : 0xffff;
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const guess = y && x ? (grey[i - 1] + grey[i - width]) >> 1 : x ? grey[i - 1] : y ? grey[i - width] : 0;
        grey[i] = ((palette ? raw[i] : (raw[i] << 8) | raw[n + i]) + guess) & mask;
      }
    }
    if (palette) for (let i = 0; i < n; i++) grey[i] = palette[grey[i]];
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    return { width, height, white: Number(node.dataset.white), grey, canvas, shown: "" };
  }

  // The view: one for all images of a trial, so that none is seen in another window than the rest ------------------

  const wholeView = () => ({ x: 0.5, y: 0.5, zoom: 1, width: 1, level: 0.5, inverted: false });
  let view = wholeView(), panels = [], active = 0, alone = false, drawing = 0;

  function windowed(image) {
    const name = `${view.width},${view.level},${view.inverted}`;
    if (image.shown === name) return;
    image.shown = name;
    const table = new Uint32Array(image.white + 1), low = view.level - view.width / 2;
    for (let g = 0; g <= image.white; g++) {
      let v = Math.round(255 * Math.min(1, Math.max(0, (g / image.white - low) / view.width)));
      if (view.inverted) v = 255 - v;
      table[g] = 0xff000000 | (v << 16) | (v << 8) | v;
    }
    const context = image.canvas.getContext("2d");
    const data = context.createImageData(image.width, image.height);
    const pixels = new Uint32Array(data.data.buffer);
    for (let i = 0; i < pixels.length; i++) pixels[i] = table[image.grey[i]];
    context.putImageData(data, 0, 0);
  }

  const scaleOf = (panel) => view.zoom * Math.min(panel.canvas.width / panel.image.width, panel.canvas.height / panel.image.height);

  function draw() {
    drawing = 0;
    for (const panel of panels) {
      if (!panel.image || (alone && panel !== panels[active])) continue;
      const box = panel.canvas.getBoundingClientRect(), dense = window.devicePixelRatio || 1;
      const w = Math.max(1, Math.round(box.width * dense)), h = Math.max(1, Math.round(box.height * dense));
      if (panel.canvas.width !== w || panel.canvas.height !== h) {
        panel.canvas.width = w;
        panel.canvas.height = h;
      }
      windowed(panel.image);
      const context = panel.canvas.getContext("2d"), scale = scaleOf(panel);
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.fillStyle = "#000";
      context.fillRect(0, 0, w, h);
      context.imageSmoothingEnabled = scale < 3;
      context.imageSmoothingQuality = "high";
      context.setTransform(scale, 0, 0, scale, w / 2 - view.x * panel.image.width * scale, h / 2 - view.y * panel.image.height * scale);
      context.drawImage(panel.image.canvas, 0, 0);
    }
    const changed = view.zoom !== 1 || view.width !== 1 || view.level !== 0.5 || view.inverted;
    $("view").hidden = !changed || $("panels").hidden;
    $("view").textContent =
      `window ${Math.round(100 * view.width)} % at ${Math.round(100 * view.level)} %` +
      `${view.inverted ? ", inverted" : ""} · zoom ${view.zoom.toFixed(1)}`;
  }

  function redraw() {
    drawing ||= requestAnimationFrame(draw);
  }

  const limit = (value, low, high) => Math.min(high, Math.max(low, value));

  function setWindow(width, level) {
    view.width = limit(width, 0.02, 2);
    view.level = limit(level, -0.5, 1.5);
    redraw();
  }

  function move(dx, dy) {
    view.x = limit(view.x + dx, 0, 1);
    view.y = limit(view.y + dy, 0, 1);
    redraw();
  }

  function zoomTo(zoom, panel, px, py) {
    const before = scaleOf(panel);
    view.zoom = limit(zoom, 1, 32);
    const after = scaleOf(panel);
    // The point under the pointer stays where it is.
    if (px !== undefined) {
      view.x += (px * (1 / before - 1 / after)) / panel.image.width;
      view.y += (py * (1 / before - 1 / after)) / panel.image.height;
    }
    if (view.zoom === 1) view.x = view.y = 0.5;
    move(0, 0);
  }

  function reset() {
    view = wholeView();
    redraw();
  }

  function listen(panel, k) {
    const canvas = panel.canvas, held = new Map();
    let kind = "";
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => {
      activate(k);
      canvas.setPointerCapture(event.pointerId);
      held.set(event.pointerId, event);
      kind = event.button !== 0 || event.shiftKey ? "move" : "window";
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => {
      const last = held.get(event.pointerId);
      if (!last || !panel.image) return;
      const dx = event.clientX - last.clientX, dy = event.clientY - last.clientY;
      held.set(event.pointerId, event);
      const dense = window.devicePixelRatio || 1, scale = scaleOf(panel) / dense;
      if (held.size > 1) {
        const [a, b] = [...held.values()], [c, d] = event === a ? [last, b] : [a, last];
        const spread = (p, q) => Math.hypot(p.clientX - q.clientX, p.clientY - q.clientY);
        zoomTo(view.zoom * (spread(a, b) / Math.max(1, spread(c, d))), panel);
        move(-dx / 2 / scale / panel.image.width, -dy / 2 / scale / panel.image.height);
      } else if (kind === "move") move(-dx / scale / panel.image.width, -dy / scale / panel.image.height);
      else setWindow(view.width * Math.exp(dx / 300), view.level + (view.width * dy) / 500);
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => held.delete(event.pointerId));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (!panel.image) return;
      const box = canvas.getBoundingClientRect(), dense = window.devicePixelRatio || 1;
      const px = (event.clientX - box.left - box.width / 2) * dense, py = (event.clientY - box.top - box.height / 2) * dense;
      zoomTo(view.zoom * Math.exp(-event.deltaY / 400), panel, px, py);
    }, { passive: false });
    canvas.addEventListener("dblclick", () => single(!alone));
  }

  // A trial on the screen ------------------------------------------------------------------------------------------

  let shown = null, since = 0;

  function clock() {
    if (shown && since) answerOf(shown).ms += performance.now() - since;
    since = shown && document.visibilityState === "visible" ? performance.now() : 0;
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function makePanel(id, k, letter, judged) {
    const root = element("section", `panel${judged ? "" : " reference"}`), box = element("div", "picture");
    const canvas = element("canvas"), strip = element("div", "strip");
    root.tabIndex = -1;
    root.setAttribute("aria-label", judged ? `image ${letter}` : letter);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", judged ? `image ${letter}` : `${letter}, for comparison`);
    box.append(canvas);
    strip.append(element("span", "letter", letter));
    const buttons = judged ? gradeButtons(id) : [];
    if (ranking && judged) strip.append(element("span", "end", study.labels[0]), ...buttons, element("span", "end", study.labels.at(-1)));
    else strip.append(...buttons);
    if (!judged) strip.append(element("span", "end", "for comparison"));
    root.append(box, strip);
    const panel = { id, root, canvas, buttons, judged, image: null };
    strip.addEventListener("pointerdown", () => activate(k));
    listen(panel, k);
    picture(id).then((image) => {
      panel.image = image;
      canvas.dataset.ready = "yes";
      redraw();
    }, (error) => warn(error.message));
    return panel;
  }

  function gradeButtons(id) {
    if (preference) {
      const key = String(shown.images.indexOf(id) + 1);
      return [button("grade", "This one", key, () => prefer(id), 2)];
    }
    return study.labels.map((label, k) => {
      const made = button("grade", ranking ? String(k + 1) : label || "", ranking ? "" : String(k + 1), () => grade(id, k + 1), k + 1);
      made.setAttribute("aria-label", label ? `${k + 1}, ${label}` : String(k + 1));
      return made;
    });
  }

  function button(className, text, key, act, value) {
    const made = element("button", className);
    made.type = "button";
    made.dataset.value = value;
    if (key) made.append(element("kbd", "", key), " ");
    made.append(text);
    made.addEventListener("click", act);
    return made;
  }

  function show(place) {
    clock();
    since = 0;
    state.place = place;
    shown = trials[place] ?? null;
    if (!shown) return finish();
    if (shown.part > state.part) return rest(shown.part);
    // A button that is hidden keeps the focus until the next frame, and would take an Enter that comes before.
    document.activeElement?.blur();
    $("screen").hidden = true;
    for (const id of ["panels", "foot", "progress", "export"]) $(id).hidden = false;
    view = wholeView();
    alone = false;
    const ids = [...(shown.reference ? [shown.reference] : []), ...shown.images];
    let letters = 0;
    panels = ids.map((id, k) => {
      const judged = id !== shown.reference || k > 0;
      const letter = judged ? (shown.images.length > 1 ? String.fromCharCode(65 + letters++) : "") : study.reference;
      return makePanel(id, k, letter, judged);
    });
    $("panels").replaceChildren(...panels.map((panel) => panel.root));
    $("panels").classList.remove("alone");
    $("question").textContent = study.question;
    $("neither").hidden = !(preference && study.ties);
    since = document.visibilityState === "visible" ? performance.now() : 0;
    arrange();
    activate(firstOpen());
    refresh();
    const later = trials[place + 1];
    if (later) for (const id of [later.reference, ...later.images]) if (id) picture(id).catch(() => {});
  }

  function firstOpen() {
    const k = panels.findIndex((panel) => panel.judged && !(panel.id in answerOf(shown).grades));
    return k < 0 ? panels.findIndex((panel) => panel.judged) : k;
  }

  function arrange() {
    // As many columns as show the images largest.
    const box = $("stage").getBoundingClientRect(), n = alone ? 1 : panels.length, strip = 52;
    const shape = shown.shape;
    let best = 1, most = 0;
    for (let columns = 1; columns <= n; columns++) {
      const rows = Math.ceil(n / columns);
      const scale = Math.min(box.width / columns / shape[1], (box.height / rows - strip) / shape[0]);
      if (scale > most * 1.001) [best, most] = [columns, scale];
    }
    $("panels").style.gridTemplateColumns = `repeat(${best}, minmax(0, 1fr))`;
    $("panels").style.gridAutoRows = "minmax(0, 1fr)";
    redraw();
  }

  function activate(k) {
    active = k;
    panels.forEach((panel, i) => panel.root.classList.toggle("active", i === k));
    if (alone) redraw();
  }

  function single(on) {
    alone = on && panels.length > 1;
    $("panels").classList.toggle("alone", alone);
    arrange();
    refresh();
  }

  function refresh() {
    const given = answerOf(shown);
    for (const panel of panels) {
      for (const made of panel.buttons) made.setAttribute("aria-pressed", String(given.grades[panel.id] === Number(made.dataset.value)));
    }
    if (preference) $("neither").setAttribute("aria-pressed", String(shown.images.every((id) => given.grades[id] === 1)));
    $("neither").className = "grade";
    $("next").disabled = !isWhole(shown);
    $("back").disabled = state.place === 0;
    progress(`${one} ${state.place + 1} of ${trials.length}`);
    $("hint").textContent = isWhole(shown) ? "Enter goes on; you can still change it."
      : alone && panels.length > 1 ? "One image alone: ← → change it in place, M shows all."
      : ranking ? `Keys 1 to ${study.labels.length} rank the marked image${study.ties ? "; equal ranks are allowed" : ""}.`
      : preference ? `Keys 1 and 2 choose${study.ties ? ", 3 is for neither" : ""}.`
      : `Keys 1 to ${study.labels.length}.`;
  }

  function progress(text) {
    const done = doneCount();
    $("count").textContent = text;
    $("bar").style.width = `${(100 * done) / trials.length}%`;
    $("track").setAttribute("aria-valuemax", trials.length);
    $("track").setAttribute("aria-valuenow", done);
  }

  function answered() {
    const given = answerOf(shown);
    given.at = Math.floor(Date.now() / 1000);
    if (given.done) given.done = isWhole(shown);
    exported = false;
    clock();
    save();
    refresh();
  }

  function grade(id, value) {
    const grades = answerOf(shown).grades;
    if (ranking && !study.ties) for (const other of shown.images) if (other !== id && grades[other] === value) delete grades[other];
    grades[id] = value;
    answered();
    if (ranking && !alone) activate(isWhole(shown) ? panels.findIndex((panel) => panel.id === id) : firstOpen());
  }

  function prefer(id) {
    for (const image of shown.images) answerOf(shown).grades[image] = id === null ? 1 : image === id ? 2 : 0;
    answered();
  }

  function next() {
    if (!shown || !isWhole(shown)) return;
    answerOf(shown).done = true;
    clock();
    const place = state.place + 1;
    state.place = place;
    save();
    show(place);
  }

  function back() {
    if (state.place > 0) show(state.place - 1);
  }

  // Screens --------------------------------------------------------------------------------------------------------

  function screen(...children) {
    shown = null;
    since = 0;
    for (const id of ["panels", "foot", "view"]) $(id).hidden = true;
    progress(`${doneCount()} of ${trials.length} done`);
    $("progress").hidden = doneCount() === 0;
    $("screen").hidden = false;
    $("screen").replaceChildren(...children);
    $("screen").scrollTop = 0;
    $("screen").querySelector("button.main")?.focus();
  }

  function row(...children) {
    const made = element("div", "row");
    made.append(...children);
    return made;
  }

  function mainButton(text, act) {
    const made = element("button", "main", text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  function begin() {
    $("export").hidden = doneCount() === 0;
    const started = doneCount() > 0 || Object.keys(state.answers).length > 0;
    const first = trials.findIndex((trial) => !isDone(trial));
    const told = element("p", "quiet");
    told.id = "told";
    const pick = element("label", "file", "Go on from a saved file of answers");
    const input = element("input");
    input.type = "file";
    input.accept = ".csv,text/csv";
    input.addEventListener("change", async () => {
      const said = await importAnswers(input.files[0]);
      begin();
      $("told").textContent = said;
    });
    pick.append(input);
    const checked = element("canvas");
    checked.id = "check";
    const table = element("table");
    table.replaceChildren(...keyRows());
    screen(
      element("h2", "", study.title),
      element("p", "", study.question),
      ...study.instructions.map((text) => element("p", "", text)),
      element("p", "quiet", `${trials.length} ${one}s${study.again ? "; some come twice" : ""}. Every answer is kept in this browser at once: you may close the page and go on later, on this computer.`),
      row(mainButton(started ? (first < 0 ? "See the last one again" : `Go on with ${one} ${first + 1}`) : "Begin", () => show(first < 0 ? trials.length - 1 : first)), pick),
      told,
      element("h3", "", "Your screen"),
      element("p", "quiet", "In a dim room, you should just see the small squares in the darkest and in the lightest field. If not, adjust the screen first."),
      checked,
      element("h3", "", "Keys and mouse"),
      table,
    );
    drawCheck(checked);
  }

  function drawCheck(canvas) {
    const box = canvas.getBoundingClientRect(), dense = window.devicePixelRatio || 1, n = 11;
    canvas.width = Math.round(box.width * dense);
    canvas.height = Math.round(box.height * dense);
    const context = canvas.getContext("2d"), w = canvas.width / n, h = canvas.height;
    const fill = (value, ...where) => {
      const v = Math.round(255 * value);
      context.fillStyle = `rgb(${v} ${v} ${v})`;
      context.fillRect(...where);
    };
    // The 5 % and 95 % squares of the SMPTE RP 133 pattern in 0 % and 100 %.
    for (let k = 0; k < n; k++) fill(k / (n - 1), Math.floor(k * w), 0, Math.ceil(w), h);
    fill(0.05, w * 0.3, h * 0.3, w * 0.4, h * 0.4);
    fill(0.95, (n - 1) * w + w * 0.3, h * 0.3, w * 0.4, h * 0.4);
  }

  function rest(part) {
    const parts = trials.at(-1).part + 1;
    screen(
      element("h2", "", `Part ${part} of ${parts} is done`),
      element("p", "", study.rest),
      row(mainButton(`Begin part ${part + 1}`, () => {
        state.part = part;
        save();
        show(state.place);
      })),
    );
  }

  function finish() {
    const missing = trials.findIndex((trial) => !isDone(trial));
    if (missing >= 0) return show(missing);
    const told = element("p", "quiet");
    told.id = "told";
    screen(
      element("h2", "", `All ${trials.length} ${one}s are judged. Thank you!`),
      element("p", "", `Save your answers as a file, and send ${fileName} back to whoever gave you this page.`),
      row(mainButton("Save answers as a file", exportAnswers), backButton()),
      told,
    );
  }

  function backButton() {
    const made = element("button", "", `Back to the last ${one}`);
    made.type = "button";
    made.addEventListener("click", () => show(trials.length - 1));
    return made;
  }

  // Keys -----------------------------------------------------------------------------------------------------------

  function keyRows() {
    const n = study.labels.length;
    const rows = [
      ranking ? [`1 to ${n}`, "rank of the marked image"] : preference ? [study.ties ? "1 2 3" : "1 2", `the first, the second${study.ties ? ", no difference" : ""}`] : [`1 to ${n}`, "your answer"],
      ["Enter", "next"], ["Backspace", "back"],
      ...(ranking || preference ? [["← →", "mark another image"], ["M", "the marked image alone (double click); ← → then change it in place"]] : []),
      ["C V", "more, less contrast (drag to the left, right)"], ["B N", "brighter, darker (drag up, down)"],
      ["I", "invert"], ["+ −", "zoom (wheel)"], ["Shift + arrows", "move the image (right button, or Shift and drag)"],
      ["P", "one image pixel to one of the screen's"], ["R", "window, zoom and place as they were"],
      ["F", "full screen"], ["S", "save answers as a file"], ["?", "these keys"],
    ];
    return rows.map(([keys, what]) => {
      const made = element("tr"), head = element("th");
      keys.split(/( to | \+ | )/).forEach((part) => head.append(/^( to | \+ | )$/.test(part) ? part : element("kbd", "", part)));
      made.append(head, element("td", "", what));
      return made;
    });
  }

  function press(event) {
    if ($("help").open || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "?" || key === "h") return act(event, () => $("help").showModal());
    if (key === "s") return act(event, exportAnswers);
    if (key === "f") return act(event, () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()));
    if (!shown) return;
    const step = 0.08 / view.zoom, panel = panels[active];
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.shiftKey && moves[key]) return act(event, () => move(...moves[key]));
    const turn = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
    if (turn && panels.length > 1) return act(event, () => activate((active + turn + panels.length) % panels.length));
    const acts = {
      Backspace: back, m: () => single(!alone), Escape: () => single(false), r: reset,
      c: () => setWindow(view.width / 1.15, view.level), v: () => setWindow(view.width * 1.15, view.level),
      b: () => setWindow(view.width, view.level - 0.06 * view.width), n: () => setWindow(view.width, view.level + 0.06 * view.width),
      i: () => { view.inverted = !view.inverted; redraw(); },
      "+": () => zoomTo(view.zoom * 1.25, panel), "=": () => zoomTo(view.zoom * 1.25, panel), "-": () => zoomTo(view.zoom / 1.25, panel),
      p: () => zoomTo(view.zoom / scaleOf(panel), panel),
    };
    if (acts[key]) return act(event, acts[key]);
    if (event.repeat) return;
    // Enter on a button that has the focus is that button's.
    if (key === "Enter" && event.target.tagName !== "BUTTON") return act(event, next);
    if (/^[1-9]$/.test(key)) return act(event, () => digit(Number(key)));
  }

  function digit(value) {
    if (preference) {
      if (value <= 2) prefer(shown.images[value - 1]);
      else if (value === 3 && study.ties) prefer(null);
    } else if (value <= study.labels.length) {
      const panel = ranking ? panels[active] : panels.find((p) => p.judged);
      if (panel.judged) grade(panel.id, value);
    }
  }

  function act(event, what) {
    event.preventDefault();
    what();
  }

  // Begin ----------------------------------------------------------------------------------------------------------

  document.title = study.title;
  $("title").textContent = study.title;
  $("keytable").replaceChildren(...keyRows());
  $("keys").addEventListener("click", () => $("help").showModal());
  $("export").addEventListener("click", exportAnswers);
  $("next").addEventListener("click", () => { next(); $("next").blur(); });
  $("back").addEventListener("click", () => { back(); $("back").blur(); });
  $("neither").addEventListener("click", () => prefer(null));
  // A button that was clicked must not take the next Enter.
  document.addEventListener("click", (event) => { if (shown && event.detail) event.target.closest("button")?.blur(); });
  document.addEventListener("keydown", press);
  document.addEventListener("visibilitychange", () => { clock(); if (document.visibilityState === "hidden" && shown) save(); });
  window.addEventListener("pagehide", () => { if (shown) { clock(); save(); } });
  window.addEventListener("resize", () => { if (shown) arrange(); });
  // Another window of this page has gone on: what it kept counts.
  window.addEventListener("storage", (event) => {
    if (event.key !== store || !event.newValue) return;
    state = JSON.parse(event.newValue);
    warn("This page is open twice. Close one of the two: both write to the same answers.");
    if (shown) refresh();
  });
  window.addEventListener("beforeunload", (event) => { if (unsaved && !exported) event.preventDefault(); });
  if (typeof DecompressionStream === "undefined") {
    warn("This browser is too old for this page: it takes Chromium or Edge 103, Firefox 113 or Safari 16.4, or newer.");
  }
  readStore();
  begin();
})();
