/*
 * Where things are: from rows and columns to pixels of the page, and back from a pointer to an event.
 *
 * It holds how far the picture is scrolled and how large it is drawn, and whether it sticks to the newest row. A
 * column keeps its seat for as long as its events are in the ring; where nobody's line is near what is looked at, it
 * is folded to a narrow strip, so that those who are there have the room. It
 * paints nothing and hears no pointer or key itself. All lengths are CSS pixels; the x and y of a point are
 * those of the canvas.
 */

import { placeOf } from "./model.js";

/** Room for the names above, and for the Lamport times on the left. */
export const HEAD = 46;
export const GUTTER = 58;
const ROW = { usual: 26, least: 0.05, most: 120 };
const COLUMN = { usual: 300, least: 6, most: 420, fit: 28, folded: 6 };

/** Numbers that are gathered for one path. */
export class Heap {
  data = new Float64Array(256);
  size = 0;

  #grow(more) {
    if (this.size + more <= this.data.length) return;
    const larger = new Float64Array(this.data.length * 2);
    larger.set(this.data);
    this.data = larger;
  }

  two(a, b) {
    this.#grow(2);
    this.data[this.size++] = a;
    this.data[this.size++] = b;
  }

  four(a, b, c, d) {
    this.two(a, b);
    this.two(c, d);
  }
}

const within = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

export class View {
  /** @param {import("./model.js").Model} model */
  constructor(model) {
    this.model = model;
    this.width = 600;
    this.height = 400;
    this.ratio = 1;
    /** The height of a row. */
    this.row = ROW.usual;
    /** Which row, and how much of it, is above the upper edge. */
    this.top = 0;
    /** The distance of two columns that was chosen by hand; null if all are to fit. */
    this.chosenColumn = null;
    /** How far it is scrolled across; null if the server is to be in the middle. */
    this.shiftX = null;
    this.across = { version: -1, middles: [0], total: 0, column: COLUMN.fit };
    this.following = true;
    this.paused = false;
    this.seen = 0;
  }

  /** The picture was given another size. */
  resize(width, height, ratio) {
    Object.assign(this, { width, height, ratio });
    this.settle();
  }

  /** The width of a column that is not folded. */
  get column() {
    return this.#columns().column;
  }

  /** The rows of a node's line, as [first, last]; null if it has none. */
  extent(node) {
    const { line, left, trimmed } = node;
    if (!line.length && !trimmed) return null;
    const first = trimmed ? 0 : line[0].row.index;
    const newest = line.at(-1)?.row.index ?? 0;
    return [first, left ? Math.max(this.model.rowBefore(left.t), newest) : this.model.rows.length];
  }

