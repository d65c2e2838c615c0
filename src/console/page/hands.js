/*
 * Hands on the picture: pointer, wheel and keyboard.
 *
 * It turns gestures into calls of the view (where to look) and of the `acts` it was given (what is pointed at and
 * chosen). It remembers nothing but the fingers that are down and where the pointer is.
 */

import { placeOf } from "./model.js";

/** Less than this is a click, and more is a drag. */
const STILL = 5;

export class Hands {
  #down = new Map();
  #start = null;
  #isDrag = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./view.js").View} view
   * @param {object} acts hover(event, x, y), choose(event|null), focus(event), clear(), moved(), pause(), follow(), keys()
   */
  constructor(canvas, view, acts) {
    this.canvas = canvas;
    this.view = view;
    this.acts = acts;
    this.at = null;
    const on = (name, act, options) => canvas.addEventListener(name, act, options);
    on("pointerdown", (event) => this.#press(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#release(event, true));
    on("pointercancel", (event) => this.#release(event, false));
    on("pointerleave", () => this.#leave());
    on("wheel", (event) => this.#wheel(event), { passive: false });
    on("keydown", (event) => this.#key(event));
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #press(event) {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    const point = this.#point(event);
    this.#down.set(event.pointerId, point);
    this.canvas.setPointerCapture?.(event.pointerId);
    if (this.#down.size === 1) {
      this.#start = point;
      this.#isDrag = false;
    } else {
      this.#isDrag = true;
    }
  }

  #move(event) {
    const point = this.#point(event);
    const before = this.#down.get(event.pointerId);
    if (!before) {
      this.at = point;
      this.#hover(event.pointerType === "touch" ? 20 : 11);
      return;
    }
    if (this.#down.size >= 2) {
      this.#pinch(event.pointerId, before, point);
      return;
    }
    if (!this.#isDrag && Math.hypot(point.x - this.#start.x, point.y - this.#start.y) < STILL) return;
    this.#isDrag = true;
    this.#down.set(event.pointerId, point);
    this.view.pan(point.x - before.x, point.y - before.y);
    this.at = point;
    this.acts.hover(null);
    this.acts.moved();
  }

  /** Two fingers: what is between them grows with their distance, across and down each by itself. */
  #pinch(id, before, point) {
    const other = [...this.#down].find(([key]) => key !== id)[1];
    this.#down.set(id, point);
    const middle = { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 };
    const apart = (a, b) => Math.max(24, Math.abs(a - b));
    const [dx, dy] = [point.x - before.x, point.y - before.y];
    if (Math.abs(point.y - other.y) > 48) this.view.zoomRows(apart(point.y, other.y) / apart(before.y, other.y), middle.y);
    if (Math.abs(point.x - other.x) > 48) this.view.zoomColumns(apart(point.x, other.x) / apart(before.x, other.x), middle.x);
    this.view.pan(dx / 2, dy / 2);
    this.acts.moved();
  }

  #release(event, isDone) {
    const wasDown = this.#down.delete(event.pointerId);
    if (!wasDown || this.#down.size) return;
    if (!isDone || this.#isDrag) return;
    const { x, y } = this.#point(event);
    this.acts.choose(this.view.hit(x, y, event.pointerType === "touch" ? 22 : 11));
  }

  #leave() {
    this.at = null;
    this.acts.hover(null);
  }

  #hover(reach) {
    if (!this.at) return;
    this.acts.hover(this.view.hit(this.at.x, this.at.y, reach), this.at.x, this.at.y);
  }

  #wheel(event) {
    event.preventDefault();
    const { view } = this;
    const { x, y } = this.#point(event);
    const unit = event.deltaMode === 1 ? 24 : event.deltaMode === 2 ? view.height : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.ctrlKey || event.metaKey) {
      const factor = Math.exp(-Math.max(-200, Math.min(200, dy || dx)) / 300);
      if (event.shiftKey) view.zoomColumns(factor, x);
      else view.zoomRows(factor, y);
    } else if (event.shiftKey && !dx) {
      view.pan(-dy, 0);
    } else {
      view.pan(-dx, -dy);
    }
    this.at = { x, y };
    this.#hover(11);
    this.acts.moved();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = this.#keys()[event.key];
    if (!act) return;
    event.preventDefault();
    act();
    this.acts.moved();
  }

  #keys() {
    const { view, acts } = this;
    const focus = acts.focused();
    const middle = () => (focus ? view.spot(focus).y : view.height / 2);
    const middleX = () => (focus ? view.spot(focus).x : view.width / 2);
    return {
      ArrowUp: () => this.#along(-1),
      ArrowDown: () => this.#along(1),
      ArrowLeft: () => this.#across(focus?.cause, "no cause is known"),
      ArrowRight: () => this.#across(focus?.effects?.[0], "no effect is known"),
      Home: () => this.#end(0),
      End: () => this.#end(-1),
      PageUp: () => view.scrollTo(view.top - view.room * 0.9),
      PageDown: () => view.scrollTo(view.top + view.room * 0.9),
      Enter: () => focus && acts.choose(focus),
      Escape: () => acts.clear(),
      " ": () => acts.pause(),
      f: () => acts.follow(),
      F: () => acts.follow(),
      "+": () => view.zoomRows(1.25, middle()),
      "=": () => view.zoomRows(1.25, middle()),
      "-": () => view.zoomRows(0.8, middle()),
      "]": () => view.zoomColumns(1.25, middleX()),
      "[": () => view.zoomColumns(0.8, middleX()),
      0: () => view.zoomBack(),
      "?": () => acts.keys(),
    };
  }

  /** To the event before or after on the same line. Without a focus yet, to the newest in view. */
  #along(step) {
    const focus = this.acts.focused();
    if (!focus) {
      const [first, last] = this.view.rows;
      for (let at = last; at >= first; at -= 1) {
        const found = this.view.model.rows[at].events.find((event) => !event.isCross);
        if (found) {
          this.#focus(found);
          return;
        }
      }
      return;
    }
    const { line } = focus.node;
    const at = placeOf(line, focus.t);
    const next = focus.isCross && step > 0 ? line[at] : line[at + step];
    if (next) this.#focus(next);
    else this.acts.say(step < 0 ? "this is the first event of its node" : "this is the last event of its node");
  }

  #across(event, otherwise) {
    if (event) this.#focus(event);
    else if (this.acts.focused()) this.acts.say(otherwise);
    else this.#along(0);
  }

  /** To the first or the last event: of the node that has the focus, or else of all. */
  #end(which) {
    const focus = this.acts.focused();
    const line = focus?.node.line ?? this.view.model.nodes.get(0)?.line ?? [];
    const event = line.at(which);
    if (event) this.#focus(event);
  }

  #focus(event) {
    this.view.reveal(event);
    this.acts.focus(event);
  }
}
