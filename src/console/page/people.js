/*
 * Who is present: a table of participants with their clocks and how far each is behind in reading the log.
 *
 * The server sends the furthest behind first, at most 200. Rows are kept from one time to the next and only
 * their cells change, so that reading or selecting in the table is not disturbed.
 */

import { addressOf, count, duration, element, nameOf, number } from "./words.js";

export class People {
  /** @type {Map<number, {row: HTMLTableRowElement, cells: HTMLElement[]}>} */
  #rows = new Map();

  /**
   * @param {import("./model.js").Model} model
   * @param {HTMLTableSectionElement} body
   * @param {HTMLElement} note how many there are
   * @param {(id: number) => void} chosen somebody's name was clicked
   */
  constructor(model, body, note, chosen) {
    Object.assign(this, { model, body, note, chosen });
  }

  clear() {
    this.#rows.clear();
    this.body.replaceChildren();
    this.note.textContent = "";
  }

  /** @param {{head: number, present: number, people: {id: number, clock: number, messages: number, lag: number, age_ms: number|null}[]}} news */
  show(news) {
    const people = Array.isArray(news?.people) ? news.people.slice(0, 200) : [];
    const most = people.reduce((lag, one) => Math.max(lag, one.lag), 0);
    const present = new Set(people.map((one) => one.id));
    for (const [id, { row }] of this.#rows) {
      if (present.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    people.forEach((one, at) => {
      const { row, cells } = this.#rows.get(one.id) ?? this.#make(one.id);
      this.#fill(cells, one);
      row.classList.toggle("slowest", most > 0 && one.lag === most);
      if (this.body.children[at] !== row) this.body.insertBefore(row, this.body.children[at] ?? null);
    });
    const more = news.present > people.length ? `, the ${people.length} furthest behind are shown` : "";
    const slow = most > 0 ? `; the slowest lags ${count(most, "entry", "entries")}` : "";
    this.note.textContent = `${number(news.present)} present${more}${slow}`;
  }

  #make(id) {
    const name = element("button", "plain");
    name.type = "button";
    name.addEventListener("click", () => this.chosen(id));
    const head = element("th", "", name);
    head.scope = "row";
    const cells = [name, ...Array.from({ length: 4 }, () => element("td", ""))];
    const row = element("tr", "", head, ...cells.slice(1));
    const made = { row, cells };
    this.#rows.set(id, made);
    return made;
  }

  #fill([name, clock, messages, lag, age], one) {
    const node = this.model.nodes.get(one.id);
    const words = node ? nameOf(node) : `node ${one.id}`;
    if (name.textContent !== words) {
      const bdi = element("bdi", "", words);
      name.replaceChildren(element("span", `swatch by${(one.id - 1) % 8}`), bdi);
      name.title = node ? `${words} ${addressOf(node)}` : words;
    }
    const set = (cell, text) => {
      if (cell.textContent !== text) cell.textContent = text;
    };
    set(clock, number(one.clock));
    set(messages, number(one.messages));
    set(lag, number(one.lag));
    set(age, one.age_ms === null || one.age_ms === undefined ? "–" : duration(one.age_ms));
  }
}
