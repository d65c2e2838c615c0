/*
 * Puts the page together: the feed fills the model, the view says where things are, the painter paints them, and
 * hands and buttons change what is looked at and chosen.
 *
 * What is chosen lives here, since the picture and the details both show it. A frame is painted only when
 * something has changed. For tests and for the curious, `globalThis.chittychat` tells what the picture shows.
 */

import { Charts } from "./charts.js";
import { Chat } from "./chat.js";
import { chain, future, past, relation } from "./cones.js";
import { Details } from "./details.js";
import { Painter } from "./draw.js";
import { Feed } from "./feed.js";
import { Hands } from "./hands.js";
import { Model } from "./model.js";
import { People } from "./people.js";
import { View } from "./view.js";
import { count, element, growing, inLine, isolated, missing, number, onPage, place, sentence, shown, theirs } from "./words.js";

/**
 * What is pointed at and chosen. The cones are those of `first`.
 * @typedef {{hover: ?import("./model.js").Event, focus: ?import("./model.js").Event, hasFocus: boolean,
 *   lastPointed: ?import("./model.js").Event, first: ?import("./model.js").Event, second: ?import("./model.js").Event,
 *   past: ?import("./cones.js").Cone, future: ?import("./cones.js").Cone, otherPast: ?import("./cones.js").Cone,
 *   relation: ?string, steps: ?import("./model.js").Event[]}} Choice
 */

const TOKEN = "chittychat-token";
const CONES_MS = 250;
const MOST_FRAMES = 600;
const MOST_LOG = 200;

const $ = (id) => document.getElementById(id);
const canvas = $("picture");
const model = new Model();
const view = new View(model);
const painter = new Painter(canvas, view);
const details = new Details(model, { relation: $("relation"), chosen: $("chosen"), pointed: $("pointed"), hint: $("hint") });
const people = new People(model, $("people-rows"), $("people-note"), revealLatest);
const charts = new Charts({ rate: $("rate"), latency: $("latency"), rateText: $("rate-text"), latencyText: $("latency-text") });
const addToLog = growing($("log"), MOST_LOG);
let token = sessionStorage.getItem(TOKEN);
const chat = new Chat("/console/ws", {
  name: $("chat-name"), join: $("chat-join"), text: $("chat-text"), send: $("chat-send"), leave: $("chat-leave"),
  notice: $("chat-notice"), count: $("chat-count"), lines: $("chat-lines"), clock: $("chat-clock"), out: $("chat-out"), in: $("chat-in"),
}, () => token);

/** @type {Choice} */
const choice = {
  hover: null, focus: null, hasFocus: false, lastPointed: null, first: null, second: null,
  past: null, future: null, otherPast: null, relation: null, steps: null,
};

// ---- frames ----

let isDirty = false;
let work = 0;
let frames = [];
let frameCount = 0;
let shownVersion = -1;
let conesVersion = -1;
let conesAt = 0;

function dirty() {
  if (isDirty) return;
  isDirty = true;
  requestAnimationFrame(frame);
}

/** Counts the time that something takes to the next frame. */
function timed(act) {
  const start = performance.now();
  act();
  work += performance.now() - start;
}

function frame() {
  isDirty = false;
  timed(() => {
    forgetGone();
    refreshCones();
    painter.paint(choice);
    showState();
    if (shownVersion !== model.version) {
      shownVersion = model.version;
      details.show(choice);
      showNews();
      showGaps();
    }
  });
  frames.push(work);
  if (frames.length > MOST_FRAMES) frames = frames.slice(-MOST_FRAMES);
  frameCount += 1;
  work = 0;
}

// ---- choosing ----

function forgetGone() {
  for (const which of ["hover", "focus", "lastPointed", "second"]) if (choice[which]?.gone) choice[which] = null;
  if (choice.first?.gone) choose(null);
}

/** Cones grow with the conversation, but need not be made for every message. */
function refreshCones() {
  if (!choice.first || conesVersion === model.version) return;
  const now = performance.now();
  if (now - conesAt < CONES_MS) {
    setTimeout(dirty, CONES_MS);
    return;
  }
  makeCones();
}

