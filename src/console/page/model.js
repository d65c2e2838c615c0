/*
 * What is known of the conversation: nodes, their events, the messages between them, and the rows.
 *
 * A Lamport time that is used is a row; a row knows its events and its place among the rows. It does not know
 * pixels, colours or what happened before what. It is a ring: of more than `most` events the
 * lowest rows go. A batch of records is taken in as a whole, and then the rows are put in order once:
 * nearly everything comes at the end, and what does not moves only the rows behind it.
 *
 * Messages are looked up by rows. Those that span a short time are found by walking over the rows of the view and a
 * few behind it. The long ones are kept in blocks of time of the size of their span, so that each
 * is in two blocks at most, however far a clock has jumped.
 */

/** Messages over more Lamport time than this are kept in blocks. */
const SHORT = 128;
/** Names of nodes without events that are kept, since others may still speak of them. */
const MOST_NAMES = 10_000;

const causeKey = (c) => (c[0] === 0 ? c[1] : `${c[0]}:${c[1]}`);
const numberOr = (value, other) => (typeof value === "number" && Number.isFinite(value) ? value : other);
const textOr = (value, other) => (typeof value === "string" ? value : other);

/** A Lamport time that is used, or the place of a gap. */
export class Row {
  constructor(t) {
    this.t = t;
    this.index = -1;
    /** @type {Event[]} */
    this.events = [];
    /** @type {null|{missed: number|null, why: string}} */
    this.gap = null;
  }
}

/** A line of the picture. */
export class Node {
  constructor(id, rank) {
    this.id = id;
    this.name = `node ${id}`;
    this.address = "";
    this.port = 0;
    this.rank = rank;
    /** @type {Event[]} by time */
    this.line = [];
    /** @type {Map<number, Event>} */
    this.byTime = new Map();
    this.byCause = new Map();
    /** How many events stand in its column; those that are not known to have happened too. */
    this.held = 0;
    /** @type {null|{t: number, how: string, why: string}} */
    this.left = null;
    /** Its beginning is no longer in the ring. */
    this.trimmed = false;
  }

  /** Where its column stands: 0 is the server's, negative left of it, positive right. */
  get place() {
    if (this.id === 0) return 0;
    const out = Math.floor(this.rank / 2) + 1;
    return this.rank % 2 === 0 ? -out : out;
  }
}

/** Something that a node did. The fields with one letter are those of the record. */
export class Event {
  constructor(node, record) {
    this.node = node;
    this.n = node.id;
    /** @type {Row} */
    this.row = null;
    /** @type {Event|null} */
    this.cause = null;
    /** @type {Event[]|null} */
    this.effects = null;
    this.blocks = null;
    this.stamp = 0;
    this.gone = false;
    this.take(record);
  }

  take(r) {
    this.t = r.t;
    this.k = r.k;
    this.s = textOr(r.s, "");
    this.c = Array.isArray(r.c) && r.c.length === 2 ? r.c : null;
    this.p = numberOr(r.p, null);
    this.m = numberOr(r.m, null);
    this.a = numberOr(r.a, null);
    // What is told again need not say all of it again.
    this.x = textOr(r.x, this.x ?? null);
    this.w = numberOr(r.w, this.w ?? null);
    this.q = r.q === null ? null : numberOr(r.q, this.q);
    this.i = textOr(r.i, this.i ?? null);
    this.e = textOr(r.e, "own");
    this.f = numberOr(r.f, 0);
  }

  /** It is not known to have happened: a message ends in a cross here. */
  get isCross() {
    return this.e === "unknown";
  }
}

/** The first place in a sorted list at which the time is not less. */
export function placeOf(list, t) {
  let low = 0;
  let high = list.length;
  if (high && list[high - 1].t < t) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].t < t) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Messages that span much time, in blocks as long as they are. */
class Spans {
  /** @type {Map<number, Set<Event>>[]} */
  #levels = [];
  #stamp = 0;

