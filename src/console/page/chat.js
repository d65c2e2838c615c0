/*
 * The page as a participant: it joins over a WebSocket, and is then a Lamport process like any other.
 *
 * It speaks the chat's own protocol, message for message, in JSON. It does not look at the picture: what the
 * picture shows of it, the server has said. Its own words are written down as they are sent, since the server does not
 * deliver them to their author.
 */

import { LamportClock } from "./clock.js";
import { element, growing, number, onPage, shown, speaker, spoken, theirs } from "./words.js";

const MOST_LINES = 200;
const LAST_WORD_MS = 5000;

export class Chat {
  /** @type {WebSocket|null} */
  #socket = null;
  #self = null;
  #seen = 0;
  #hasStatus = false;

  /**
   * @param {string} address
   * @param {Record<string, HTMLElement>} places name, join, text, send, leave, notice, count, lines, clock, out, in
   * @param {() => string|null} token
   */
  constructor(address, places, token) {
    Object.assign(this, { address, places, token });
    this.clock = new LamportClock();
    this.state = "off";
    this.add = growing(places.lines, MOST_LINES);
    this.limits = { text: 128, name: 64 };
    places.out.addEventListener("submit", (event) => {
      event.preventDefault();
      this.join();
    });
    places.in.addEventListener("submit", (event) => {
      event.preventDefault();
      this.publish();
    });
    places.text.addEventListener("input", () => this.#count());
    places.name.addEventListener("input", () => this.#count());
    places.leave.addEventListener("click", () => this.leave());
    this.#set("off");
  }

  /** What the server says of chatting. */
  allow(info) {
    this.limits = { text: info.text_limit ?? 128, name: info.name_limit ?? 64 };
    if (info.chat) {
      if (this.state === "off") this.#set("out");
      return;
    }
    this.#set("off");
    this.#notice(info.chat_refused ? shown(info.chat_refused) : "this server does not let the console chat");
  }

  join() {
    const name = this.places.name.value;
    const length = [...name].length;
    if (this.state !== "out" || length < 1 || length > this.limits.name) return;
    const port = 1 + Math.floor(Math.random() * 65535);
    this.#self = { client_address: "console", client_port: port, client_name: name };
    this.#seen = 0;
    this.#hasStatus = false;
    this.clock = new LamportClock();
    this.#notice("");
    this.#set("joining");
    const address = new URL(this.address, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ token: this.token() }));
      this.clock.tick();
      this.#send("CONNECT", "connect message");
    });
    socket.addEventListener("message", (event) => this.#socket === socket && this.#received(event.data));
    socket.addEventListener("close", () => this.#socket === socket && this.#ended());
  }

  publish() {
    const text = this.places.text.value;
    const length = [...text].length;
    if (this.state !== "in" || length < 1 || length > this.limits.text) return;
    const time = this.#send("PUBLISH", text);
    this.#line(time, [speaker(this.#self.client_name), ": ", ...spoken(text)], "own");
    this.places.text.value = "";
    this.#notice("");
    this.#count();
    this.places.text.focus();
  }

  leave() {
    const socket = this.#socket;
    if (!socket) return;
    if (this.state !== "in" || socket.readyState !== WebSocket.OPEN) {
      socket.close();
      return;
    }
    this.#send("DISCONNECT", "disconnect message");
    this.#set("leaving");
    setTimeout(() => socket.close(), LAST_WORD_MS);
  }

  #send(type, text) {
    const time = this.clock.tick();
    this.#socket.send(JSON.stringify({ type, text, time, client_reference: this.#self, seen: this.#seen }));
    this.#showClock();
    return time;
  }

  #received(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.#notice("the server has sent something unreadable");
      return;
    }
    if (message.status) {
      this.#hasStatus = true;
      const { code, message: words } = message.status;
      if (code !== "OK") this.#notice(`${shown(words || "the server has ended the session")} (${shown(code)})`);
      return;
    }
    const time = this.clock.witness(message.time);
    if (Number.isSafeInteger(message.time)) this.#seen = message.time;
    this.#showClock();
    this.#delivered(time, message);
  }

  #delivered(time, message) {
    const who = speaker(message.client_reference?.client_name);
    const type = message.type ?? "CONNECT";
    if (type === "PUBLISH") {
      this.#line(time, [who, ": ", ...spoken(message.text)], "");
    } else if (type === "NOTICE") {
      this.#notice(shown(message.text));
      this.#told(time, [theirs(message.text)]);
    } else if (type === "ACK") {
      this.#told(time, ["You have left"]);
      this.#notice("");
    } else if (type === "DISCONNECT") {
      this.#told(time, [who, " has left"]);
    } else if (this.#isSelf(message.client_reference)) {
      const others = (message.participants ?? []).filter((one) => !this.#isSelf(one));
      const names = others.slice(0, 8).flatMap((one, at) => [at ? ", " : "", speaker(one.client_name)]);
      const more = others.length > 8 ? ` and ${number(others.length - 8)} more` : "";
      this.#told(time, ["You have joined", ...(others.length ? ["; here already: ", ...names, more] : [])]);
      this.#set("in");
      this.places.text.focus();
    } else {
      this.#told(time, [who, " has joined"]);
    }
  }

  #isSelf(reference) {
    const self = this.#self;
    return (
      reference?.client_name === self.client_name &&
      reference.client_port === self.client_port &&
      reference.client_address === self.client_address
    );
  }

  #ended() {
    const isWanted = this.state === "leaving" || this.#hasStatus;
    this.#socket = null;
    if (!isWanted) this.#notice("the connection to the chat has ended");
    this.#set("out");
  }

  #set(state) {
    this.state = state;
    const { places } = this;
    places.out.hidden = state === "in" || state === "leaving";
    places.in.hidden = !places.out.hidden;
    places.name.disabled = state !== "out";
    places.leave.disabled = state !== "in";
    places.text.disabled = state !== "in";
    places.join.textContent = state === "joining" ? "Joining…" : "Join";
    this.#count();
    this.#showClock();
  }

  #count() {
    const { places, limits } = this;
    const length = [...places.text.value].length;
    places.count.textContent = `${length} / ${limits.text}`;
    const isOver = length > limits.text;
    places.count.classList.toggle("over", isOver);
    places.text.setAttribute("aria-invalid", String(isOver));
    places.send.disabled = this.state !== "in" || length < 1 || isOver;
    const name = [...places.name.value].length;
    places.join.disabled = this.state !== "out" || name < 1 || name > limits.name;
  }

  #showClock() {
    const isThere = this.state === "in" || this.state === "leaving";
    this.places.clock.textContent = isThere ? `Your Lamport time: ${number(this.clock.now)}` : "";
  }

  #notice(words) {
    this.places.notice.textContent = words;
    this.places.notice.hidden = !words;
  }

  /** What the server says. It is called by the one name that nobody else can have. */
  #told(time, parts) {
    this.#line(time, ["server: ", ...parts], "told");
  }

  #line(time, parts, className) {
    this.add(element("li", className, element("span", "time", String(time)), element("span", "said", ...onPage(parts))));
  }
}
