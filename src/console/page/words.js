/*
 * How things are put in words, and how words of others are made safe to show.
 *
 * Names and texts come from strangers. A control character, a change of direction or a pile of accents in
 * them must not touch anything beside them, so they go through `shown`, and onto the page only as text in an
 * element of their own. A sentence is therefore not a string but a list of parts, in which what strangers
 * wrote is marked as theirs; `onPage` and `inLine` turn the list into nodes or into one line.
 * Nothing here knows where anything stands, or what happened before what.
 */

import { characters, posesAsServer } from "./glyphs.js";

const PLAIN = /^[\x20-\x7e]*$/;
const PILE = /(\p{M}{4})\p{M}+/gu;
const ISOLATE = "\u2068";
const POP = "\u2069";

/** The most characters of a stranger's text that are shown anywhere. */
const MOST = 400;

/**
 * A stranger's text, made visible: nothing in it acts on its surroundings any more.
 * @param {unknown} text
 * @param {number} most how many characters at most
 */
export function shown(text, most = MOST) {
  let safe = String(text ?? "");
  if (safe.length > most) {
    const characters = [...safe.slice(0, most * 2 + 2)];
    if (characters.length > most) safe = characters.slice(0, most).join("") + "…";
  }
  if (PLAIN.test(safe)) return safe;
  safe = safe.replace(PILE, "$1…");
  const visible = ({ character, code, isHidden }) => (isHidden ? `\\u{${code.toString(16)}}` : character);
  return characters(safe).map(visible).join("");
}

/** A stranger's text for a canvas or an attribute, where there is no element to keep it apart. */
export function isolated(text, most = MOST) {
  return ISOLATE + shown(text, most) + POP;
}

/** What a stranger wrote, as a part of a sentence. */
class Theirs {
  constructor(text, strong) {
    this.text = text;
    this.strong = strong;
  }
}

/** @returns {Theirs} */
export const theirs = (text, most = MOST) => new Theirs(shown(text, most), false);
/** What somebody says: in quotation marks if it poses as the server. @returns {(string|Theirs)[]} */
export const spoken = (text) => (posesAsServer(text) ? ["“", theirs(text), "”"] : [theirs(text)]);
/** The name of somebody who speaks. @returns {Theirs} */
export const speaker = (name) => new Theirs(shown(name), true);
const named = (node) => new Theirs(nameOf(node, 32), true);

/** A sentence as one line of text. */
export function inLine(parts) {
  return parts.map((part) => (part instanceof Theirs ? ISOLATE + part.text + POP : String(part))).join("");
}

/** A sentence as nodes for the page. */
export function onPage(parts) {
  return parts.map((part) => {
    if (!(part instanceof Theirs)) return part;
    const bdi = document.createElement("bdi");
    if (part.strong) bdi.className = "name";
    bdi.textContent = part.text;
    return bdi;
  });
}

/**
 * An element of the page with text and elements in it. Strings become text and never markup.
 * @param {string} tag
 * @param {string} className
 * @param {...(string|Node)} children
 */
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/**
 * Keeps a list that scrolls at its end, unless somebody has scrolled up to read.
 * @param {HTMLElement} list
 * @param {number} most how many lines are kept
 * @returns {(...lines: HTMLElement[]) => void} adds lines
 */
export function growing(list, most) {
  let isAtEnd = true;
  const toEnd = () => {
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  };
  list.addEventListener("scroll", () => {
    isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
  });
  new ResizeObserver(toEnd).observe(list);
  return (...lines) => {
    list.append(...lines);
    while (list.children.length > most) list.firstChild.remove();
    toEnd();
  };
}

/** What a node is called. */
export function nameOf(node, most = 64) {
  if (!node) return "somebody";
  return node.id === 0 ? "server" : shown(node.name, most) || "(no name)";
}

/** Where a node is to be found. */
export function addressOf(node) {
  if (!node || (!node.address && !node.port)) return "";
  return `${shown(node.address, 48)}:${Number(node.port) || 0}`;
}

/** An event as its node and its time. */
export const place = (event) => [named(event.node), ` ${event.t}`];

/** "1 message", "2 messages". */
export function count(n, one, many = `${one}s`) {
  return `${number(n)} ${n === 1 ? one : many}`;
}

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** A number for people. */
export const number = (n) => (Number.isFinite(n) ? GROUPED.format(n) : "–");

/** A Lamport time where there is little room. */
export function label(t) {
  const digits = String(t);
  return digits.length > 7 ? `…${digits.slice(-6)}` : digits;
}

/** A time in milliseconds for people. */
export function duration(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 1) return `${number(Math.round(ms * 1000))} µs`;
  if (ms < 1000) return `${number(ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms))} ms`;
  if (ms < 120_000) return `${number(Math.round(ms / 100) / 10)} s`;
  return `${number(Math.round(ms / 60_000))} min`;
}

