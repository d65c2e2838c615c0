/*
 * Cones: what happened before an event and what after it, how two events lie to each other, and why.
 *
 * A cone is one bound for each node. In the past of an event lies the beginning of each node's line, up to a last
 * event; in its future the end, from a first event on. The bound is the Lamport time of that event and not its
 * place in the line: on one line the times rise, so they order it just as well, and they
 * do not move when an event is put in before them. Making a cone walks over each event in it once.
 *
 * Nothing here compares times of different nodes: a smaller time alone says nothing about before and after.
 */

import { placeOf } from "./model.js";

/** The past or the future of an event, that event not included. */
export class Cone {
  constructor(of, isPast) {
    this.of = of;
    this.isPast = isPast;
    /** @type {Map<number, number>} the time of the last, or the first, event of each node */
    this.bounds = new Map();
  }

  /** Whether an event lies in it. */
  contains(event) {
    if (event === this.of || event.isCross) return false;
    const bound = this.bounds.get(event.n);
    if (bound === undefined) return false;
    return this.isPast ? event.t <= bound : event.t >= bound;
  }

  /** How many events lie in it. */
  size(model) {
    let size = 0;
    for (const [n, bound] of this.bounds) {
      const { line } = model.nodes.get(n);
      size += this.isPast ? placeOf(line, bound + 0.5) : line.length - placeOf(line, bound);
    }
    return size;
  }

  /** All events in it, as [node, time]. */
  list(model) {
    const all = [];
    for (const [n] of this.bounds) {
      for (const event of model.nodes.get(n).line) if (this.contains(event)) all.push([n, event.t]);
    }
    return all;
  }
}

/** Everything that happened before an event. */
export function past(event) {
  const cone = new Cone(event, true);
  const { bounds } = cone;
  const work = [];
  // Raises a node's bound to an event, and notes which part of its line is new.
  const raise = (to) => {
    const bound = bounds.get(to.n);
    if (bound !== undefined && bound >= to.t) return;
    const { line } = to.node;
    const from = bound === undefined ? 0 : placeOf(line, bound + 0.5);
    bounds.set(to.n, to.t);
    work.push(line, from, placeOf(line, to.t + 0.5));
  };
  if (event.cause) raise(event.cause);
  const before = event.node.line[placeOf(event.node.line, event.t) - 1];
  if (before) raise(before);
  while (work.length) {
    const to = work.pop();
    const from = work.pop();
    const line = work.pop();
    for (let at = from; at < to; at += 1) if (line[at].cause) raise(line[at].cause);
  }
  return cone;
}

/** Everything that happened after an event. */
export function future(event) {
  const cone = new Cone(event, false);
  const { bounds } = cone;
  const work = [];
  const lower = (to) => {
    if (to.isCross) return;
    const bound = bounds.get(to.n);
    if (bound !== undefined && bound <= to.t) return;
    const { line } = to.node;
    bounds.set(to.n, to.t);
    work.push(line, placeOf(line, to.t), bound === undefined ? line.length : placeOf(line, bound));
  };
  event.effects?.forEach(lower);
  const { line } = event.node;
  const after = line[placeOf(line, event.t + 0.5)];
  if (after) lower(after);
  while (work.length) {
    const to = work.pop();
    const from = work.pop();
    const line = work.pop();
    for (let at = from; at < to; at += 1) line[at].effects?.forEach(lower);
  }
  return cone;
}

/**
 * How two events lie to each other.
 * @returns {"same"|"before"|"after"|"concurrent"}
 */
export function relation(a, b) {
  if (a === b) return "same";
  if (past(b).contains(a)) return "before";
  return past(a).contains(b) ? "after" : "concurrent";
}

/**
 * Why one event happened before another: a chain over as few messages as there can be, each as its send
 * and its receive. Between these the way goes along a node's line. Null if it did not happen before.
 * @returns {import("./model.js").Event[]|null}
 */
export function chain(from, to) {
  if (from === to || from.isCross || to.isCross) return null;
  if (from.n === to.n) return from.t < to.t ? [from, to] : null;
  const seen = new Map([[from.n, from.t]]);
  // Every message that brought news to a node, and the one before it on the way.
  const news = [];
  const work = [{ line: from.node.line, first: placeOf(from.node.line, from.t), end: from.node.line.length, by: -1 }];
  for (let next = 0; next < work.length; next += 1) {
    const { line, first, end, by } = work[next];
    for (let at = first; at < end; at += 1) {
      for (const received of line[at].effects ?? []) {
        const bound = seen.get(received.n) ?? Infinity;
        if (received.isCross || received.t >= bound) continue;
        news.push({ received, by });
        if (received.n === to.n && received.t <= to.t) return way(from, to, news, news.length - 1);
        const other = received.node.line;
        const until = bound === Infinity ? other.length : placeOf(other, bound);
        work.push({ line: other, first: placeOf(other, received.t), end: until, by: news.length - 1 });
        seen.set(received.n, received.t);
      }
    }
  }
  return null;
}

function way(from, to, news, last) {
  const backwards = [to];
  for (let at = last; at >= 0; at = news[at].by) backwards.push(news[at].received, news[at].received.cause);
  backwards.push(from);
  return backwards.reverse().filter((event, at, all) => event !== all[at - 1]);
}

/** Up to where one event can have known of another's node: the last event of it in the past, if any. */
export function lastKnown(model, cone, node) {
  const bound = cone.bounds.get(node.id);
  return bound === undefined ? null : model.find(node.id, bound);
}

/**
 * What an answer about two events depends on: how much is missing between them, deliveries to so many
 * that they are not noted singly, and whether the chain leads over a receive whose time nobody knows.
 */
export function doubts(model, a, b, steps) {
  const [low, high] = a.t < b.t ? [a.t, b.t] : [b.t, a.t];
  const found = { gaps: 0, missed: 0, fans: 0, assumed: 0 };
  for (let at = model.rowBefore(low); at >= 0 && at < model.rows.length && model.rows[at].t < high; at += 1) {
    const row = model.rows[at];
    if (row.gap) {
      found.gaps += 1;
      found.missed = row.gap.missed === null || found.missed === null ? null : found.missed + row.gap.missed;
    }
    for (const event of row.events) if (event.f > 0) found.fans += 1;
  }
  steps?.forEach((event, at) => {
    const next = steps[at + 1];
    if (next && next.n === event.n && (event.e === "assumed" || (at > 0 && next.e === "assumed"))) found.assumed += 1;
  });
  return found;
}
