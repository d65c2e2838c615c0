/*
 * Small live charts of the last two minutes: messages and deliveries a second, and the latency of deliveries.
 *
 * They are drawn once a second when a sample comes. What they show is said in numbers beside them as well, and in
 * their labels, so nobody depends on the curves.
 */

import { duration, number } from "./words.js";

const SECONDS = 120;
const PAD = { left: 4, right: 52, top: 6, bottom: 4 };

/** The next round number that is not less. */
function round(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value);
}

export class Charts {
  #samples = [];

  /** @param {{rate: HTMLCanvasElement, latency: HTMLCanvasElement, rateText: HTMLElement, latencyText: HTMLElement}} places */
  constructor(places) {
    this.places = places;
    new ResizeObserver(() => this.draw()).observe(places.rate.parentElement);
  }

  clear() {
    this.#samples = [];
    this.draw();
  }

  /** Takes in what the server measured in the last second. */
  push(gauges) {
    if (!Number.isFinite(gauges?.at_ms)) return;
    if (this.#samples.length && gauges.at_ms < this.#samples.at(-1).at_ms) this.#samples = [];
    this.#samples.push(gauges);
    const oldest = gauges.at_ms - SECONDS * 1000;
    while (this.#samples[0].at_ms < oldest) this.#samples.shift();
    this.draw();
  }

  draw() {
    const { rate, latency, rateText, latencyText } = this.places;
    const now = this.#samples.at(-1) ?? {};
    const milli = (us) => (Number.isFinite(us) ? us / 1000 : NaN);
    const words = `${number(now.messages_per_s)} messages/s, ${number(now.deliveries_per_s)} deliveries/s`;
    const waits = Number.isFinite(now.latency_mean_us)
      ? `mean ${duration(milli(now.latency_mean_us))}, max ${duration(milli(now.latency_max_us))}`
      : "no deliveries measured";
    rateText.textContent = words;
    latencyText.textContent = waits;
    this.#label(rate, `Messages and deliveries a second over the last ${SECONDS} seconds: now ${words}`);
    this.#label(latency, `Latency of deliveries over the last ${SECONDS} seconds: now ${waits}`);
    this.#chart(rate, ["messages_per_s", "deliveries_per_s"], 1, number);
    this.#chart(latency, ["latency_mean_us", "latency_max_us"], 0.001, duration);
  }

  #label(canvas, words) {
    canvas.setAttribute("aria-label", words);
  }

  #chart(canvas, series, unit, format) {
    const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const ctx = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    const values = series.flatMap((name) => this.#samples.map((sample) => sample[name])).filter(Number.isFinite);
    const top = round(values.reduce((a, b) => Math.max(a, b), 0) * unit) / unit;
    const [wide, high] = [width - PAD.left - PAD.right, height - PAD.top - PAD.bottom];
    const newest = this.#samples.at(-1)?.at_ms ?? 0;
    const x = (at) => PAD.left + wide * (1 - (newest - at) / (SECONDS * 1000));
    const y = (value) => PAD.top + high * (1 - value / top);
    ctx.strokeStyle = colour("--edge");
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (const part of [0, 0.5, 1]) {
      const at = Math.round(PAD.top + high * part) + 0.5;
      ctx.moveTo(PAD.left, at);
      ctx.lineTo(PAD.left + wide, at);
    }
    ctx.stroke();
    ctx.fillStyle = colour("--faint");
    ctx.font = "11px system-ui, sans-serif";
    ctx.textBaseline = "middle";
    ctx.fillText(format(top * unit), PAD.left + wide + 6, PAD.top + 4);
    ctx.fillText("0", PAD.left + wide + 6, PAD.top + high - 3);
    series.forEach((name, which) => {
      ctx.strokeStyle = colour(which ? "--second" : "--first");
      ctx.setLineDash(which ? [4, 3] : []);
      this.#curve(ctx, name, x, y);
    });
    ctx.setLineDash([]);
  }

  /** A curve with breaks where a second had no sample. */
  #curve(ctx, name, x, y) {
    ctx.lineWidth = 1.8;
    ctx.lineJoin = "round";
    ctx.beginPath();
    let before = -Infinity;
    for (const sample of this.#samples) {
      const value = sample[name];
      if (!Number.isFinite(value)) {
        before = -Infinity;
        continue;
      }
      const at = x(sample.at_ms);
      if (sample.at_ms - before > 3500) ctx.moveTo(at - 1, y(value));
      ctx.lineTo(at, y(value));
      before = sample.at_ms;
    }
    ctx.stroke();
  }
}
