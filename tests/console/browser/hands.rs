//! What one does with the picture: by keyboard, by its buttons, and the way from an event to its trace.

use super::{Chromium, page_of, three, watched};
use crate::peers::{Listener as _, Server, within};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyboard_alone_will_do() {
    let (_chromium, server, tab) = watched().await;
    let _peers = three(&server).await;
    // Three open, connect and are received; six announcements are sent and heard.
    tab.until("chittychat.dots().length === 21").await;
    // As somebody who comes with the Tab key, however many there are before it.
    let going = async {
        while tab.eval("document.activeElement.id").await != "picture" {
            tab.press("Tab", 9).await;
        }
    };
    within("the picture has the focus", going).await;
    // Without what isolates a name from the words around it.
    let said = r"document.getElementById('say').textContent.replace(/[\u2068\u2069]/g, '')";
    tab.press("Home", 36).await;
    tab.until(&format!("{said}.includes('server 3')")).await;
    tab.press("ArrowLeft", 37).await;
    tab.until(&format!("{said}.includes('Anton 2')")).await;
    tab.press("ArrowRight", 39).await;
    tab.until(&format!("{said}.includes('server 3')")).await;
    tab.press("Enter", 13).await;
    tab.until("!document.getElementById('cone-legend').hidden").await;
    tab.press("ArrowDown", 40).await;
    tab.until(&format!("{said}.includes('server 4')")).await;
    tab.press("Enter", 13).await;
    tab.until("document.getElementById('relation').textContent.includes('happened before')").await;
    tab.press("Escape", 27).await;
    tab.until("document.getElementById('cone-legend').hidden").await;
    tab.press("?", 191).await;
    tab.until("document.getElementById('keys-dialog').open").await;
    assert_eq!(tab.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_holds_the_picture_still_and_counts_what_is_new() {
    let (_chromium, server, tab) = watched().await;
    let mut peers = three(&server).await;
    tab.until("chittychat.dots().length === 21").await;
    tab.press_button("pause").await;
    tab.until("chittychat.status().paused").await;
    let top = tab.eval("chittychat.view.top").await;
    for _ in 0..10 {
        peers[0].say("meanwhile");
        for peer in &mut peers[1..] {
            peer.hears("Anton", "meanwhile").await;
        }
    }
    // Each is sent, received, passed on twice and heard twice.
    tab.until("document.getElementById('badge').textContent === '60 new'").await;
    assert_eq!(tab.eval("chittychat.view.top").await, top);
    tab.press_button("follow").await;
    tab.until("chittychat.status().following && document.getElementById('badge').hidden").await;
    assert_ne!(tab.eval("chittychat.view.top").await, top);
    // Back over what has been, by its slider.
    tab.eval(
        "(() => { const it = document.getElementById('scrub'); it.value = 0;
          it.dispatchEvent(new Event('input')); })()",
    )
    .await;
    tab.until("chittychat.view.top === 0 && !chittychat.status().following").await;
    assert_eq!(tab.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_leads_to_its_trace() {
    let chromium = Chromium::start().await;
    // Nobody takes the spans; the messages are traced all the same.
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("CHITTYCHAT__CONSOLE__TRACE_URL", "http://127.0.0.1:16686/trace/{trace}"),
    ])
    .await;
    let tab = chromium.open(&page_of(&server)).await;
    let mut peers = three(&server).await;
    let mut traced = peers[0].stamped(chittychat::wire::pb::MessageType::Publish, "traced");
    let trace = "0af7651916cd43dd8448eb211c80319c";
    traced.traceparent = format!("00-{trace}-b7ad6b7169203331-01");
    peers[0].send(traced);
    peers[1].hears("Anton", "traced").await;
    tab.until("document.getElementById('log').textContent.includes('traced')").await;
    let accepted = "[...chittychat.model.nodes.get(0).line].find(e => e.x === 'traced').t";
    let accepted = tab.eval(accepted).await.as_u64().unwrap();
    tab.click_event(0, accepted).await;
    tab.until("document.links.length > 0").await;
    let link = tab.eval("[document.links[0].href, document.links[0].rel]").await;
    assert_eq!(link[0], json!(format!("http://127.0.0.1:16686/trace/{trace}")));
    assert!(link[1].as_str().unwrap().contains("noopener"), "{link}");
    assert_eq!(tab.faults(), Vec::<String>::new());
}