function makeCones() {
  const { first, second } = choice;
  conesVersion = model.version;
  conesAt = performance.now();
  Object.assign(choice, { past: null, future: null, otherPast: null, relation: null, steps: null });
  if (!first) return;
  choice.past = past(first);
  choice.future = future(first);
  if (!second) return;
  choice.otherPast = past(second);
  choice.relation = choice.past.contains(second) ? "after" : choice.otherPast.contains(first) ? "before" : "concurrent";
  if (choice.relation === "before") choice.steps = chain(first, second);
  if (choice.relation === "after") choice.steps = chain(second, first);
}

/** A click: the first event, then a second to compare. On the first again, or beside all: nothing is chosen. */
function choose(event) {
  // A message that did not arrive stands for its send.
  const picked = event?.isCross ? event.cause : event;
  if (!picked || picked === choice.first) Object.assign(choice, { first: null, second: null });
  else if (!choice.first) choice.first = picked;
  else choice.second = picked === choice.second ? null : picked;
  if (picked) choice.focus = picked;
  makeCones();
  details.show(choice);
  if (choice.first) say(inLine(details.verdict(choice)));
  $("cone-legend").hidden = !choice.first;
  dirty();
}

function point(event, x, y) {
  const tip = $("tip");
  canvas.classList.toggle("over", Boolean(event));
  tip.hidden = !event;
  if (event) {
    tip.replaceChildren(element("b", "", String(event.t)), " ", ...onPage(sentence(model, event)));
    const isRight = x > view.width / 2;
    tip.style.left = isRight ? "auto" : `${x + 16}px`;
    tip.style.right = isRight ? `${view.width - x + 16}px` : "auto";
    tip.style.top = `${Math.min(y + 14, view.height - 48)}px`;
  }
  if (event === choice.hover) return;
  choice.hover = event;
  if (event) choice.lastPointed = event;
  details.show(choice);
  dirty();
}

function focus(event) {
  choice.focus = event;
  choice.lastPointed = event;
  say(inLine([...place(event), ": ", ...sentence(model, event)]));
  details.show(choice);
  dirty();
}

function say(words) {
  $("say").textContent = words;
}

function clear() {
  Object.assign(choice, { focus: null, hover: null, lastPointed: null });
  $("tip").hidden = true;
  choose(null);
  say("nothing is chosen");
}

function revealLatest(id) {
  const event = model.nodes.get(id)?.line.at(-1);
  if (!event) return;
  view.halt();
  view.reveal(event);
  focus(event);
}

function togglePause() {
  if (view.paused) view.follow();
  else view.pause();
  say(view.paused ? "paused" : "following");
  dirty();
}

function follow() {
  view.follow();
  dirty();
}

// ---- what stands around the picture ----

function setText(id, text) {
  const it = $(id);
  if (it.textContent !== text) it.textContent = text;
}

function showState() {
  $("pause").setAttribute("aria-pressed", String(view.paused));
  $("follow").setAttribute("aria-pressed", String(view.following));
  const { unseen } = view;
  setText("badge", unseen ? `${number(unseen)} new` : "");
  $("badge").hidden = !unseen;
  const scrub = $("scrub");
  const most = view.mostTop;
  if (Number(scrub.max) !== most) scrub.max = String(most);
  if (Math.abs(Number(scrub.value) - view.top) > 0.01) scrub.value = String(view.top);
  scrub.disabled = most === 0;
  const [first, last] = view.rows;
  const times = model.rows.length ? `Lamport times ${model.rows[first]?.t} to ${model.rows[last]?.t}` : "nothing yet";
  if (scrub.getAttribute("aria-valuetext") !== times) scrub.setAttribute("aria-valuetext", times);
  setText("range", model.rows.length ? `${times} · ${count(model.count, "event")}` : "nothing yet");
  $("empty").hidden = model.count > 0;
}

