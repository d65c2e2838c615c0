/*
 * The Lamport clock of the page as a participant.
 *
 * It is the same rule as in every other node: an event of one's own is one more, and a receipt is one
 * more than the greater of what one had and what came. It knows nothing of messages or sockets, so that
 * there is one place where the rule can be read.
 */

/** A counter that only rises. */
export class LamportClock {
  #now = 0;

  /** The time of the last event. */
  get now() {
    return this.#now;
  }

  /** A local event, or a send: what it returns is the event's time. */
  tick() {
    this.#now += 1;
    return this.#now;
  }

  /**
   * A receipt. Whatever is not a time counts as 0: it is an event all the same.
   * @param {unknown} seen the time that came with the message
   */
  witness(seen) {
    const time = Number.isSafeInteger(seen) && seen > 0 ? seen : 0;
    this.#now = Math.max(this.#now, time) + 1;
    return this.#now;
  }
}
