// What report.html does beyond being read: figures tell the values that one points at, the network
// writes texts and scores them.  No text becomes markup; the page's policy allows nothing else.
"use strict";

// ---- The network: rnn/model.py, rnn/cells.py and rnn/sampling.py once more, for one stream -----

// The step of each cell, pointwise, as in rnn/cells.py: from what comes from below (z), r = W h and
// the biases, and from the state before it, h and c, to the new state in their place.
const CELLS = {
  vanilla(z, r, b, h) {
    for (let i = 0; i < h.length; i++) h[i] = Math.tanh(r[i] + z[i] + b[i]);
  },
  // The blocks of W are n, r, u, those of U r, u, n, those of b q, r, u, n.
  gru(z, r, b, h) {
    const m = h.length;
    for (let i = 0; i < m; i++) {
      const reset = sigmoid(r[m + i] + z[i] + b[m + i]);
      const update = sigmoid(r[2 * m + i] + z[m + i] + b[2 * m + i]);
      const n = Math.tanh(z[2 * m + i] + b[3 * m + i] + reset * (r[i] + b[i]));
      h[i] = n + update * (h[i] - n);
    }
  },
  // The gates are i, f, g, o.
  lstm(z, r, b, h, c) {
    const m = h.length;
    for (let j = 0; j < m; j++) {
      const [i, f, g, o] = [j, m + j, 2 * m + j, 3 * m + j].map((k) => r[k] + z[k] + b[k]);
      c[j] = sigmoid(f) * c[j] + sigmoid(i) * Math.tanh(g);
      h[j] = sigmoid(o) * Math.tanh(c[j]);
    }
  },
};

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

const floats = (base64) =>
  new Float64Array(new Float32Array(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer));

function product(matrix, vector, rows) {
  const result = new Float64Array(rows);
  for (let i = 0, at = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < vector.length; j++) sum += matrix[at++] * vector[j];
    result[i] = sum;
  }
  return result;
}

function softmax(o) {
  const largest = o.reduce((a, b) => Math.max(a, b));
  const powers = o.map((one) => Math.exp(one - largest));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((one) => one / total);
}

class Network {
  constructor(told) {
    this.step = CELLS[told.cell];
    this.layers = told.layers.map(({ W, U, b }) => ({ W: floats(W), U: floats(U), b: floats(b) }));
    [this.V, this.c, this.h] = [told.V, told.c, told.h].map(floats);
    this.x = told.x;
    this.end = told.end;
    this.characters = told.vocabulary.map((point) => String.fromCodePoint(point));
    this.ids = new Map(this.characters.map((character, id) => [character, id]));
  }

  // Reads a character: updates the state and returns the probabilities of the next one.
  read(state, x) {
    const [m, width] = [this.V.length / this.c.length, state.length / this.layers.length];
    let below = null;
    this.layers.forEach(({ W, U, b }, layer) => {
      const h = state.subarray(layer * width, layer * width + m);
      const c = state.subarray(layer * width + m, (layer + 1) * width);
      const rows = W.length / m;
      const z = below ? product(U, below, rows) : U.subarray(x * rows, (x + 1) * rows);
      this.step(z, product(W, h, rows), b, h, c);
      below = h;
    });
    return softmax(product(this.V, below, this.c.length).map((o, k) => o + this.c[k]));
  }

  // Yields {id, p} for each character: of a prime, whose first has no p, of a text to score, and of
  // those it chooses.  A prime takes the place of what came next in the training.
  *places({ prime = [], text = [], length = 0, choose }) {
    const [state, tail] = [Float64Array.from(this.h), []];
    let p = prime.length ? null : this.read(state, this.x);
    for (const id of [...prime, ...text]) {
      yield { id, p };
      p = this.read(state, id);
    }
    const ended = (id, i) => id === tail.at(i - this.end.length);
    while (tail.length < length && !(this.end.length && this.end.every(ended))) {
      tail.push(choose(p));
      yield { id: tail.at(-1), p };
      p = this.read(state, tail.at(-1));
    }
  }
}