/** Unix microseconds as the clock on the reader's wall. */
export function wallClock(us) {
  const date = new Date(us / 1000);
  if (Number.isNaN(date.getTime())) return "–";
  const two = (n, width = 2) => String(n).padStart(width, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const fraction = two(date.getMilliseconds(), 3) + two(Math.floor(us % 1000), 3);
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${fraction}`;
}

const quoted = (text) => (text === null || text === undefined ? ["a message"] : ["“", theirs(text), "”"]);

/**
 * What an event is, as a sentence.
 * @param {import("./model.js").Model} model
 * @param {import("./model.js").Event} event
 */
export function sentence(model, event) {
  const node = named(event.node);
  const peer = event.p === null ? null : named(model.nodes.get(event.p));
  const author = named(model.authorOf(event));
  const text = model.textOf(event);
  const why = event.x ? [": ", theirs(event.x)] : [];
  if (event.k === "opened") return [node, " opens its stream"];
  if (event.k === "lost") return [node, " notices that ", named(model.authorOf(event)), " is gone", ...why];
  if (event.k === "send") return sending(event, { node, peer, author, text, why });
  return receiving(event, { node, peer, author, text, why });
}

function sending(event, { node, peer, author, text, why }) {
  const to = event.f ? `${number(event.f)} participants` : peer ?? "a participant";
  if (event.n !== 0) {
    if (event.s === "publish") return [node, " publishes ", ...quoted(text)];
    if (event.s === "connect") return [node, " asks to join"];
    if (event.s === "disconnect") return [node, " says that it leaves"];
    return [node, " sends something unfit"];
  }
  if (event.s === "publish") return [node, " delivers ", ...quoted(text), " from ", author, " to ", to];
  if (event.s === "join") return [node, " tells ", to, " that ", author, " has joined"];
  if (event.s === "leave") return [node, " tells ", to, " that ", author, " has left"];
  if (event.s === "ack") return [node, " confirms to ", to, " that it has left"];
  return [node, " sends a notice to ", to, ...why];
}

function receiving(event, { node, peer, author, text, why }) {
  const is = event.e === "unknown" ? " is not known to have received" : " receives";
  if (event.n === 0) {
    const from = peer ?? "somebody";
    if (event.s === "publish") return [node, " accepts ", ...quoted(text), " from ", from];
    if (event.s === "connect") return [node, " lets ", from, " in"];
    if (event.s === "disconnect") return [node, " hears that ", from, " leaves"];
    return [node, " refuses what ", from, " sent", ...why];
  }
  if (event.s === "publish") return [node, is, " ", ...quoted(text), " from ", author];
  if (event.s === "join") return [node, is, " that ", author, " has joined"];
  if (event.s === "leave") return [node, is, " that ", author, " has left"];
  if (event.s === "ack") return [node, is, " the confirmation that it has left"];
  return [node, is, " a notice", ...why];
}

/** How an event is known. */
export const EVIDENCE = {
  own: "recorded by the node itself",
  implied: "the server received it, so it was sent at this time",
  placed: "exact: the participant has said what it had seen",
  assumed: "when it happened is not known: drawn at the earliest possible time",
  unknown: "the recipient was gone before it was known to have arrived",
};

/** What is missing, as a sentence. */
export function missing(gap) {
  const how = gap.missed === null ? "An unknown number of entries is" : gap.missed === 1 ? "1 entry is" : `${number(gap.missed)} entries are`;
  return [`${how} missing here`, ...(gap.why ? [": ", theirs(gap.why, 160)] : [])];
}

/** The kind of a message in a word. */
export const SUBJECTS = {
  connect: "a connect", publish: "a message", disconnect: "a disconnect", join: "a join",
  leave: "a leave", ack: "a confirmation", notice: "a notice", unfit: "something unfit",
};

/**
 * A few words for an event beside its dot, if it is worth any: what strangers said, or what happened.
 * @returns {null|{words: string, quotes: [string, string]}}
 */
export function fewWords(model, event) {
  const plain = (words) => ({ words, quotes: ["", ""] });
  if (event.f > 0) return plain(`to ${number(event.f)}`);
  if (event.n !== 0) {
    const said = event.k === "send" && event.s === "publish" ? model.textOf(event) : null;
    return said === null ? null : { words: said, quotes: ["“", "”"] };
  }
  const who = nameOf(model.authorOf(event), 24);
  if (event.k === "lost") return plain(`${who} is lost`);
  if (event.s === "ack") return plain(`${who} leaves`);
  if (event.k === "receive" && event.s === "connect") return plain(`${who} joins`);
  if (event.s === "unfit") return plain("refused");
  return event.s === "notice" ? plain("notice") : null;
}

/** Cuts words so that they fit on a canvas. Measuring is slow, so it remembers what it has measured. */
export class Fitter {
  #known = new Map();

  /** @param {CanvasRenderingContext2D} ctx */
  constructor(ctx) {
    this.ctx = ctx;
  }

  /** A stranger's text, safe and cut to a width, in quotation marks or without; empty if nothing fits. */
  fit(text, width, [open, close] = ["", ""]) {
    const room = Math.floor(width / 4) * 4;
    const key = `${this.ctx.font}|${room}|${open}|${text}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const safe = [...shown(text, 200)];
    const whole = (n) => open + ISOLATE + safe.slice(0, n).join("") + (n < safe.length ? "…" : "") + POP + close;
    let [low, high] = [0, safe.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.ctx.measureText(whole(middle)).width <= room) low = middle;
      else high = middle - 1;
    }
    if (this.#known.size > 4000) this.#known.clear();
    const fitting = low ? whole(low) : "";
    this.#known.set(key, fitting);
    return fitting;
  }
}
