/*
 * What is said about the events that are pointed at and chosen, and about how two lie to each other.
 *
 * It gets a choice and writes it out; it does not decide what is chosen, and works out no cones. What has not
 * changed is left alone, so that a link keeps the focus while the conversation goes on.
 */

import { doubts, lastKnown } from "./cones.js";
import { EVIDENCE, SUBJECTS, count, duration, element, number, onPage, place, sentence, theirs, wallClock } from "./words.js";

const TRACE = /^[0-9a-f]{32}$/;
/** A chain longer than this is cut in the middle when it is listed. */
const MOST_STEPS = 40;

export class Details {
  #traceUrl = null;

  /**
   * @param {import("./model.js").Model} model
   * @param {{relation: HTMLElement, chosen: HTMLElement, pointed: HTMLElement, hint: HTMLElement}} places
   */
  constructor(model, places) {
    this.model = model;
    this.places = places;
  }

  /** Where traces are to be seen, if anywhere: `{trace}` stands for the trace's id. */
  setTraceUrl(url) {
    this.#traceUrl = null;
    if (typeof url !== "string") return;
    try {
      const { protocol } = new URL(url.replace("{trace}", "0"), location.href);
      if (protocol === "http:" || protocol === "https:") this.#traceUrl = url;
    } catch {
      // An address that is none is as good as no address.
    }
  }