// Uniform numbers in [0, 1), the same for the same seed: a counter in large steps, its bits mixed.
function generator(seed) {
  let counter = seed;
  return () => {
    counter = (counter + 0x9e3779b9) | 0;
    let bits = Math.imul(counter ^ (counter >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
}

// The characters from the likeliest on; of equals the first one first.
const ranked = (p) => [...p.keys()].sort((a, b) => p[b] - p[a] || a - b);

// Draws from the likeliest characters that reach topP together, at temperature 0 the likeliest.
function draw(p, uniform, temperature, topP) {
  const likeliest = p.indexOf(p.reduce((a, b) => Math.max(a, b)));
  if (temperature === 0) return likeliest;
  const q = p.map((one) => (one / p[likeliest]) ** (1 / temperature));
  const total = q.reduce((a, b) => a + b);
  let mass = topP < 1 ? 0 : total;
  for (const k of topP < 1 ? ranked(q) : []) {
    if (mass >= topP * total) q[k] = 0;
    mass += q[k];
  }
  let rest = uniform * mass;
  for (let k = 0; k < q.length; k++) {
    rest -= q[k];
    if (rest < 0) return k;
  }
  return likeliest; // where rounding left a rest
}

// ---- What is pointed at -------------------------------------------------------------------------

const element = (name, className, textContent) =>
  Object.assign(document.createElement(name), { className, textContent });

// Lets a reader point at the places of a box, touch them, or move among them by a slider's keys.
// `places` tells which is nearest to a point, and of each its area, the rows of the panel, and the
// same in words for screen readers; and it marks one.
function pointing(frame, places) {
  const [box, slider, panel] = frame.children;
  const hide = () => {
    panel.hidden = true;
    places.mark(-1);
  };
  const show = (place) => {
    panel.replaceChildren(...places.rows(place));
    panel.hidden = !panel.hasChildNodes();
    places.mark(place);
    slider.value = place;
    slider.ariaValueText = places.words(place);
    const [at, around] = [places.area(place), frame.getBoundingClientRect()];
    const fits = at.bottom + panel.offsetHeight + 8 < innerHeight || at.top < panel.offsetHeight;
    const top = fits ? at.bottom + 6 : at.top - panel.offsetHeight - 6;
    const left = Math.min(at.left - around.left - 10, around.width - panel.offsetWidth);
    panel.style.translate = `${Math.max(0, left)}px ${top - around.top}px`;
  };
  const point = ({ clientX, clientY }) => {
    const place = places.nearest(clientX, clientY);
    place >= 0 ? show(place) : hide();
  };
  const byMouse = (act) => (event) => event.pointerType === "mouse" && act(event);
  box.addEventListener("pointerdown", point);
  box.addEventListener("pointermove", byMouse(point));
  box.addEventListener("pointerleave", byMouse(hide));
  document.addEventListener("pointerdown", ({ target }) => frame.contains(target) || hide());
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  for (const type of ["focus", "input"]) slider.addEventListener(type, () => show(+slider.value));
  slider.addEventListener("blur", hide);
}

// Points of a figure are [x, y, words], shares of its width and height from its lower left.
function pointAt(frame) {
  const [points, [box, slider]] = [JSON.parse(frame.dataset.points), frame.children];
  const marker = box.lastElementChild;
  Object.assign(slider, { hidden: false, max: points.length - 1, value: 0 });
  pointing(frame, {
    nearest(left, top) {
      const area = box.getBoundingClientRect();
      const [x, y] = [(left - area.left) / area.width, (area.bottom - top) / area.height];
      const far = points.map(([a, b]) => (8 * (a - x)) ** 2 + (b - y) ** 2); // above, below: near
      return far.indexOf(Math.min(...far));
    },
    area: () => marker.getBoundingClientRect(),
    rows: (place) => [element("div", "", points[place][2])],
    words: (place) => points[place][2],
    mark(place) {
      marker.hidden = place < 0;
      const [x, y] = points[Math.max(place, 0)];
      Object.assign(marker.style, { left: `${100 * x}%`, bottom: `${100 * y}%` });
    },
  });
}

// ---- The section "Try it" -----------------------------------------------------------------------

const [SHOWN, SHADES] = [5, 9]; // alternatives; a shade a bit, the last for all less likely
const UNSEEN = /^[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]$/u;
const codePoint = (one) => `U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const percent = (p) => `${p < 5e-6 ? "<.001" : (100 * p).toFixed(p < 1e-3 ? 3 : 1)} %`;

// Shows texts in a part of the section, each character shaded by its probability.  Returns a
// function that shows places as they come; `finish` says what they took after the prime.
function shadedText(part, network, words) {
  const [status, frame] = part.querySelectorAll("[role=status], .pointed");
  const [[box, slider], spans, told] = [frame.children, [], []];
  const names = { " ": words.space, "\n": words.line_feed, "\t": words.tab };
  const nameOf = (id) => {
    const character = network.characters[id];
    const shown = /^\p{M}$/u.test(character) ? `\u25cc${character}` : character;
    return names[character] ?? (UNSEEN.test(character) ? codePoint(character) : shown);
  };
  pointing(frame, {
    nearest: (left, top) => spans.indexOf(document.elementFromPoint(left, top)),
    area: (place) => spans[place].getClientRects()[0],
    rows: (place) => told[place].top.map(([id, p]) => {
      const row = element("div", id === told[place].id ? "own" : "");
      row.append(element("span", "", nameOf(id)), element("span", "", percent(p)));
      row.style.setProperty("--p", p);
      return row;
    }),
    words(place) {
      const others = told[place].top.map(([id, p]) => `${nameOf(id)} ${percent(p)}`);
      return `${nameOf(told[place].id)}: ${others.join(", ") || words.first}`;
    },
    mark(place) {
      box.querySelector(".here")?.classList.remove("here");
      spans[place]?.classList.add("here");
    },
  });
  const add = ({ id, p }, primed) => {
    const character = network.characters[id];
    const bits = p ? -Math.log2(Math.max(p[id], 1e-38)) : 0;
    const top = p ? ranked(p).filter((k, rank) => rank < SHOWN || k === id) : [];
    const unseen = !names[character] && UNSEEN.test(character);
    const kind = unseen ? "code-point" : character === "\n" ? "end" : "";
    const all = `shade-${Math.min(Math.round(bits), SHADES - 1)} ${primed ? "prime" : ""} ${kind}`;
    spans.push(element("span", all, unseen ? codePoint(character) : character));
    told.push({ id, top: top.map((k) => [k, p[k]]) });
    box.append(spans.at(-1));
    return primed ? 0 : bits;
  };
  let next = 0;
  return (places, primed, finish) => {
    cancelAnimationFrame(next);
    [spans.length, told.length, slider.max] = [0, 0, 0];
    box.style.minHeight = `${box.offsetHeight}px`; // what follows stays where it is
    box.replaceChildren();
    let bits = 0;
    const go = () => {
      for (const end = performance.now() + 12; performance.now() < end; ) {
        const { value, done } = places.next();
        if (done) {
          box.style.minHeight = "";
          Object.assign(slider, { hidden: !spans.length, max: spans.length - 1 });
          status.textContent = finish(spans.length - primed, bits / (spans.length - primed));
          return;
        }
        bits += add(value, spans.length < primed);
      }
      next = requestAnimationFrame(go);
    };
    go();
  };
}

function tryIt(section) {
  const told = JSON.parse(section.dataset.network);
  if (!Object.hasOwn(CELLS, told.cell)) return;
  const [network, words] = [new Network(told), told.words];
  const control = (name) => section.querySelector(`[name="${name}"]`);
  const number = (name) => {
    const { value, min, max, defaultValue } = control(name);
    return Math.min(max, Math.max(min, value || defaultValue));
  };
  // The ids of what stands in a box, and what to say of the characters that are unknown.
  const read = (name) => {
    const [known, unknown] = [[], new Set()];
    for (const one of control(name).value) {
      network.ids.has(one) ? known.push(network.ids.get(one)) : unknown.add(one);
    }
    const characters = [...unknown].map((one) => `${one} (${codePoint(one)})`).join(", ");
    return [known, characters && fill(words.unknown, { characters })];
  };
  const measured = (length, bits, ...more) => {
    const characters = length.toLocaleString(document.documentElement.lang);
    const values = { characters, bits: bits.toFixed(2), perplexity: (2 ** bits).toFixed(2) };
    return [length ? fill(words.measured, values) : "", ...more].filter(Boolean).join(" ");
  };
  const [showWritten, showScored] = [...section.querySelectorAll(".part")].map((part) =>
    shadedText(part, network, words));
  const write = () => {
    const [temperature, topP] = ["temperature", "top_p"].map(number);
    const [first, second] = section.querySelectorAll("output");
    [first.value, second.value] = [temperature, topP].map((one) => one.toFixed(2));
    const [[prime, unknown], uniform] = [read("prime"), generator(Math.round(number("seed")))];
    const choose = (p) => draw(p, uniform(), temperature, topP);
    const places = network.places({ prime, length: Math.round(number("length")), choose });
    showWritten(places, prime.length, (...found) => measured(...found, unknown));
  };
  const score = () => {
    const [text, unknown] = read("score");
    const book = text.length ? words.book : "";
    showScored(network.places({ text }), 0, (...found) => measured(...found, book, unknown));
  };
  section.addEventListener("input", ({ target: { name } }) => {
    if (name) (name === "score" ? score : write)();
  });
  control("another").addEventListener("click", () => {
    control("seed").value = (Math.round(number("seed")) + 1) % (+control("seed").max + 1);
    write();
  });
  section.hidden = false;
  document.querySelector("nav li[hidden]")?.removeAttribute("hidden");
  write();
}

for (const figure of document.querySelectorAll("[data-points]")) pointAt(figure);
for (const section of document.querySelectorAll("section[data-network]")) tryIt(section);
