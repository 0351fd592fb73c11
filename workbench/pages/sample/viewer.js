// The viewer of one sample: clip, prompt, attention maps, lens, answers, curves. Plain ES module: no build, no network.
//
// It speaks with Python by three synchronised values of `model` (anywidget's interface):
//   document  what does not change: frames, tokens, spans (workbench/widgets/document.py)
//   request   what is asked for: id, rows, heads, flow, first, last, cut
//   result    the answer: weights as float16 bytes, layer by layer, one number a row of the prompt
// A page without Python gives a model of the same shape: see `stored`.
// Texts go into the page as text only, never as HTML. There are no ids: several viewers may share a page.

const SVG = "http://www.w3.org/2000/svg";
const TRUE = "#009E73"; // of the true option
const FALSE = ["#CC79A7", "#E69F00", "#56B4E9", "#8a8a8a"]; // of the others

/** An element with properties and children; children that are strings become text. */
function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key === "style") Object.assign(node.style, value);
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  // JupyterLab takes keys for its own shortcuts, arrows on a slider too, unless the control itself says no.
  if (["button", "input", "select"].includes(tag)) node.dataset.lmSuppressShortcuts = "true";
  node.append(...children);
  return node;
}

function svg(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** Little-endian float16 (a DataView) as ordinary numbers. */
function halves(view) {
  const numbers = new Float32Array(view.byteLength / 2);
  for (let i = 0; i < numbers.length; i++) {
    const bits = view.getUint16(2 * i, true);
    const power = (bits >> 10) & 31;
    const part = bits & 1023;
    numbers[i] = power ? (1 + part / 1024) * 2 ** (power - 15) : part * 2 ** -24;
  }
  return numbers;
}

/** A weight as people read it. */
function shown(weight) {
  return weight === 0 ? "0" : weight >= 0.001 ? weight.toFixed(4) : weight.toExponential(1);
}

function percent(p) {
  return (100 * p).toFixed(1) + "%";
}

/** css colour of a place 0..1 on the heat scale: stops of [place, red, green, blue, alpha]. */
function heatColor(stops, place) {
  const at = Math.min(1, Math.max(0, place));
  let k = 1;
  while (k < stops.length - 1 && stops[k][0] < at) k++;
  const [low, high] = [stops[k - 1], stops[k]];
  const t = (at - low[0]) / (high[0] - low[0]);
  const [r, g, b, a] = [1, 2, 3, 4].map((i) => low[i] + (high[i] - low[i]) * t);
  return `rgba(${Math.round(r)},${Math.round(g)},${Math.round(b)},${a.toFixed(3)})`;
}

/** The ends of the colour scale, log10(floor + weight) over the video's cells of every layer. */
function bounds(doc, maps) {
  const seen = [];
  for (const map of maps) {
    for (let l = 0; l < doc.layers.length; l++) {
      for (const row of doc.cells) {
        const weight = map[l * doc.rows + row];
        if (weight > 0) seen.push(weight);
      }
    }
  }
  if (!seen.length) return [Math.log10(doc.floor), Math.log10(doc.floor * 11)];
  seen.sort((a, b) => a - b);
  const low = seen[Math.floor(0.02 * (seen.length - 1))];
  const high = Math.max(seen[seen.length - 1], 10 * low, doc.floor);
  return [Math.log10(doc.floor + low), Math.log10(doc.floor + high)];
}

/** Number of a word of the lens: place of the layer, unit, row and column of the cell. */
function wordAt(doc, place, index) {
  return doc.words.cells[place * doc.cells.length + index];
}

/** Points in runs, without those that have no value. */
function runs(points) {
  const found = [[]];
  for (const point of points) point[1] === null ? found.push([]) : found.at(-1).push(point);
  return found.filter((run) => run.length);
}

/** A chart of lines over layers; the layer on show is marked. `lines`: label, color, width, points [layer, value]. */
function lineChart(lines, { low, high, ticks, layer, depth }) {
  const width = 380, height = 190, left = 44, bottom = 18, right = 6;
  const x = (l) => left + ((l - 1) / Math.max(1, depth - 1)) * (width - left - right);
  const y = (value) => 6 + ((high - value) / (high - low)) * (height - bottom - 6);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "wbv-chart" });
  chart.append(svg("line", { x1: x(layer), x2: x(layer), y1: 4, y2: height - bottom, class: "wbv-now" }));
  for (const value of ticks) {
    chart.append(svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: value ? "#e4e4e4" : "#999" }));
    chart.append(svg("text", { x: left - 4, y: y(value) + 4, "text-anchor": "end" }, `${Math.round(value)}%`));
  }
  for (const line of lines) {
    for (const run of runs(line.points)) {
      const drawn = svg("polyline", { points: run.map(([l, value]) => `${x(l)},${y(value)}`).join(" "),
        fill: "none", stroke: line.color, "stroke-width": line.width || 2, "stroke-dasharray": line.dash || "none" });
      drawn.append(svg("title", {}, line.label));
      chart.append(drawn);
    }
    for (const [l] of line.points.filter((one) => one[1] === null)) {
      const cross = svg("text", { x: x(l), y: y(0) + 4, "text-anchor": "middle", fill: line.color }, "×");
      cross.append(svg("title", {}, `${line.label}: no such edge in the model here`));
      chart.append(cross);
    }
  }
  const every = Math.ceil(depth / 14);
  for (let l = 1; l <= depth; l += every) chart.append(svg("text", { x: x(l), y: height - 4, "text-anchor": "middle" }, l));
  return chart;
}

