/*
 * Paints the picture: rows, lines, arrows, dots and words on a canvas.
 *
 * It decides how things look and nothing about where they are or what is chosen. What looks alike is gathered first
 * and painted at once, a path for each colour and manner, since a change of colour costs more than a line. Only
 * what is in view is gathered. When rows get thin, first words go, then arrowheads and shapes.
 */

import { GUTTER, HEAD, Heap } from "./view.js";
import { Fitter, addressOf, fewWords, inLine, isolated, label, missing, nameOf } from "./words.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const TURN = Math.PI * 2;

const LIGHT = {
  paper: "#ffffff", ink: "#1f2328", faint: "#59636e", row: "#eef0f2", edge: "#d1d9e0", pale: "#d3d8de", came: "#1a7f37", went: "#b3261e",
  past: "#0b5cad", future: "#b04a00", band: "#fff1c9", bandInk: "#6a4b00", focus: "#0550ae",
  by: ["#0068b0", "#b04a00", "#007a53", "#9b3a86", "#7d6200", "#b3253f", "#4f4fc4", "#4b6b16"],
};
const DARK = {
  paper: "#0d1117", ink: "#e6edf3", faint: "#9198a1", row: "#1b222b", edge: "#30363d", pale: "#343b44", came: "#56d364", went: "#ff8e86",
  past: "#62b0ff", future: "#ff9d57", band: "#3a2e0a", bandInk: "#f2cc60", focus: "#79c0ff",
  by: ["#62b0ff", "#ff9d57", "#4fd6a2", "#f094d9", "#e6c34a", "#ff8a96", "#aeaaff", "#a9d860"],
};

const SPEAKERS = 8;
// Numbers of colours: those who speak, and then these.
const [QUIET, PAST, FUTURE, PALE, CAME, WENT, INK, COLOURS] = [8, 9, 10, 11, 12, 13, 14, 15];
// Manners of a message's line.
const [THIN, THICK, DASHED, MANNERS] = [0, 1, 2, 3];
// Shapes of an event.
const [FULL, HOLLOW, UP, DOWN, RUN, CROSS, SHAPES] = [0, 1, 2, 3, 4, 5, 6];

/** The number of a node's colour: stable, since ids are never used again. */
export const colourOf = (node) => (!node || node.id === 0 ? QUIET : (node.id - 1) % SPEAKERS);

const heaps = (n) => Array.from({ length: n }, () => new Heap());

export class Painter {
  #lines = heaps(COLOURS * MANNERS);
  #heads = heaps(COLOURS);
  #shapes = heaps(COLOURS * SHAPES);

  /** Whose line is in view, by place. */
  lined = new Map();

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./view.js").View} view
   */
  constructor(canvas, view) {
    this.canvas = canvas;
    this.view = view;
    this.model = view.model;
    this.ctx = canvas.getContext("2d", { alpha: false });
    this.fitter = new Fitter(this.ctx);
    this.setDark(false);
  }

  /** Changes between light paper and a dark screen. */
  setDark(isDark) {
    const theme = isDark ? DARK : LIGHT;
    this.theme = theme;
    this.colours = [...theme.by, theme.faint, theme.past, theme.future, theme.pale, theme.came, theme.went, theme.ink];
  }

  /**
   * Paints everything.
   * @param {import("./main.js").Choice} choice what is pointed at and chosen
   */
  paint(choice) {
    const { ctx, view, theme } = this;
    this.choice = choice;
    ctx.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    ctx.fillStyle = theme.paper;
    ctx.fillRect(0, 0, view.width, view.height);
    const [first, last] = view.rows;
    this.lined.clear();
    this.radius = Math.min(5, Math.max(1, view.row * 0.26), Math.max(1.5, view.column * 0.12));
    if (last >= first) {
      this.#rows(first, last);
      this.#gaps(first, last, false);
      this.#nodeLines(first, last);
      this.#gatherMessages(first, last);
      this.#gatherDots(first, last);
      this.#paintLines();
      this.#chain();
      this.#paintShapes();
      this.#marks();
      if (view.row >= 15) this.#words(first, last);
      this.#gaps(first, last, true);
    }
    this.#head();
    this.#gutter(first, last);
  }