  add(event) {
    const [low, high] = [Math.min(event.t, event.cause.t), Math.max(event.t, event.cause.t)];
    let [level, size] = [0, SHORT * 4];
    for (; size < high - low; size *= 4) level += 1;
    const blocks = [Math.floor(low / size)];
    if (Math.floor(high / size) !== blocks[0]) blocks.push(Math.floor(high / size));
    event.blocks = { level, blocks };
    for (const block of blocks) {
      const at = (this.#levels[level] ??= new Map());
      if (!at.has(block)) at.set(block, new Set());
      at.get(block).add(event);
    }
  }

  remove(event) {
    const at = this.#levels[event.blocks.level];
    for (const block of event.blocks.blocks) {
      at.get(block).delete(event);
      if (!at.get(block).size) at.delete(block);
    }
    event.blocks = null;
  }

  /** All that touch these times, each once. */
  visit(from, to, visit) {
    this.#stamp += 1;
    const once = (set) => {
      for (const event of set) {
        if (event.stamp === this.#stamp) continue;
        event.stamp = this.#stamp;
        visit(event);
      }
    };
    this.#levels.forEach((at, level) => {
      const size = SHORT * 4 ** (level + 1);
      const [first, last] = [Math.floor(from / size), Math.floor(to / size)];
      if (last - first > at.size) {
        at.forEach((set, block) => block >= first && block <= last && once(set));
      } else {
        for (let block = first; block <= last; block += 1) if (at.has(block)) once(at.get(block));
      }
    });
  }
}

export class Model {
  /** @param {number} most how many events are kept */
  constructor(most = 100_000) {
    this.most = most;
    this.reset();
  }

  /** Forgets everything. */
  reset() {
    /** @type {Map<number, Node>} */
    this.nodes = new Map();
    /** @type {Row[]} in the order of their times */
    this.rows = [];
    /** @type {Map<number, Row>} */
    this.byTime = new Map();
    /** Events that are kept, and that ever came. */
    this.count = 0;
    this.total = 0;
    /** Rises with every change. */
    this.version = (this.version ?? 0) + 1;
    /** What the server accepted, announced or refused since somebody last took it from here. */
    this.news = [];
    /** @type {Map<number, Node>} who sits, by rank */
    this.seats = new Map();
    this.span = { low: 0, high: 0 };
    this.gaps = 0;
    this.spans = new Spans();
    /** Receives whose send has not come yet, by node and time of the send. */
    this.waiting = new Map();
    this.fresh = [];
    this.emptied = Infinity;
  }

  /**
   * Takes in a batch of records.
   * @param {object[]} records
   */
  apply(records) {
    for (const record of records) {
      if (record?.r === "event") this.#event(record);
      else if (record?.r === "node") this.#node(record);
      else if (record?.r === "left") this.#left(record);
      else if (record?.r === "gap") this.#gap(record);
    }
    this.#settle();
    if (this.count > this.most) this.#evict();
    this.version += 1;
  }

  /** The event of a node at a time, or the run of deliveries that the time lies in. */
  find(n, t) {
    const node = this.nodes.get(n);
    if (!node || node.byTime.has(t)) return node?.byTime.get(t) ?? null;
    const before = node.line[placeOf(node.line, t) - 1];
    return before && before.f > 1 && t < before.t + before.f ? before : null;
  }

  /** The server's event that accepted what an event is about. */
  acceptedOf(event) {
    if (event.n === 0 && event.k === "receive") return event;
    if (event.m !== null) return this.nodes.get(0)?.byTime.get(event.m) ?? null;
    return event.n !== 0 && event.k === "send" ? event.effects?.[0] ?? null : null;
  }

  textOf(event) {
    return event.x ?? (event.s === "publish" ? this.acceptedOf(event)?.x ?? null : null);
  }

  authorOf(event) {
    let id = event.a ?? (event.n !== 0 && event.k === "send" ? event.n : null);
    if (id === null && event.n === 0 && event.k !== "send") id = event.p;
    id ??= this.acceptedOf(event)?.p ?? event.p;
    return id === null ? null : this.nodes.get(id) ?? null;
  }

  /** The last row that is not later than a time, or -1. */
  rowBefore(t) {
    const row = this.byTime.get(t);
    return row && row.index >= 0 ? row.index : placeOf(this.rows, t) - 1;
  }