function optionColor(option, k) {
  return option.true ? TRUE : FALSE[k % FALSE.length];
}

/** Names and colours. */
function keys(entries) {
  return h("div", { className: "wbv-legend" }, ...entries.map(({ text, color }) =>
    h("span", {}, h("i", { style: { background: color } }), text)));
}

/** Names of lines, with a piece of each. */
function lineKeys(lines) {
  return h("div", { className: "wbv-legend" }, ...lines.map((line) => {
    const sample = svg("svg", { width: 26, height: 8, class: "wbv-sample" });
    sample.append(svg("line", { x1: 0, x2: 26, y1: 4, y2: 4, stroke: line.color, "stroke-width": 2.5,
      "stroke-dasharray": line.dash || "none" }));
    return h("span", {}, sample, line.label);
  }));
}

function render({ model, el }) {
  const doc = model.get("document");
  const images = doc.frames.map((frame) => Object.assign(new Image(), { src: frame.source }));
  const state = { place: Math.floor((doc.layers.length - 1) / 2), frame: 0, heat: true, words: false };
  let result, maps, ends, waiting = 0, timer = null;

  // Controls
  const layer = h("input", { type: "range", min: 0, max: doc.layers.length - 1, value: state.place,
    className: "wbv-layer", ariaLabel: "layer", oninput: () => { state.place = +layer.value; draw(); } });
  const layerName = h("output", { className: "wbv-layer-name" });
  const heads = h("select", { ariaLabel: "heads", onchange: () => ask({ heads: heads.value }) });
  for (const choice of ["mean", "max", ...Array(doc.heads).keys()]) {
    const text = typeof choice === "number" ? `head ${choice}` : choice === "mean" ? "mean over heads" : "max over heads";
    heads.append(h("option", { value: String(choice) }, text));
  }
  const frame = h("input", { type: "range", min: 0, max: doc.frames.length - 1, value: 0, ariaLabel: "frame",
    oninput: () => { state.frame = +frame.value; draw(); } });
  const frameName = h("output", { className: "wbv-frame-name" });
  const play = h("button", { className: "wbv-play", onclick: toggle }, "▶ play");
  const boxes = {};
  const box = (text, key) => {
    const input = boxes[key] = h("input", { type: "checkbox", checked: state[key], className: `wbv-show-${key}`,
      onchange: () => {
        state[key] = input.checked;
        // Two colourings on one picture say nothing: words come without the heat, until it is asked for again.
        if (key === "words") state.heat = boxes.heat.checked = !state.words;
        draw();
      } });
    return h("label", {}, input, " " + text);
  };
  const cut = h("input", { type: "checkbox", className: "wbv-tick", onchange: () => ask({}) });
  const changed = () => { if (cut.checked) ask({}); };
  const entered = (event) => {
    if (event.key !== "Enter") return;
    cut.checked = true;
    ask({});
  };
  const flow = h("input", { type: "text", className: "wbv-flow", ariaLabel: "flow to cut", spellcheck: false,
    onchange: changed, onkeydown: entered });
  const number = (name) => h("input", { type: "number", min: 1, className: "wbv-number", ariaLabel: name,
    onchange: changed, onkeydown: entered });
  const first = number("first layer cut"), last = number("last layer cut");
  const status = h("div", { className: "wbv-status", role: "status" });
  const error = h("div", { className: "wbv-error", role: "alert" });

  // What is drawn
  const panels = [panel("untouched"), panel("cut")];
  const scale = h("div", { className: "wbv-scale" });
  const prompt = h("div", { className: "wbv-prompt" });
  const tokens = doc.tokens.map(token);
  const answers = h("div", { className: "wbv-answers" });
  const masses = h("div", { className: "wbv-masses" });
  const curves = h("div", { className: "wbv-curves" });
  const legend = keys(doc.kinds);
  prompt.append(...tokens.map((item) => item.node));

  const controls = [
    h("div", { className: "wbv-row" }, h("label", {}, "layer ", layer, layerName),
      doc.fixed ? h("span", { className: "wbv-dim" }, doc.fixed) : h("label", {}, heads),
      play, h("label", {}, "frame ", frame, frameName), box("heat", "heat"),
      ...(doc.words ? [box("words of the lens", "words")] : [])),
  ];
  if (!doc.fixed) {
    controls.push(h("div", { className: "wbv-row" }, h("label", {}, cut, " cut"), flow,
      h("label", {}, "in layers ", first), h("label", {}, "to ", last), status));
  }
  const title = h("div", { className: "wbv-title" }, h("b", {}, doc.title), ` in ${doc.model}`);
  const asked = h("div", { className: "wbv-query" });
  const root = h("div", { className: "wbv" }, title, ...controls, error, asked,
    h("div", { className: "wbv-panels" }, ...panels.map((one) => one.node)), scale,
    h("h4", {}, doc.fixed ? "Prompt: click a token in full colour" : "Prompt: click a token, or a cell of a frame above"),
    legend, prompt, h("div", { className: "wbv-charts" }, answers, masses, curves));
  el.replaceChildren(root);

  /** One state of the model: the current frame large, and all frames small. */
  function panel(name) {
    const large = h("canvas", { className: "wbv-large" }), strip = h("canvas", { className: "wbv-strip" });
    const head = h("div", { className: "wbv-head" }), told = h("div", { className: "wbv-told" }, "\u00a0");
    const one = { name, head, large, strip, told, at: [] };
    one.node = h("div", { className: "wbv-panel wbv-" + name }, head, large, strip, told);
    for (const canvas of [large, strip]) {
      canvas.addEventListener("mousemove", (event) => tell(one, canvas, event));
      canvas.addEventListener("mouseleave", () => { told.textContent = "\u00a0"; });
      canvas.addEventListener("click", (event) => {
        const cell = under(canvas, event);
        if (cell) query([doc.cells[cell.index]]);
      });
    }
    return one;
  }

  function token(entry) {
    if (entry.kind === "video") return { node: h("span", { className: "wbv-block" }, entry.text) };
    const kind = doc.kinds.find((one) => one.name === entry.kind);
    const bar = h("i", { className: "wbv-bar" });
    const node = h("button", { className: "wbv-token", title: `row ${entry.row}: ${entry.span}`,
      style: { background: kind.color, color: kind.ink }, onclick: () => query([entry.row]) }, entry.text, bar);
    node.dataset.row = entry.row;
    if (doc.available) node.disabled = !doc.available.includes(entry.row);
    return { node, bar, row: entry.row };
  }

  /** Ask Python for something; what is not named stays as it is. */
  function ask(change) {
    waiting = Math.max(waiting, model.get("request").id) + 1;
    status.textContent = "computing …";
    model.set("request", { ...model.get("request"), heads: heads.value, flow: flow.value, cut: cut.checked,
      first: +first.value, last: +last.value, ...change, id: waiting });
    model.save_changes();
  }

  function query(rows) {
    if (!doc.available || doc.available.includes(rows[0])) ask({ rows });
  }

  /** Take what Python answered. */
  function receive() {
    result = model.get("result");
    const cutMap = result.cut ? halves(result.cut.weights) : null;
    maps = [halves(result.weights), cutMap];
    ends = bounds(doc, maps.filter(Boolean));
    if (result.id >= waiting) status.textContent = "";
    error.textContent = result.error || "";
    draw();
  }

  function toggle() {
    if (timer) {
      clearInterval(timer);
      timer = null;
    } else {
      timer = setInterval(() => {
        state.frame = (state.frame + 1) % doc.frames.length;
        frame.value = state.frame;
        draw();
      }, 500);
    }
    play.textContent = timer ? "❚❚ pause" : "▶ play";
  }

  function draw() {
    if (!maps) return;
    layerName.textContent = ` ${doc.layers[state.place]} of ${doc.layers[doc.layers.length - 1]}`;
    const now = doc.frames[state.frame], at = doc.layers[state.place];
    frameName.textContent = ` ${now.label}, ${now.seconds} s`;
    const looks = `What ${result.query} looks at in layer ${at}`;
    const says = `the word that each cell would say after layer ${at}`;
    asked.textContent = !state.words ? looks : state.heat ? `${looks}, and ${says}` : says[0].toUpperCase() + says.slice(1);
    panels[0].head.textContent = "untouched";
    panels[1].head.textContent = result.cut ? "cut: " + result.cut.text : "";
    panels.forEach((one, which) => {
      one.node.style.display = maps[which] ? "" : "none";
      if (maps[which]) drawPanel(one, maps[which]);
    });
    drawTokens();
    drawScale();
    drawMasses();
    drawAnswers();
    drawCurves();
  }

  /** A canvas of this size in css pixels, sharp on any screen, cleared. */
  function prepared(canvas, width, height) {
    const sharp = globalThis.devicePixelRatio || 1;
    canvas.width = width * sharp;
    canvas.height = height * sharp;
    canvas.style.width = width + "px";
    canvas.style.height = height + "px";
    canvas.pictures = [];
    const context = canvas.getContext("2d");
    context.scale(sharp, sharp);
    return context;
  }

  function drawPanel(one, map) {
    const tall = doc.frames[0].height / doc.frames[0].width;
    // Words need room: a cell of 48 pixels, as far as the page has it.
    const room = Math.min(620, (root.clientWidth || 620) - 30);
    const side = state.words && one.name === "untouched" ? Math.max(205, Math.min(room, 48 * doc.grid[1])) : 205;
    const context = prepared(one.large, side, Math.round(side * tall));
    drawPicture(one.large, context, map, state.frame, [0, 0, side, Math.round(side * tall)]);
    const firsts = [];
    doc.frames.forEach((item, index) => { if (firsts[item.unit] === undefined) firsts[item.unit] = index; });
    const small = firsts.length > 16 ? 54 : 80, gap = 4, across = Math.min(firsts.length, small === 80 ? 4 : 6);
    const height = Math.round(small * tall), name = 13;
    const lines = Math.ceil(firsts.length / across);
    const pen = prepared(one.strip, across * (small + gap) - gap, lines * (height + gap + name) - gap);
    firsts.forEach((index, unit) => {
      const x = (unit % across) * (small + gap), y = Math.floor(unit / across) * (height + gap + name);
      pen.font = "11px sans-serif";
      pen.fillStyle = unit === doc.frames[state.frame].unit ? "#000" : "#777";
      pen.fillText(unit ? String(unit) : "frame 0", x, y + 10);
      drawPicture(one.strip, pen, map, index, [x, y + name, small, height]);
    });
  }

  /** A frame in grey with its heat, and where its cells are, for the mouse. */
  function drawPicture(canvas, context, map, index, [x, y, width, height]) {
    const heat = state.heat && doc.grid;
    context.filter = heat ? "grayscale(1) brightness(0.85)" : "none";
    if (images[index].complete) context.drawImage(images[index], x, y, width, height);
    context.filter = "none";
    if (!doc.grid) return;
    const [rows, columns] = doc.grid, unit = doc.frames[index].unit;
    const size = [width / columns, height / rows], start = unit * rows * columns;
    canvas.pictures.push({ x, y, width, height, unit });
    for (let k = 0; k < rows * columns; k++) {
      const [i, j] = [Math.floor(k / columns), k % columns];
      const weight = map[state.place * doc.rows + doc.cells[start + k]];
      const corner = [x + j * size[0], y + i * size[1]];
      if (heat) {
        const place = (Math.log10(doc.floor + weight) - ends[0]) / (ends[1] - ends[0]);
        context.fillStyle = heatColor(doc.heat, place);
        context.fillRect(corner[0], corner[1], size[0] + 0.3, size[1] + 0.3);
      }
      if (result.rows.includes(doc.cells[start + k])) {
        context.strokeStyle = "#00e5ff";
        context.lineWidth = 2;
        context.strokeRect(corner[0] + 1, corner[1] + 1, size[0] - 2, size[1] - 2);
      }
      // What the cells would say is known of the untouched model only.
      if (state.words && map === maps[0]) drawWord(context, wordAt(doc, state.place, start + k), corner, size);
    }
  }

  /** A word on a label in its list's colour; on small pictures the colour alone. */
  function drawWord(context, number, [x, y], [width, height]) {
    const list = doc.words.names[doc.words.lists[number]];
    if (width < 16) {
      if (!list) return;
      context.globalAlpha = 0.75;
      context.fillStyle = list.color;
      context.fillRect(x, y, width, height);
      context.globalAlpha = 1;
      return;
    }
    const size = Math.max(7, Math.min(11, width / 4)), tall = Math.min(height, size + 5);
    context.font = `${size}px sans-serif`;
    context.textAlign = "center";
    context.fillStyle = list ? list.color : "rgba(255,255,255,0.75)";
    context.fillRect(x + 1, y + (height - tall) / 2, width - 2, tall);
    context.fillStyle = list ? "#fff" : "#1a1a1a";
    context.fillText(doc.words.texts[number], x + width / 2, y + height / 2 + 0.35 * size, width - 4);
    context.textAlign = "start";
  }

  /** The cell under the mouse: its frame, row and column, and its number among all cells. */
  function under(canvas, event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const hit = canvas.pictures.find((one) => x >= one.x && y >= one.y && x < one.x + one.width && y < one.y + one.height);
    if (!hit) return null;
    const [rows, columns] = doc.grid;
    const i = Math.floor(((y - hit.y) / hit.height) * rows), j = Math.floor(((x - hit.x) / hit.width) * columns);
    return { unit: hit.unit, i, j, index: (hit.unit * rows + i) * columns + j };
  }

  function tell(one, canvas, event) {
    const cell = under(canvas, event);
    if (!cell) return;
    const map = maps[panels.indexOf(one)];
    const weight = map[state.place * doc.rows + doc.cells[cell.index]];
    const number = doc.words && one.name === "untouched" ? wordAt(doc, state.place, cell.index) : -1;
    const list = number < 0 ? null : doc.words.names[doc.words.lists[number]];
    const word = number < 0 ? "" : `; would say "${doc.words.texts[number]}"${list ? `, ${list.text}` : ""}`;
    one.told.textContent = `cell[${cell.unit},${cell.i},${cell.j}]: ${shown(weight)} of the attention${word}`;
  }

  /** The bar under a token grows with its weight: full from 0.1, in steps of the logarithm. */
  function drawTokens() {
    for (const { node, bar, row } of tokens) {
      if (!bar) continue;
      const weight = maps[0][state.place * doc.rows + row];
      const place = (Math.log10(doc.floor + weight) - Math.log10(doc.floor)) / (-1 - Math.log10(doc.floor));
      bar.style.width = `${Math.round(100 * Math.min(1, Math.max(0, place)))}%`;
      node.classList.toggle("wbv-chosen", result.rows.includes(row));
    }
  }

  function drawScale() {
    const stops = Array.from({ length: 21 }, (_, k) => heatColor(doc.heat, k / 20)).join(",");
    const value = (place) => shown(Math.max(0, 10 ** (ends[0] + place * (ends[1] - ends[0])) - doc.floor));
    const heat = h("div", {}, "attention weight: ≤ " + value(0),
      h("i", { className: "wbv-ramp", style: { background: `linear-gradient(90deg,${stops}), #999` } }), value(1));
    scale.replaceChildren(...(state.heat ? [heat] : []), ...(state.words ? [wordCounts()] : []));
  }

  /** How many cells of all frames say a word of each list, in the layer on show. */
  function wordCounts() {
    const counts = [...doc.words.names.map((list) => ({ ...list, n: 0 })), { text: "other words", color: "#d9d9d9", n: 0 }];
    for (let k = 0; k < doc.cells.length; k++) {
      const list = doc.words.lists[wordAt(doc, state.place, k)];
      counts[list < 0 ? counts.length - 1 : list].n += 1;
    }
    return keys(counts.map(({ text, color, n }) => ({ text: `${text}: ${n} of ${doc.cells.length} cells`, color })));
  }

  /** Stacked bars: the share of each span, a bar a layer; the one on show is framed. */
  function drawMasses() {
    const width = 380, height = 190, left = 34, bottom = 18;
    const parts = maps.map((map, which) => map && [map, which]).filter(Boolean);
    if (result.heads === "max") {
      masses.replaceChildren(h("h4", {}, "Where the attention goes"),
        h("p", { className: "wbv-dim" }, "Maxima over heads do not sum to 1: choose the mean or one head."));
      return;
    }
    const used = new Set();
    const charts = parts.map(([map, which]) => {
      const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "wbv-chart" });
      const step = (width - left) / doc.layers.length, tall = height - bottom - 4;
      doc.layers.forEach((name, l) => {
        let below = 0;
        doc.spans.forEach((span, s) => {
          const mass = span.rows.reduce((sum, row) => sum + map[l * doc.rows + row], 0);
          if (mass <= 0) return;
          used.add(s);
          const bar = svg("rect", { x: left + l * step + 1, y: 4 + tall * (1 - below - mass), width: Math.max(1, step - 2),
            height: tall * mass, fill: span.color });
          bar.append(svg("title", {}, `${span.name}, layer ${name}: ${percent(mass)}`));
          chart.append(bar);
          below += mass;
        });
        const every = Math.ceil(doc.layers.length / 14);
        if (l % every === 0) chart.append(svg("text", { x: left + (l + 0.5) * step, y: height - 4, "text-anchor": "middle" }, name));
      });
      chart.append(svg("rect", { x: left + state.place * step, y: 3, width: step, height: tall + 2, class: "wbv-frame" }));
      for (const share of [0, 0.5, 1]) {
        chart.append(svg("text", { x: left - 4, y: 8 + tall * (1 - share), "text-anchor": "end" }, `${100 * share}%`));
      }
      return h("div", {}, h("div", { className: "wbv-dim" }, which ? "cut" : "untouched"), chart);
    });
    const names = doc.spans.filter((_, s) => used.has(s));
    masses.replaceChildren(h("h4", {}, "Where the attention goes, by layer"), ...charts,
      keys(names.map((span) => ({ text: span.name, color: span.color }))));
  }

  function drawAnswers() {
    const sides = [["untouched", result.answer], ...(result.cut ? [["cut", result.cut.answer]] : [])];
    answers.replaceChildren(h("h4", {}, "Answer"), ...sides.map(([name, answer]) => h("div", {},
      h("div", { className: "wbv-dim" }, name),
      ...answer.options.map((one, k) => bar(one.text + (one.true ? " ✓" : ""), one.p, optionColor(one, k))),
      h("div", { className: "wbv-dim" }, "likeliest next tokens: " +
        answer.top.map((one) => `${one.text} ${percent(one.p)}`).join(", ")))),
      h("h4", {}, "What the last row would answer after each layer, untouched"), answerChart());
  }

  function answerChart() {
    const lines = doc.answer.map((line, k) => ({ label: line.text + (line.true ? " ✓" : ""),
      color: optionColor(line, k), width: line.true ? 2.5 : 1.5,
      points: line.p.map((p, l) => [l + 1, 100 * p]) }));
    // The true option is drawn last, so that it lies above the others.
    const chart = lineChart([...lines].sort((a, b) => a.width - b.width),
      { low: 0, high: 100, ticks: [0, 50, 100], layer: doc.layers[state.place], depth: doc.depth });
    return h("div", { className: "wbv-by-layer" }, chart, lineKeys(lines));
  }

  function bar(text, p, color) {
    return h("div", { className: "wbv-option" }, h("span", {}, text), h("span", { className: "wbv-track" },
      h("i", { style: { width: percent(p), background: color } })), h("span", {}, percent(p)));
  }

  /** The sample's curves of a sweep. */
  function drawCurves() {
    if (!doc.curves) return;
    const points = doc.curves.lines.flatMap((line) => line.points).filter((one) => one[1] !== null);
    const low = Math.min(-10, ...points.map((one) => one[1])), high = Math.max(10, ...points.map((one) => one[1]));
    const groups = [...new Set(doc.curves.lines.map((line) => line.group))].map((group) => {
      const lines = doc.curves.lines.filter((line) => line.group === group);
      const chart = lineChart(lines, { low, high, ticks: [low, 0, high], layer: doc.layers[state.place], depth: doc.depth });
      return h("div", {}, h("div", { className: "wbv-dim" }, group), chart, lineKeys(lines));
    });
    curves.replaceChildren(h("h4", {}, `Change of the answer's probability, ${doc.curves.windows} cut`), ...groups);
  }

  /** Show what was asked for last, also when a viewer is shown a second time. */
  function restore() {
    const request = model.get("request");
    heads.value = String(request.heads);
    cut.checked = request.cut;
    flow.value = request.flow;
    [first.value, last.value] = [request.first, request.last];
    first.max = last.max = doc.depth;
  }

  restore();
  receive();
  for (const image of images) image.addEventListener("load", draw);
  model.on("change:result", receive);
  return () => {
    clearInterval(timer);
    model.off("change:result", receive);
  };
}

/** A model without Python, for pages: the results of some rows, made before. */
function stored({ document: doc, first, results }) {
  const bytes = (text) => {
    const raw = atob(text);
    return new DataView(Uint8Array.from(raw, (letter) => letter.charCodeAt(0)).buffer);
  };
  const opened = (result, id) => ({ ...result, id, error: "", weights: bytes(result.weights),
    cut: result.cut && { ...result.cut, weights: bytes(result.cut.weights) } });
  const heads = first.heads === "mean" || first.heads === "max" ? `${first.heads} over heads` : `head ${first.heads}`;
  const values = {
    document: { ...doc, fixed: heads, available: Object.keys(results).map(Number) },
    request: { id: 0, rows: first.rows, heads: first.heads, flow: "", first: 1, last: 1, cut: false },
    result: opened(first, 0),
  };
  const listeners = new Set();
  return {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    on: (event, listener) => listeners.add(listener),
    off: (event, listener) => listeners.delete(listener),
    save_changes: () => {
      values.result = opened(results[values.request.rows[0]], values.request.id);
      listeners.forEach((listener) => listener());
    },
  };
}

export default { render };
