/*
 * The live feed: an event stream that is read with fetch, since EventSource cannot send a token.
 *
 * It knows the form of the stream, and how to come back where it was after a break; what the records mean is none
 * of its business. `Parser` is apart, so that it can be fed with any cut of the bytes.
 */

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 8000;
/** An event longer than this is not of our server. */
const MOST_CHARACTERS = 64 * 1024 * 1024;

/** Cuts a text stream into events. */
export class Parser {
  #pieces = [];
  #waiting = 0;
  #name = "";
  #id = null;
  #data = [];

  /** @param {(event: {name: string, id: string|null, data: string}) => void} found */
  constructor(found) {
    this.found = found;
  }

  /** The next part of the stream, cut anywhere. */
  feed(text) {
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.#pieces.push(text.slice(from, end));
      const line = this.#pieces.length === 1 ? this.#pieces[0] : this.#pieces.join("");
      this.#pieces = [];
      this.#waiting = 0;
      from = end + 1;
      this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
    }
    if (from >= text.length) return;
    this.#pieces.push(text.slice(from));
    this.#waiting += text.length - from;
    if (this.#waiting > MOST_CHARACTERS) throw new Error("a line of the stream is too long");
  }

  #line(line) {
    if (line === "") {
      if (this.#data.length) this.found({ name: this.#name || "message", id: this.#id, data: this.#data.join("\n") });
      this.#name = "";
      this.#id = null;
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const start = colon >= 0 && line[colon + 1] === " " ? colon + 2 : colon + 1;
    const value = colon < 0 ? "" : line.slice(start);
    if (field === "event") this.#name = value;
    else if (field === "id") this.#id = value;
    else if (field === "data") this.#data.push(value);
  }
}

/** The connection to the server's feed. */
export class Feed {
  #boot = null;
  #wait = FIRST_WAIT_MS;
  #stop = null;
  #timer = 0;

  /**
   * @param {string} address
   * @param {object} hear what is called: records(list), gap(gap), reset(why), people(people), gauges(gauges),
   *   state(connected, why) and refused(sentence)
   */
  constructor(address, hear) {
    this.address = address;
    this.hear = hear;
    this.token = null;
    /** The number of the last record, or -1. */
    this.last = -1;
    this.records = 0;
    this.connected = false;
  }

  /** Begins, or begins anew. */
  start() {
    clearTimeout(this.#timer);
    this.#stop?.abort();
    this.#stop = new AbortController();
    this.#run(this.#stop);
  }

  async #run(stop) {
    let why = "the server has closed the stream";
    try {
      const answer = await this.#ask(stop.signal);
      if (!answer) return;
      await this.#read(answer.body, stop);
    } catch (error) {
      why = error instanceof TypeError ? "the server does not answer" : String(error?.message ?? error);
    }
    if (this.#stop !== stop) return;
    stop.abort();
    this.#state(false, why);
    this.#timer = setTimeout(() => this.start(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }

  async #ask(signal) {
    const from = this.last >= 0 ? `?from=${this.last + 1}` : "";
    const headers = { Accept: "text/event-stream" };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const answer = await fetch(this.address + from, { headers, signal, cache: "no-store", credentials: "same-origin" });
    if (answer.status === 401) {
      this.#state(false, "the server asks for a token");
      this.hear.refused((await answer.text()).slice(0, 400));
      return null;
    }
    // No token would help. It is asked again later, as after any other failure: settings change.
    if (answer.status === 403) throw new Error((await answer.text()).slice(0, 400).trim());
    if (!answer.ok || !answer.body) throw new Error(`the server answers ${answer.status}`);
    return answer;
  }

  async #read(body, stop) {
    const parser = new Parser((event) => this.#heard(event, stop));
    const decoder = new TextDecoder();
    const reader = body.getReader();
    this.#state(true, "");
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#stop !== stop) return;
      parser.feed(decoder.decode(value, { stream: true }));
    }
  }

  #heard({ name, id, data }, stop) {
    if (this.#stop !== stop) return;
    const value = JSON.parse(data);
    if (name === "boot") {
      this.#booted(value.boot);
      return;
    }
    this.#wait = FIRST_WAIT_MS;
    if (name === "reset") {
      this.last = -1;
      this.records = 0;
      this.hear.reset(value.why);
    } else if (name === "records" && Array.isArray(value)) {
      this.records += value.length;
      this.hear.records(value);
    } else if (name === "gap" || name === "people" || name === "gauges") {
      this.hear[name](value);
    }
    const number = id === null ? NaN : Number(id);
    if (Number.isSafeInteger(number)) this.last = number;
  }

  /** Another boot has other numbers: where we were means nothing there, so we ask for all of it. */
  #booted(boot) {
    const isOther = this.#boot !== null && boot !== this.#boot;
    this.#boot = boot;
    if (!isOther) return;
    const hadAsked = this.last >= 0;
    this.last = -1;
    this.records = 0;
    this.hear.reset("the server was started anew");
    if (hadAsked) this.start();
  }

  #state(connected, why) {
    this.connected = connected;
    this.hear.state(connected, why);
  }
}