function showGaps() {
  const note = $("gap-note");
  note.hidden = model.gaps === 0;
  if (!model.gaps) return;
  const last = model.rows.findLast((row) => row.gap).gap;
  const where = model.gaps === 1 ? "" : `${number(model.gaps)} gaps. The last: `;
  const words = [where, ...missing(last)];
  if (note.textContent !== words.map((part) => part.text ?? part).join("")) note.replaceChildren(...onPage(words));
}

/** Writes the latest of what was said, of joins and of leaves, as a list of text. */
function showNews() {
  const news = model.news.splice(0).slice(-MOST_LOG).filter((event) => event.s !== "disconnect");
  if (!news.length) return;
  addToLog(...news.map(logLine));
}

function logLine(event) {
  const who = model.authorOf(event);
  const isSaid = event.k === "receive" && event.s === "publish";
  const name = theirs(who?.name ?? "somebody");
  const parts = isSaid ? [name, ": ", theirs(event.x)] : event.k === "receive" && event.s === "connect" ? [name, " has joined"]
    : event.s === "ack" ? [name, " has left"] : sentence(model, event);
  const dot = element("span", `swatch by${who ? (who.id - 1) % 8 : ""}`);
  const line = element("li", isSaid ? "" : "told", element("span", "time", String(event.t)), dot, element("span", "said", ...onPage(parts)));
  line.addEventListener("click", () => {
    if (event.gone) return;
    view.halt();
    view.reveal(event);
    focus(event);
  });
  return line;
}

// ---- the feed ----

function take(records) {
  timed(() => view.keep(() => model.apply(records)));
  // A page in the background paints no frames, and must not pile up what they would show.
  if (model.news.length > 4 * MOST_LOG) model.news = model.news.slice(-MOST_LOG);
  dirty();
}

function reset() {
  model.reset();
  Object.assign(choice, { hover: null, focus: null, lastPointed: null });
  choose(null);
  view.top = 0;
  view.seen = 0;
  view.settle();
  $("log").replaceChildren();
  people.clear();
  charts.clear();
  dirty();
}

const feed = new Feed("/console/events", {
  records: take,
  gap: (gap) => take([{ ...gap, r: "gap" }]),
  reset,
  people: (news) => people.show(news),
  gauges: (gauges) => {
    charts.push(gauges);
    setText("facts", `${number(gauges.present)} present · Lamport time ${number(gauges.lamport)}`);
  },
  state: (connected, why) => {
    $("state").classList.toggle("on", connected);
    setText("state", connected ? "live" : `not connected: ${shown(why)}`);
  },
  refused: askToken,
});

let isAsked = false;

function askToken(why) {
  isAsked = true;
  setText("token-why", why ? shown(why) : "This console needs a token.");
  const dialog = $("token-dialog");
  if (!dialog.open) dialog.showModal();
  $("token").focus();
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = $("token").value.trim();
  // A header can carry nothing else, and fetch would refuse it without a word that helps.
  if (!/^[\x21-\x7e]+$/.test(given)) {
    setText("token-why", "A token has no spaces and only plain characters.");
    return;
  }
  isAsked = false;
  token = given;
  sessionStorage.setItem(TOKEN, token);
  $("token").value = "";
  $("token-dialog").close();
  feed.token = token;
  feed.start();
});

// Without a token there is nothing to see behind it, so whoever closes it unanswered is asked again.
$("token-dialog").addEventListener("close", () => {
  if (isAsked) $("token-dialog").showModal();
});

async function start(wait = 1000) {
  let info;
  try {
    const answer = await fetch("/console/info", { cache: "no-store" });
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    info = await answer.json();
  } catch (error) {
    setText("state", `not connected: ${error instanceof TypeError ? "the server does not answer" : error.message}`);
    setTimeout(() => start(Math.min(wait * 2, 8000)), wait);
    return;
  }
  setText("server", `${isolated(info.server?.name)} ${isolated(info.server?.address)}:${Number(info.server?.port) || 0}`);
  details.setTraceUrl(info.trace_url);
  chat.allow(info);
  feed.token = token;
  if (info.needs_token && !token) askToken("");
  else feed.start();
}