  #rows(first, last) {
    const { ctx, view, theme } = this;
    if (view.row >= 12) {
      ctx.beginPath();
      for (let row = first; row <= last; row += 1) {
        const y = Math.round(view.yOf(row)) + 0.5;
        ctx.moveTo(GUTTER, y);
        ctx.lineTo(view.width, y);
      }
      ctx.lineWidth = 1;
      ctx.strokeStyle = theme.row;
      ctx.stroke();
    }
    const pointed = this.choice.hover ?? this.choice.focus;
    if (!pointed || pointed.gone) return;
    ctx.fillStyle = theme.row;
    const height = Math.max(2, view.row);
    ctx.fillRect(GUTTER, view.yOf(pointed.row.index) - height / 2, view.width, height);
  }

  #nodeLines(first, last) {
    const { view, model, ctx } = this;
    const [ends, lost] = [heaps(1)[0], heaps(1)[0]];
    const lines = heaps(SPEAKERS + 1);
    const bottom = view.yOf(Math.min(last + 1, model.rows.length - 1)) + view.row / 2;
    const line = (node) => {
      const x = view.xOf(node.place);
      if (x < GUTTER - 20 || x > view.width + 20) return;
      const [begin, end] = view.extent(node) ?? [Infinity, 0];
      if (begin > last + 1 || end < first - 1) return;
      const from = node.trimmed ? HEAD : Math.max(HEAD, view.yOf(begin) - Math.min(10, view.row / 2));
      this.lined.set(node.place, node);
      const to = node.left ? view.yOf(end) + Math.min(12, view.row / 2) : bottom;
      lines[colourOf(node)].four(x, from, x, Math.min(to, view.height));
      if (!node.trimmed && begin >= first) ends.two(x, from);
      if (node.left && end <= last) (node.left.how === "lost" ? lost : ends).two(x, to);
    };
    if (model.nodes.has(0)) line(model.nodes.get(0));
    model.seats.forEach(line);
    ctx.globalAlpha = this.choice.first ? 0.35 : 0.6;
    lines.forEach((heap, colour) => this.#strokeSegments(heap, this.colours[colour], 1.5));
    ctx.globalAlpha = 1;
    this.#ends(ends, lost);
  }

  #ends(ends, lost) {
    const { ctx, theme, view } = this;
    const wide = Math.min(6, view.column / 4);
    ctx.beginPath();
    for (let at = 0; at < ends.size; at += 2) {
      ctx.moveTo(ends.data[at] - wide, ends.data[at + 1]);
      ctx.lineTo(ends.data[at] + wide, ends.data[at + 1]);
    }
    ctx.lineWidth = 2;
    ctx.strokeStyle = theme.faint;
    ctx.stroke();
    ctx.beginPath();
    for (let at = 0; at < lost.size; at += 2) this.#cross(lost.data[at], lost.data[at + 1], Math.min(5, wide));
    ctx.strokeStyle = theme.went;
    ctx.stroke();
  }

  #cross(x, y, r) {
    const { ctx } = this;
    ctx.moveTo(x - r, y - r);
    ctx.lineTo(x + r, y + r);
    ctx.moveTo(x + r, y - r);
    ctx.lineTo(x - r, y + r);
  }

  #eventColour(event) {
    const { first, second, past, future } = this.choice;
    if (!first) {
      if (event.n === 0) {
        if (event.k === "receive" && event.s === "connect") return CAME;
        if (event.k === "lost" || event.s === "ack") return WENT;
      }
      return colourOf(this.model.authorOf(event));
    }
    if (event === first || event === second) return INK;
    if (past.contains(event)) return PAST;
    return future.contains(event) ? FUTURE : PALE;
  }

  #messageColour(event) {
    const { first, past, future } = this.choice;
    if (!first) return colourOf(this.model.authorOf(event));
    if (event === first || past.contains(event)) return PAST;
    return event.cause === first || future.contains(event.cause) ? FUTURE : PALE;
  }

  #gatherMessages(first, last) {
    const { view, radius } = this;
    const { row } = view;
    const hasHeads = row >= 5;
    const head = Math.min(8, 3 + row * 0.2);
    const short = radius + 1.5;
    const [low, high] = [HEAD - 2, view.height + 2];
    this.model.messages(first, last, (event) => {
      const x1 = view.xOf(event.cause.node.place);
      const y1 = view.yOf(event.cause.row.index);
      let x2 = view.xOf(event.node.place);
      let y2 = view.yOf(event.row.index);
      if ((y1 < low && y2 < low) || (y1 > high && y2 > high)) return;
      const colour = this.#messageColour(event);
      let manner = THIN;
      if (row >= 5) manner = event.s === "publish" ? THICK : event.s === "join" || event.s === "leave" || event.isCross ? DASHED : THIN;
      const length = Math.hypot(x2 - x1, y2 - y1);
      if (length > 2 * short) {
        const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
        x2 -= ux * short;
        y2 -= uy * short;
        if (hasHeads && !event.isCross) this.#heads[colour].four(x2, y2, ux * head, uy * head);
      }
      this.#lines[colour * MANNERS + manner].four(x1, y1, x2, y2);
    });
  }

  #gatherDots(first, last) {
    const { view, model } = this;
    const isThin = view.row < 5;
    for (let at = first; at <= last; at += 1) {
      const y = view.yOf(at);
      for (const event of model.rows[at].events) {
        const x = view.xOf(event.node.place);
        if (x < 0 || x > view.width + 8) continue;
        let shape = FULL;
        if (event.isCross) shape = CROSS;
        else if (event.e === "assumed") shape = HOLLOW;
        else if (event.f > 0) shape = RUN;
        else if (event.n === 0 && !isThin) {
          if (event.k === "receive" && event.s === "connect") shape = UP;
          else if (event.k === "lost" || event.s === "ack") shape = DOWN;
        }
        const colour = event.isCross ? (this.choice.first ? PALE : WENT) : this.#eventColour(event);
        this.#shapes[colour * SHAPES + shape].two(x, y);
      }
    }
  }

  #strokeSegments(heap, colour, width) {
    if (!heap.size) return;
    const { ctx } = this;
    const { data, size } = heap;
    ctx.beginPath();
    for (let at = 0; at < size; at += 4) {
      ctx.moveTo(data[at], data[at + 1]);
      ctx.lineTo(data[at + 2], data[at + 3]);
    }
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.stroke();
    heap.size = 0;
  }

  #paintLines() {
    const { ctx, view } = this;
    // What is pale lies below what is not.
    const order = [PALE, QUIET, 0, 1, 2, 3, 4, 5, 6, 7, PAST, FUTURE];
    for (const colour of order) {
      for (let manner = 0; manner < MANNERS; manner += 1) {
        const heap = this.#lines[colour * MANNERS + manner];
        if (!heap.size) continue;
        ctx.setLineDash(manner === DASHED ? [5, 4] : []);
        this.#strokeSegments(heap, this.colours[colour], manner === THICK ? 2 : view.row < 2 ? 0.6 : 1.1);
      }
      this.#paintHeads(this.#heads[colour], this.colours[colour]);
    }
    ctx.setLineDash([]);
  }

  #paintHeads(heap, colour) {
    if (!heap.size) return;
    const { ctx } = this;
    const { data, size } = heap;
    ctx.beginPath();
    for (let at = 0; at < size; at += 4) {
      const [x, y, ux, uy] = [data[at], data[at + 1], data[at + 2], data[at + 3]];
      ctx.moveTo(x, y);
      ctx.lineTo(x - ux - uy * 0.45, y - uy + ux * 0.45);
      ctx.lineTo(x - ux + uy * 0.45, y - uy - ux * 0.45);
    }
    ctx.fillStyle = colour;
    ctx.fill();
    heap.size = 0;
  }

  #paintShapes() {
    for (let colour = 0; colour < COLOURS; colour += 1) {
      for (let shape = 0; shape < SHAPES; shape += 1) {
        const heap = this.#shapes[colour * SHAPES + shape];
        if (heap.size) this.#paintShape(heap, shape, this.colours[colour]);
        heap.size = 0;
      }
    }
  }

  #paintShape({ data, size }, shape, colour) {
    const { ctx, radius, theme, view } = this;
    const isDot = radius < 2;
    ctx.beginPath();
    for (let at = 0; at < size; at += 2) {
      const [x, y] = [data[at], data[at + 1]];
      if (isDot) {
        ctx.rect(x - radius, y - radius / 2, radius * 2, radius);
      } else if (shape === FULL || shape === HOLLOW) {
        const r = shape === HOLLOW ? radius - 0.5 : radius;
        ctx.moveTo(x + r, y);
        ctx.arc(x, y, r, 0, TURN);
      } else if (shape === RUN) {
        const wide = Math.min(radius * 2.6, view.column / 3);
        ctx.rect(x - wide, y - radius * 0.8, wide * 2, radius * 1.6);
      } else if (shape === CROSS) {
        this.#cross(x, y, radius);
      } else {
        const tip = shape === UP ? -radius * 1.3 : radius * 1.3;
        ctx.moveTo(x, y + tip);
        ctx.lineTo(x + radius * 1.3, y - tip * 0.7);
        ctx.lineTo(x - radius * 1.3, y - tip * 0.7);
      }
    }
    ctx.fillStyle = shape === HOLLOW && !isDot ? theme.paper : colour;
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1.8;
    if (shape !== CROSS || isDot) ctx.fill();
    if (!isDot && (shape === HOLLOW || shape === CROSS)) ctx.stroke();
  }

  /** The chain that says why, thick. */
  #chain() {
    const { steps } = this.choice;
    if (!steps) return;
    const { ctx, view, theme } = this;
    const heap = heaps(1)[0];
    ctx.beginPath();
    steps.forEach((event, at) => {
      if (!at || event.gone || steps[at - 1].gone) return;
      const [from, to] = [view.spot(steps[at - 1]), view.spot(event)];
      ctx.moveTo(from.x, from.y);
      ctx.lineTo(to.x, to.y);
      const length = Math.hypot(to.x - from.x, to.y - from.y);
      if (length < 24) return;
      const [ux, uy] = [(to.x - from.x) / length, (to.y - from.y) / length];
      heap.four(to.x - ux * this.radius, to.y - uy * this.radius, ux * 13, uy * 13);
    });
    ctx.lineWidth = 4;
    ctx.lineCap = "round";
    ctx.strokeStyle = theme.ink;
    ctx.stroke();
    ctx.lineCap = "butt";
    this.#paintHeads(heap, theme.ink);
  }

  #ring(event, radius, colour, width) {
    if (!event || event.gone) return;
    const { ctx, view } = this;
    const { x, y } = view.spot(event);
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, TURN);
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.stroke();
  }

  /** Rings around what is pointed at, has the focus, or is chosen. */
  #marks() {
    const { ctx, theme, view, choice } = this;
    const r = Math.max(4, this.radius);
    this.#ring(choice.hover, r + 3, theme.faint, 1.5);
    if (choice.hasFocus) this.#ring(choice.focus, r + 5, theme.focus, 2.5);
    Object.assign(ctx, { font: `700 11px ${FONT}`, textAlign: "center", textBaseline: "middle" });
    for (const [event, letter] of [[choice.first, "a"], [choice.second, "b"]]) {
      if (!event || event.gone) continue;
      this.#ring(event, r + 3, theme.ink, 2);
      const { x, y } = view.spot(event);
      const [right, up] = [x + r + 9, y - r - 7];
      ctx.beginPath();
      ctx.arc(right, up, 8, 0, TURN);
      ctx.fillStyle = theme.ink;
      ctx.fill();
      ctx.fillStyle = theme.paper;
      ctx.fillText(letter, right, up);
    }
  }

  /** How far it is from a place to the next line in view on one side. */
  #free(place, step) {
    const { low, high } = this.model.span;
    let at = place + step;
    while (at >= low && at <= high && !this.lined.has(at)) at += step;
    if (at < low || at > high) return Infinity;
    return Math.abs(this.view.xOf(at) - this.view.xOf(place));
  }

  #words(first, last) {
    const { ctx, view, model, theme } = this;
    ctx.font = `500 12px ${FONT}`;
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 4;
    ctx.strokeStyle = theme.paper;
    for (let at = first; at <= last; at += 1) {
      for (const event of model.rows[at].events) {
        const few = fewWords(model, event);
        if (!few) continue;
        const x = view.xOf(event.node.place);
        const isLeft = event.n === 0 ? (model.nodes.get(event.p)?.place ?? -1) > 0 : event.node.place < 0;
        const apart = this.radius * (event.f > 0 ? 2.8 : 1.4) + 6;
        const edge = isLeft ? x - GUTTER : view.width - x;
        const room = Math.min(this.#free(event.node.place, isLeft ? -1 : 1) - 12, edge) - apart - 4;
        if (room < 24) continue;
        const words = this.fitter.fit(few.words, room, few.quotes);
        if (!words) continue;
        ctx.textAlign = isLeft ? "right" : "left";
        const left = isLeft ? x - apart : x + apart;
        const y = view.yOf(at);
        ctx.strokeText(words, left, y);
        const colour = this.#eventColour(event);
        ctx.fillStyle = colour === PALE ? theme.faint : this.colours[colour];
        ctx.fillText(words, left, y);
      }
    }
  }

  /** Bands where something is missing, below the lines; and above them, what is to be said of it. */
  #gaps(first, last, isAbove) {
    const { ctx, view, model, theme } = this;
    Object.assign(ctx, { font: `500 12px ${FONT}`, textAlign: "left", textBaseline: "middle" });
    let free = -Infinity;
    for (let at = first; at <= last && model.gaps; at += 1) {
      const { gap } = model.rows[at];
      if (!gap) continue;
      const y = view.yOf(at);
      const isReadable = y - free >= 18;
      const height = isReadable ? 18 : Math.max(3, view.row * 0.8);
      if (isReadable) free = y;
      ctx.fillStyle = theme.band;
      if (!isAbove) ctx.fillRect(GUTTER, y - height / 2, view.width - GUTTER, height);
      if (!isAbove || !isReadable) continue;
      const words = this.fitter.fit(inLine(missing(gap)).replace(/[\u2068\u2069]/g, ""), view.width - GUTTER - 20);
      ctx.fillRect(GUTTER, y - 9, ctx.measureText(words).width + 20, 18);
      ctx.fillStyle = theme.bandInk;
      ctx.fillText(words, GUTTER + 10, y);
    }
  }

  #head() {
    const { ctx, view, theme } = this;
    ctx.fillStyle = theme.paper;
    ctx.fillRect(0, 0, view.width, HEAD);
    ctx.fillStyle = theme.edge;
    ctx.fillRect(0, HEAD - 1, view.width, 1);
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const head = (node) => {
      const x = view.xOf(node.place);
      const room = Math.min(this.#free(node.place, -1), this.#free(node.place, 1), 2 * (x - GUTTER), 2 * (view.width - x)) - 10;
      ctx.fillStyle = node.id === 0 ? theme.ink : this.colours[colourOf(node)];
      ctx.font = `600 13px ${FONT}`;
      const name = this.fitter.fit(nameOf(node), room);
      if (!name) {
        ctx.fillRect(x - Math.min(3, view.column / 3), HEAD - 12, Math.min(6, view.column / 1.5), 8);
        return;
      }
      const address = room >= 50 ? addressOf(node) : "";
      ctx.fillText(name, x, address ? 16 : HEAD / 2);
      if (!address) return;
      ctx.fillStyle = theme.faint;
      ctx.font = `400 11px ${FONT}`;
      // Of an address that does not fit, the port tells the most.
      const fits = ctx.measureText(address).width <= room;
      ctx.fillText(fits ? isolated(address) : `:${Number(node.port) || 0}`, x, 33);
    };
    this.lined.forEach(head);
  }

  #gutter(first, last) {
    const { ctx, view, theme, model, choice } = this;
    ctx.fillStyle = theme.paper;
    ctx.fillRect(0, 0, GUTTER, view.height);
    ctx.fillStyle = theme.edge;
    ctx.fillRect(GUTTER - 1, 0, 1, view.height);
    ctx.fillRect(0, HEAD - 1, GUTTER, 1);
    Object.assign(ctx, { fillStyle: theme.faint, font: `400 11px ${FONT}`, textAlign: "right", textBaseline: "middle" });
    ctx.fillText("Lamport", GUTTER - 8, 16);
    ctx.fillText("time", GUTTER - 8, 31);
    const step = Math.max(1, Math.ceil(16 / view.row));
    const pointed = choice.hover ?? choice.focus;
    const marked = pointed && !pointed.gone ? pointed.row.index : -1;
    for (let at = Math.ceil(first / step) * step; at <= last; at += step) {
      const y = view.yOf(at);
      if (y < HEAD + 6 || model.rows[at].gap || Math.abs(at - marked) * view.row < 14) continue;
      ctx.fillText(label(model.rows[at].t), GUTTER - 8, y);
    }
    if (marked < first || marked > last || view.yOf(marked) < HEAD + 6) return;
    Object.assign(ctx, { fillStyle: theme.ink, font: `700 11px ${FONT}` });
    ctx.fillText(label(pointed.t), GUTTER - 8, view.yOf(marked));
  }
}
