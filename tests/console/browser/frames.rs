//! How long a frame takes: the script of one, as the browser measures it.
//!
//! With 5,000 events in view a pan or a new event has to take less than 16 ms, with 100,000 in the ring less
//! than 50. Of sixty frames 57 are held to that: any single one can be interrupted for longer. Fifteen before them,
//! in which the browser compiles what has not run before, are not counted. These tests want
//! the machine for themselves: `cargo test --features browser --test console -- --test-threads 1`.

use super::{Tab, watched};

/// A conversation of ten, as the records of it, and at the end so many events.
const MAKE: &str = "globalThis.make = (events, from = 10) => {
  const records = [{r: 'node', id: 0, name: 'server', address: '::1', port: 1}];
  for (let id = 1; id <= 10; id += 1) records.push({r: 'node', id, name: `P${id}`, address: '::1', port: id});
  let [t, count, author] = [from, 0, 0];
  const clocks = Array(11).fill(from);
  while (count < events) {
    author = author % 10 + 1;
    const sent = Math.max(clocks[author], t) + 1;
    clocks[author] = sent;
    t = Math.max(t, sent) + 1;
    const m = t;
    records.push({r: 'event', n: author, t: sent, k: 'send', s: 'publish', p: 0, m, a: author, x: `message ${m}`, e: 'implied'});
    records.push({r: 'event', n: 0, t: m, k: 'receive', s: 'publish', c: [author, sent], p: author, m, a: author, x: `message ${m}`, e: 'own'});
    count += 2;
    for (let id = 1; id <= 10; id += 1) {
      if (id === author) continue;
      t += 1;
      clocks[id] = Math.max(clocks[id], t) + 1;
      records.push({r: 'event', n: 0, t, k: 'send', s: 'publish', p: id, m, a: author, e: 'own'});
      records.push({r: 'event', n: id, t: clocks[id], k: 'receive', s: 'publish', c: [0, t], p: 0, m, a: author, e: 'placed'});
      count += 2;
    }
  }
  globalThis.made = t;
  return records;
}";

/// How long a frame's script takes, but for one in twenty, of sixty in which something happens each time.
async fn frames(tab: &Tab, what: &str, happens: &str) -> f64 {
    let script = format!(
        "(async () => {{ for (let i = 0; i < 75; i += 1) {{ if (i === 15) chittychat.resetFrames(); {happens};
           await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame); }} }})()"
    );
    tab.eval(&script).await;
    let told = tab.eval("chittychat.frames().list").await;
    let mut times: Vec<f64> =
        told.as_array().unwrap().iter().map(|time| time.as_f64().unwrap()).collect();
    assert!(times.len() >= 50, "{what}: only {} frames were drawn", times.len());
    times.sort_by(f64::total_cmp);
    let part = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    let (median, most, longest) = (part(50), part(95), part(100));
    // For whoever wants the figures: `-- --nocapture`.
    #[allow(clippy::print_stdout)]
    {
        let count = times.len();
        println!("{what}: median {median:.1} ms, 95 % {most:.1}, longest {longest:.1}, of {count}");
    }
    most
}

/// A turn of the wheel over the picture.
const PAN: &str = "(() => { const it = document.getElementById('picture'); const r = it.getBoundingClientRect();
  it.dispatchEvent(new WheelEvent('wheel', {deltaY: i % 2 ? 40 : -40, clientX: r.x + 300, clientY: r.y + 300,
    bubbles: true, cancelable: true})); })()";
/// Rows as low as it takes for so many events to be in view.
const IN_VIEW: &str =
    "(() => { const {view, model} = chittychat; const [first, last] = view.rows; let n = 0;
  for (let row = first; row <= last; row += 1) n += model.rows[row].events.length; return n; })()";
const ONE_MORE: &str =
    "{ const r = make(20, globalThis.made + 5).slice(11); chittychat.feedForTest(r); }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_in_view_and_a_hundred_thousand_in_the_ring() {
    let (_chromium, _server, tab) = watched().await;
    tab.size(1280, 1600, false).await;
    tab.eval(MAKE).await;
    tab.eval("chittychat.feedForTest(make(5000))").await;
    tab.eval(&format!(
        "chittychat.view.follow(); while ({IN_VIEW} < 5000) chittychat.view.zoomRows(0.95, 400)"
    ))
    .await;
    assert!(tab.eval(IN_VIEW).await.as_u64().unwrap() >= 5000);
    let pan = frames(&tab, "5,000 in view, a pan", PAN).await;
    let new = frames(&tab, "5,000 in view, new events", ONE_MORE).await;
    assert!(pan < 16.0 && new < 16.0, "{pan} ms, {new} ms");

    tab.eval("chittychat.feedForTest(make(99000, globalThis.made + 5).slice(11))").await;
    tab.until("chittychat.model.count > 97000").await;
    let pan = frames(&tab, "100,000 in the ring, a pan", PAN).await;
    let new = frames(&tab, "100,000 in the ring, new events", ONE_MORE).await;
    assert!(pan < 50.0 && new < 50.0, "{pan} ms, {new} ms");
    assert_eq!(tab.faults(), Vec::<String>::new());
}