// ---- hands, buttons, sizes ----

new Hands(canvas, view, {
  hover: point, choose, focus, clear, moved: dirty, pause: togglePause, follow, say,
  keys: () => $("keys-dialog").showModal(),
  focused: () => (choice.focus && !choice.focus.gone ? choice.focus : null),
});
const onClick = (id, act) => $(id).addEventListener("click", () => {
  act();
  dirty();
});
onClick("pause", togglePause);
onClick("follow", follow);
onClick("closer", () => view.zoomRows(1.25, view.height / 2));
onClick("further", () => view.zoomRows(0.8, view.height / 2));
onClick("wider", () => view.zoomColumns(1.25, view.width / 2));
onClick("narrower", () => view.zoomColumns(0.8, view.width / 2));
onClick("usual", () => view.zoomBack());
onClick("keys", () => $("keys-dialog").showModal());
onClick("keys-close", () => $("keys-dialog").close());
$("scrub").addEventListener("input", () => {
  view.scrollTo(Number($("scrub").value));
  dirty();
});
for (const [name, has] of [["focus", true], ["blur", false]]) {
  canvas.addEventListener(name, () => {
    choice.hasFocus = has;
    dirty();
  });
}

function fit() {
  const box = canvas.parentElement.getBoundingClientRect();
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(box.width * ratio));
  canvas.height = Math.max(1, Math.round(box.height * ratio));
  view.resize(box.width, box.height, ratio);
  dirty();
}
new ResizeObserver(fit).observe(canvas.parentElement);
addEventListener("resize", fit);
const dark = matchMedia("(prefers-color-scheme: dark)");
const recolour = () => {
  painter.setDark(dark.matches);
  charts.draw();
  dirty();
};
dark.addEventListener("change", recolour);

// ---- what tests ask ----

const eventAt = (n, t) => model.find(n, t);
const allEvents = () => model.rows.flatMap((row) => row.events);
globalThis.chittychat = {
  model, view, feed, chat, choice,
  /** All arrows, as [from node, from time, to node, to time, evidence of the receive]. */
  arrows: () => allEvents().filter((event) => event.cause).map((event) => [...event.c, event.n, event.t, event.e]),
  /** All dots, as [node, time, column from the left, row from above, evidence]. Crosses are no dots. */
  dots: () => allEvents().filter((event) => !event.isCross)
    .map((event) => [event.n, event.t, event.node.place - model.span.low, event.row.index, event.e]),
  /** The causal past or future of an event, as [[node, time], …]. */
  past: (n, t) => past(eventAt(n, t)).list(model),
  future: (n, t) => future(eventAt(n, t)).list(model),
  /** "same", "before", "after" or "concurrent". */
  relation: (n1, t1, n2, t2) => relation(eventAt(n1, t1), eventAt(n2, t2)),
  /** Why the first happened before the second, as [[node, time], …]; null if it did not. */
  chain: (n1, t1, n2, t2) => chain(eventAt(n1, t1), eventAt(n2, t2))?.map((event) => [event.n, event.t]) ?? null,
  /** How long the script of each frame took, what it took in since the frame before included. */
  frames: () => ({ count: frameCount, last_ms: frames.at(-1) ?? 0, max_ms: Math.max(0, ...frames), list: [...frames] }),
  resetFrames: () => {
    frames = [];
    frameCount = 0;
  },
  /** Where an event stands in the window, in CSS pixels. */
  spot: (n, t) => {
    const box = canvas.getBoundingClientRect();
    const { x, y } = view.spot(eventAt(n, t));
    return { x: box.left + x, y: box.top + y };
  },
  status: () => ({
    connected: feed.connected, records: feed.records, lastSeq: feed.last, following: view.following, paused: view.paused,
    chat: chat.state === "leaving" ? "in" : chat.state, clock: chat.clock.now,
  }),
  /** The colours that the picture is painted in now. */
  theme: () => painter.theme,
  /** Takes in records as if the server had sent them. */
  feedForTest: take,
};

recolour();
fit();
start();