  /** @param {import("./main.js").Choice} choice */
  show(choice) {
    const { first, second } = choice;
    const pointed = choice.hover ?? choice.focus ?? choice.lastPointed;
    const isOther = pointed && !pointed.gone && pointed !== first && pointed !== second;
    put(this.places.relation, first && second ? this.#relation(choice) : first ? this.#cones(choice) : []);
    const chosen = [];
    if (first) chosen.push(this.#event(first, "a"));
    if (second) chosen.push(this.#event(second, "b"));
    put(this.places.chosen, chosen);
    put(this.places.pointed, isOther ? [this.#event(pointed, "")] : []);
    this.places.hint.hidden = Boolean(first || isOther);
  }

  /** What is to be said of the choice in one sentence. */
  verdict({ first, second, relation }) {
    if (!second) return [...place(first), " and what it has to do with the rest"];
    const [a, b] = [place(first), place(second)];
    if (relation === "before") return [...a, " (a) happened before ", ...b, " (b)"];
    if (relation === "after") return [...b, " (b) happened before ", ...a, " (a)"];
    return [...a, " (a) and ", ...b, " (b) are concurrent"];
  }

  #cones(choice) {
    const { past, future } = choice;
    const before = past.size(this.model);
    const after = future.size(this.model);
    const rest = Math.max(0, this.model.count - before - after - 1);
    const swatch = (kind, words) => element("li", "", element("span", `swatch ${kind}`), words);
    return [
      element("p", "lead", ...onPage(this.verdict(choice))),
      element(
        "ul", "sizes",
        swatch("past", `${count(before, "event")} in its causal past`),
        swatch("future", `${count(after, "event")} in its causal future`),
        swatch("pale", `${count(rest, "event")} concurrent with it`),
      ),
      element("p", "quiet", "Click another event to compare, or this one again to clear."),
    ];
  }

  #relation(choice) {
    const { first, second, relation, steps, past, otherPast } = choice;
    const parts = [element("p", "lead", ...onPage(this.verdict(choice)))];
    if (relation === "concurrent") {
      parts.push(
        element("p", "", "No chain of messages leads from one to the other:"),
        element("ul", "why", this.#known(first, second, past), this.#known(second, first, otherPast)),
      );
    } else {
      parts.push(this.#steps(steps));
    }
    parts.push(...this.#doubts(first, second, relation, steps));
    return parts;
  }

  /** Up to where one event can have known of the other's node. */
  #known(of, other, cone) {
    const last = lastKnown(this.model, cone, other.node);
    const [self, that] = [place(of), place(other)];
    if (of.n === other.n) return element("li", "", ...onPage([...self, " and ", ...that, " have the same time on one line"]));
    const name = place(other)[0];
    if (!last) return element("li", "", ...onPage(["nothing that happened at ", name, " is in the past of ", ...self]));
    return element("li", "", ...onPage([...place(last), " is the last event of ", name, " in the past of ", ...self, "; ", ...that, " came after it"]));
  }

  #steps(steps) {
    const list = element("ol", "steps");
    const last = steps.length - 1;
    for (let at = 0; at < last; at += 1) {
      if (last > MOST_STEPS && at === MOST_STEPS / 2) {
        list.append(element("li", "quiet", `… ${number(last - MOST_STEPS)} more steps …`));
        at = last - MOST_STEPS / 2;
      }
      const [from, to] = [steps[at], steps[at + 1]];
      const text = from.n === to.n ? null : this.model.textOf(to);
      const how = from.n === to.n ? ["same process"] : text ? ["message “", theirs(text, 40), "”"] : [SUBJECTS[to.s] ?? "a message"];
      list.append(element("li", "", ...onPage([...place(from), " → ", ...place(to), " "]), element("span", "quiet", "(", ...onPage(how), ")")));
    }
    return list;
  }

  #doubts(first, second, relation, steps) {
    const found = doubts(this.model, first, second, steps);
    const said = [];
    if (relation === "concurrent" && found.gaps) {
      const how = found.missed === null ? "an unknown number of entries is" : `${count(found.missed, "entry is", "entries are")}`;
      said.push(`As far as is known: ${how} missing between them, and a chain may have led over those.`);
    }
    if (relation === "concurrent" && found.fans) {
      said.push("As far as is known: between them are deliveries to so many that single receipts are not noted.");
    }
    if (found.assumed) said.push("The chain leads over a receipt whose time is assumed: it holds if that came before the next step.");
    return said.map((words) => element("p", "doubt", words));
  }

  #event(event, letter) {
    const { model } = this;
    const title = element("h3", "", ...(letter ? [element("span", "letter", letter), " "] : []), ...onPage(sentence(model, event)));
    const facts = element("dl", "facts");
    const fact = (name, ...value) => facts.append(element("dt", "", name), element("dd", "", ...value));
    fact("Event", ...onPage(place(event)));
    const accepted = model.acceptedOf(event);
    const author = model.authorOf(event);
    if (author) fact(event.s === "publish" ? "Author" : "About", ...onPage([place({ node: author, t: "" })[0]]), element("span", `swatch by${(author.id - 1) % 8}`));
    if (accepted?.c) fact("Sent at", ...onPage(this.#placeOf(accepted.c)));
    if (accepted) fact("Accepted at", ...onPage(place(accepted)));
    if (event.n !== 0 && event.cause && event.k === "receive") {
      fact("Delivered at", ...onPage(this.#placeOf(event.c)));
    }
    if (event.k === "receive" && event !== accepted && !event.isCross) fact("Received at", ...onPage(place(event)));
    if (event.n === 0 && event.k === "send" && event.effects?.length === 1) {
      const [effect] = event.effects;
      fact(effect.isCross ? "Not received by" : "Received at", ...onPage(effect.isCross ? place(effect).slice(0, 1) : place(effect)));
    }
    const wall = event.w ?? accepted?.w ?? null;
    if (wall !== null) fact("Wall clock", wallClock(wall));
    if (event.q !== undefined) fact("Wait in the log", event.q === null ? "still unread" : `at most ${duration(event.q)}`);
    fact("Known", EVIDENCE[event.e] ?? "otherwise");
    const trace = this.#trace(event.i ?? accepted?.i ?? null);
    if (trace) fact("Trace", trace);
    return element("article", "event", title, facts);
  }

  /** The place [node, time] of a send, whether or not it is still known. */
  #placeOf([n, t]) {
    return place({ node: this.model.nodes.get(n) ?? null, t });
  }

  #trace(id) {
    if (!id || !this.#traceUrl || !TRACE.test(id)) return null;
    const link = element("a", "", id);
    link.href = this.#traceUrl.replace("{trace}", id);
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    return link;
  }
}

/** Puts new content in a place, if it is not what is there already. */
function put(where, content) {
  const fresh = where.cloneNode(false);
  fresh.append(...content);
  if (!fresh.isEqualNode(where)) where.replaceChildren(...fresh.childNodes);
}