  /** Where the columns are, worked out anew if anything has changed that it depends on. */
  #columns() {
    const { model, across } = this;
    const { top, row, width, height, chosenColumn: chosen } = this;
    const isSame = across.version === model.version && across.top === top && across.row === row;
    if (isSame && across.width === width && across.height === height && across.chosen === chosen) return across;
    const { low, high } = model.span;
    const isOpen = new Uint8Array(high - low + 1);
    isOpen[-low] = 1;
    let open = 1;
    // A screen more on each side, so that lines come into view where they will stay.
    const [first, last] = [this.top - this.room, this.top + 2 * this.room];
    for (const node of model.seats.values()) {
      const extent = this.extent(node);
      if (extent && (extent[0] > last || extent[1] < first)) continue;
      isOpen[node.place - low] = 1;
      open += 1;
    }
    const free = width - GUTTER - 12 - (isOpen.length - open) * COLUMN.folded;
    const column = chosen ?? within(free / open, COLUMN.fit, COLUMN.usual);
    const middles = new Float64Array(isOpen.length);
    let total = 0;
    isOpen.forEach((is, at) => {
      const wide = is ? column : Math.min(column, COLUMN.folded);
      middles[at] = total + wide / 2;
      total += wide;
    });
    this.across = { version: model.version, top, row, width, height, chosen, middles, total, column };
    return this.across;
  }

  /** How many rows there is room for. */
  get room() {
    return Math.max(1, (this.height - HEAD) / this.row);
  }

  /** How many events have come since the picture no longer follows. */
  get unseen() {
    return this.following ? 0 : Math.max(0, this.model.total - this.seen);
  }

  xOf(place) {
    const { middles, total } = this.#columns();
    const room = this.width - GUTTER;
    const at = GUTTER + middles[place - this.model.span.low];
    if (total <= room) return at + (room - total) / 2;
    return at - within(this.shiftX ?? middles[-this.model.span.low] - room / 2, 0, total - room);
  }

  /** Scrolls across by pixels. */
  #slide(dx) {
    const { middles, total } = this.#columns();
    const room = this.width - GUTTER;
    const from = this.shiftX ?? middles[-this.model.span.low] - room / 2;
    if (dx && total > room) this.shiftX = within(within(from, 0, total - room) + dx, 0, total - room);
  }

  yOf(row) {
    return HEAD + (row - this.top + 0.5) * this.row;
  }

  rowAt(y) {
    return Math.floor((y - HEAD) / this.row + this.top);
  }

  /** The rows of which a part is in view, as [first, last]. */
  get rows() {
    const last = Math.min(this.model.rows.length - 1, Math.floor(this.top + this.room));
    return [Math.max(0, Math.floor(this.top)), last];
  }

  /** Keeps scrolling and size within their bounds. */
  settle() {
    const most = this.mostTop;
    if (this.following) this.top = most;
    this.top = within(this.top, 0, most);
  }

  get mostTop() {
    return Math.max(0, this.model.rows.length + Math.min(1, this.room / 8) - this.room);
  }

  /** Changes the model without moving what is looked at. */
  keep(change) {
    const { model } = this;
    const at = Math.floor(this.top);
    const anchor = model.rows[at]?.t;
    const part = this.top - at;
    change();
    if (!this.following && anchor !== undefined) {
      const row = placeOf(model.rows, anchor);
      this.top = row + part;
    }
    this.settle();
  }

  /** Sticks to the newest row. */
  follow() {
    this.following = true;
    this.paused = false;
    this.settle();
  }

  /** Stays where it is. */
  halt() {
    if (this.following) this.seen = this.model.total;
    this.following = false;
  }

  pause() {
    this.halt();
    this.paused = true;
  }

  /** Moves by rows. Whoever comes to the end follows again, unless it was paused. */
  scrollTo(top) {
    const most = this.mostTop;
    if (top < most - 0.01) this.halt();
    this.top = within(top, 0, most);
    if (!this.paused && !this.following && this.top >= most - 0.01) this.follow();
  }

  pan(dx, dy) {
    this.#slide(-dx);
    if (dy) this.scrollTo(this.top - dy / this.row);
  }

  /** Makes rows higher by a factor, so that what is under a point stays there. */
  zoomRows(factor, y) {
    const at = (y - HEAD) / this.row + this.top;
    this.row = within(this.row * factor, ROW.least, ROW.most);
    if (this.following) this.settle();
    else this.scrollTo(at - (y - HEAD) / this.row);
  }

  /** Makes columns wider by a factor, so that what is under a point stays there. */
  zoomColumns(factor, x) {
    const before = this.#columns();
    const at = x - this.xOf(0) + before.middles[-this.model.span.low];
    this.chosenColumn = within(before.column * factor, COLUMN.least, COLUMN.most);
    const after = this.#columns();
    this.shiftX = within((at * after.total) / before.total - (x - GUTTER), 0, after.total - (this.width - GUTTER));
  }

  zoomBack() {
    const middle = this.top + this.room / 2;
    this.row = ROW.usual;
    this.chosenColumn = null;
    this.shiftX = null;
    if (this.following) this.settle();
    else this.scrollTo(middle - this.room / 2);
  }

  /** Brings an event into view if it is not. */
  reveal(event) {
    const row = event.row.index;
    const [first, last] = [this.top + 0.6, this.top + this.room - 1.6];
    if (row < first || row > last) {
      const third = this.room / 3;
      this.scrollTo(row < first ? row - third : row - this.room + third);
    }
    const x = this.xOf(event.node.place);
    if (x < GUTTER + 20) this.#slide(x - GUTTER - 60);
    else if (x > this.width - 20) this.#slide(x - this.width + 60);
  }

  /** Where an event stands. */
  spot(event) {
    return { x: this.xOf(event.node.place), y: this.yOf(event.row.index) };
  }

  /**
   * The event at a point: the nearest dot, or else the message whose arrow passes there, as its receive.
   * @returns {import("./model.js").Event|null}
   */
  hit(x, y, reach = 11) {
    if (y < HEAD || x < GUTTER) return null;
    const { rows } = this.model;
    let best = null;
    let least = reach * reach;
    const last = Math.min(rows.length - 1, this.rowAt(y + reach));
    for (let at = Math.max(0, this.rowAt(y - reach)); at <= last; at += 1) {
      const dy = this.yOf(at) - y;
      for (const event of rows[at].events) {
        const dx = this.xOf(event.node.place) - x;
        const far = dx * dx + dy * dy;
        if (far < least) [best, least] = [event, far];
      }
    }
    return best ?? (this.row >= 4 ? this.#arrowAt(x, y) : null);
  }

  #arrowAt(x, y) {
    const { model } = this;
    const row = within(this.rowAt(y), 0, model.rows.length - 1);
    let best = null;
    let least = 5;
    model.messages(Math.max(0, row - 1), Math.min(model.rows.length - 1, row + 1), (event) => {
      const [from, to] = [this.spot(event.cause), this.spot(event)];
      const [dx, dy] = [to.x - from.x, to.y - from.y];
      const along = within(((x - from.x) * dx + (y - from.y) * dy) / (dx * dx + dy * dy || 1), 0, 1);
      const far = Math.hypot(from.x + along * dx - x, from.y + along * dy - y);
      if (far < least) [best, least] = [event, far];
    });
    return best;
  }
}