  /**
   * Visits each message of which a part lies in these rows, as its receive.
   * @param {number} first
   * @param {number} last
   * @param {(receive: Event) => void} visit
   */
  messages(first, last, visit) {
    const { rows } = this;
    if (!rows.length || last < first) return;
    const reach = rows[last].t + SHORT;
    for (let at = first; at < rows.length; at += 1) {
      const row = rows[at];
      if (at > last && row.t > reach) break;
      for (const event of row.events) {
        if (!event.cause || event.blocks) continue;
        if (at <= last || event.cause.row.index <= last) visit(event);
      }
    }
    this.spans.visit(rows[first].t, rows[last].t, (event) => {
      const [a, b] = [event.row.index, event.cause.row.index];
      if (Math.max(a, b) >= first && Math.min(a, b) <= last) visit(event);
    });
  }

  #node(record) {
    const node = this.#nodeOf(record.id);
    if (!node) return;
    const { name, address, port } = record;
    Object.assign(node, { name: textOr(name, node.name), address: textOr(address, ""), port: numberOr(port, 0) });
  }

  /** A node; one that nobody has spoken of yet takes the lowest seat that is free. */
  #nodeOf(id) {
    if (this.nodes.has(id) || !Number.isSafeInteger(id) || id < 0) return this.nodes.get(id);
    let rank = 0;
    while (id !== 0 && this.seats.has(rank)) rank += 1;
    const node = new Node(id, rank);
    this.nodes.set(id, node);
    if (id !== 0) this.seats.set(rank, node);
    this.#measure();
    return node;
  }

  #measure() {
    this.span = { low: 0, high: 0 };
    for (const node of this.seats.values()) {
      this.span.low = Math.min(this.span.low, node.place);
      this.span.high = Math.max(this.span.high, node.place);
    }
  }

  #left(record) {
    const node = this.#nodeOf(record.id);
    if (!node) return;
    node.left = { t: numberOr(record.t, 0), how: record.how === "lost" ? "lost" : "left", why: textOr(record.why, "") };
    this.#freeSeat(node);
  }

  #freeSeat(node) {
    if (!node.left || node.held || this.seats.get(node.rank) !== node) return;
    this.seats.delete(node.rank);
    this.#measure();
    if (this.nodes.size - this.seats.size < MOST_NAMES) return;
    for (const [id, other] of this.nodes) {
      if (id !== 0 && this.seats.get(other.rank) !== other) {
        this.nodes.delete(id);
        return;
      }
    }
  }

  /** A gap stands behind the server's last event: what is missing was the server's next. */
  #gap(record) {
    const line = this.nodes.get(0)?.line;
    const row = this.#rowOf((line?.length ? line[line.length - 1].t : 0) + 0.5);
    const missed = record.missed === null ? null : numberOr(record.missed, null);
    const why = textOr(record.why, "");
    const before = row.gap ?? { missed: 0, why: "" };
    if (!row.gap) this.gaps += 1;
    row.gap = { missed: before.missed === null || missed === null ? null : before.missed + missed, why: why || before.why };
  }

  #event(record) {
    const node = this.#nodeOf(record.n);
    if (!node || !Number.isSafeInteger(record.t) || record.t < 0) return;
    const isKeyed = record.k === "receive" && record.n !== 0 && Array.isArray(record.c);
    const old = isKeyed ? node.byCause.get(causeKey(record.c)) : undefined;
    if (old) {
      this.#replace(old, record);
      return;
    }
    const event = new Event(node, record);
    if (isKeyed && event.c) node.byCause.set(causeKey(event.c), event);
    this.#put(event);
    node.held += 1;
    this.count += 1;
    this.total += 1;
    this.#link(event);
    if (event.n === 0 && (event.k !== "send" || event.s === "ack")) this.news.push(event);
  }

  #replace(event, record) {
    if (event.t === record.t && event.isCross === (record.e === "unknown")) {
      event.take(record);
      return;
    }
    if (event.blocks) this.spans.remove(event);
    this.#takeOut(event);
    event.take(record);
    this.#put(event);
    if (event.cause) this.#span(event);
    // What it caused is now as far away as it is itself.
    event.effects?.forEach((effect) => {
      if (effect.blocks) this.spans.remove(effect);
      this.#span(effect);
    });
  }

  #rowOf(t) {
    let row = this.byTime.get(t);
    if (!row) {
      row = new Row(t);
      this.byTime.set(t, row);
      this.fresh.push(row);
    }
    return row;
  }

  #put(event) {
    event.row = this.#rowOf(event.t);
    event.row.events.push(event);
    if (event.isCross) return;
    const { line, byTime } = event.node;
    if (!line.length || line[line.length - 1].t < event.t) line.push(event);
    else line.splice(placeOf(line, event.t + 0.5), 0, event);
    byTime.set(event.t, event);
  }

  #takeOut(event) {
    const { events } = event.row;
    events.splice(events.indexOf(event), 1);
    if (!events.length) this.emptied = Math.min(this.emptied, event.t);
    if (event.isCross) return;
    const { line, byTime } = event.node;
    let at = placeOf(line, event.t);
    while (line[at] !== event) at += 1;
    line.splice(at, 1);
    if (byTime.get(event.t) !== event) return;
    byTime.delete(event.t);
    // Until both are placed, two receives may claim one time.
    if (line[at]?.t === event.t) byTime.set(event.t, line[at]);
  }

  /** Ties an event to its cause, and to the receives that have waited for it. */
  #link(event) {
    if (event.c) {
      const cause = this.find(event.c[0], event.c[1]);
      if (cause && cause !== event) this.#tie(event, cause);
      else if (!cause) this.#wait(event);
    }
    if (event.k !== "send" || !this.waiting.size) return;
    for (let t = event.t; t < event.t + Math.min(Math.max(event.f, 1), 4096); t += 1) {
      const key = `${event.n}:${t}`;
      this.waiting.get(key)?.forEach((receive) => !receive.gone && !receive.cause && this.#tie(receive, event));
      this.waiting.delete(key);
    }
  }

  #wait(event) {
    const key = `${event.c[0]}:${event.c[1]}`;
    // Those who wait for what is long gone must not pile up.
    if (this.waiting.size > 20_000) this.waiting.clear();
    if (!this.waiting.has(key)) this.waiting.set(key, []);
    this.waiting.get(key).push(event);
  }

  #tie(event, cause) {
    event.cause = cause;
    (cause.effects ??= []).push(event);
    this.#span(event);
  }

  #span(event) {
    const span = event.t - event.cause.t;
    if (span > SHORT || span < 0) this.spans.add(event);
  }

  /** Puts the rows in order after a batch. */
  #settle() {
    const { rows, fresh } = this;
    if (!fresh.length && this.emptied === Infinity) return;
    fresh.sort((a, b) => a.t - b.t);
    const first = placeOf(rows, Math.min(fresh.length ? fresh[0].t : Infinity, this.emptied));
    const tail = first < rows.length ? rows.splice(first) : [];
    let [a, b] = [0, 0];
    while (a < tail.length || b < fresh.length) {
      const isOld = b >= fresh.length || (a < tail.length && tail[a].t < fresh[b].t);
      const row = isOld ? tail[a++] : fresh[b++];
      if (row.events.length || row.gap) {
        row.index = rows.length;
        rows.push(row);
      } else {
        this.byTime.delete(row.t);
      }
    }
    this.fresh = [];
    this.emptied = Infinity;
  }

  /** Lets the lowest rows go, some more than need be, so that it is not for every batch. */
  #evict() {
    const { rows } = this;
    const keep = this.most - (this.most >> 8);
    const thinned = new Map();
    let gone = 0;
    while (this.count > keep && gone < rows.length) {
      const row = rows[gone];
      for (const event of row.events) {
        thinned.set(event.node, (thinned.get(event.node) ?? 0) + (event.isCross ? 0 : 1));
        this.#forget(event);
      }
      if (row.gap) this.gaps -= 1;
      this.byTime.delete(row.t);
      gone += 1;
    }
    rows.splice(0, gone);
    for (let at = 0; at < rows.length; at += 1) rows[at].index = at;
    for (const [node, events] of thinned) {
      node.line.splice(0, events);
      node.trimmed = true;
      this.#freeSeat(node);
    }
  }

  #forget(event) {
    const { node } = event;
    if (event.blocks) this.spans.remove(event);
    event.effects?.forEach((effect) => {
      if (effect.blocks) this.spans.remove(effect);
      effect.cause = null;
    });
    const siblings = event.cause?.effects;
    siblings?.splice(siblings.indexOf(event), 1);
    if (event.c && node.id !== 0) node.byCause.delete(causeKey(event.c));
    if (node.byTime.get(event.t) === event) node.byTime.delete(event.t);
    event.gone = true;
    event.cause = null;
    node.held -= 1;
    this.count -= 1;
  }
}
