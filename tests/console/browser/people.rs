//! People in the page: they chat, and whatever they call themselves or say is a name and a text.

use super::{Chromium, Tab, page_of, watched};
use crate::guarded::{certified, token};
use crate::peers::{Listener as _, Peer, Process, Server, World, joined_by, left_by};
use chittychat::chat::Participant;
use serde_json::json;

/// Joins from the page, as somebody who types and clicks.
async fn join(tab: &Tab, name: &str) {
    tab.write("chat-name", name).await;
    tab.press_button("chat-join").await;
    tab.until("chittychat.status().chat === 'in'").await;
}

async fn say(tab: &Tab, text: &str) {
    tab.write("chat-text", text).await;
    tab.press_button("chat-send").await;
}

async fn sees(tab: &Tab, text: &str) {
    let text = json!(text);
    tab.until(&format!("document.getElementById('log').textContent.includes({text})")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_and_a_join_process_chat() {
    let chromium = Chromium::start().await;
    let server = Server::start(&[]).await;
    let (first, second) =
        (chromium.open(&page_of(&server)).await, chromium.open(&page_of(&server)).await);
    let address = server.address.to_string();
    let mut process =
        Process::start(&["join", "--plain", "--server", &address, "--name", "Bjarke"], &[]);
    process.out.wait_for(&["Bjarke", "has joined the chat"]).await;
    join(&first, "Anton").await;
    process.out.wait_for(&["Anton", "has joined the chat"]).await;
    join(&second, "Casper").await;
    process.out.wait_for(&["Casper", "has joined the chat"]).await;

    say(&first, "Hej from a tab").await;
    process.out.wait_for(&["Name: Anton", "Hej from a tab"]).await;
    process.tell("Hej from a terminal");
    say(&second, "Hej from the other tab").await;
    process.out.wait_for(&["Name: Casper", "Hej from the other tab"]).await;
    for tab in [&first, &second] {
        for text in ["Hej from a tab", "Hej from a terminal", "Hej from the other tab"] {
            sees(tab, text).await;
        }
        // Each is exact: it says what it has seen.
        tab.until("chittychat.dots().some(dot => dot[4] === 'placed')").await;
    }
    first.press_button("chat-leave").await;
    first.until("chittychat.status().chat === 'out'").await;
    process.out.wait_for(&["Anton", "has left the chat"]).await;
    process.tell("exit");
    assert_eq!(process.exit_code().await, 0);
    for tab in [&first, &second] {
        assert_eq!(tab.faults(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_reads_why_and_tries_again() {
    let chromium = Chromium::start().await;
    let variables = [("CHITTYCHAT__LIMITS__PARTICIPANTS", "2")];
    let mut world = World::start_with(&variables).await;
    let tab = chromium.open(&page_of(&world.server)).await;
    tab.write("chat-name", "Casper").await;
    tab.press_button("chat-join").await;
    tab.until("document.getElementById('chat-notice').textContent.includes('RESOURCE_EXHAUSTED')")
        .await;
    tab.until("chittychat.status().chat === 'out'").await;
    world.bjarke.leave().await;
    left_by(&world.anton.delivery().await, "Bjarke");
    tab.press_button("chat-join").await;
    tab.until("chittychat.status().chat === 'in'").await;
    joined_by(&world.anton.delivery().await, "Casper");
    world.server.process.signal(nix::sys::signal::Signal::SIGTERM);
    tab.until("chittychat.status().chat === 'out' && !chittychat.status().connected").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_asks_for_the_token_that_the_server_asks_for() {
    let chromium = Chromium::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (token, file) = token("Anton", folder.path()).await;
    let server = Server::start(&[("CHITTYCHAT__AUTH__TOKENS", &file)]).await;
    let tab = chromium.visit(&page_of(&server)).await;
    let why = "document.getElementById('token-why').textContent";
    let asks = "document.getElementById('token-dialog').open";
    tab.until(&format!("{asks} && {why}.includes('needs a token')")).await;
    // Without one there is nothing to see, so the question stays.
    tab.press("Escape", 27).await;
    tab.press("Escape", 27).await;
    tab.until(asks).await;
    for (given, said) in [("not one", "no spaces"), ("wrong", "token")] {
        tab.eval("document.getElementById('token').value = ''").await;
        tab.write("token", given).await;
        tab.press_button("token-open").await;
        tab.until(&format!("{asks} && {why}.includes('{said}') && !{why}.includes('needs a')"))
            .await;
    }
    tab.write("token", &token).await;
    tab.press_button("token-open").await;
    tab.until(&format!("!{asks} && chittychat.status().connected")).await;
    // It is for chatting too, and for its own name alone.
    tab.write("chat-name", "Bjarke").await;
    tab.press_button("chat-join").await;
    let notice = "document.getElementById('chat-notice').textContent";
    tab.until(&format!("{notice}.includes('PERMISSION_DENIED')")).await;
    tab.until("chittychat.status().chat === 'out'").await;
    tab.eval("document.getElementById('chat-name').value = ''").await;
    join(&tab, "Anton").await;
    // Coming back to the tab, one is not asked again; and it stands in no address.
    tab.ask("Page.reload", json!({})).await;
    tab.until(&format!(
        "chittychat.status().connected && !{asks} && chittychat.status().chat === 'out'"
    ))
    .await;
    assert_eq!(tab.eval("location.href").await, json!(page_of(&server)));
    // Chromium itself reports the wrong one, and nothing else went wrong.
    let faults = tab.faults();
    assert!(faults.len() == 1 && faults[0].contains("401"), "{faults:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_no_token_would_open_says_so_and_asks_for_none() {
    let chromium = Chromium::start().await;
    let folder = tempfile::tempdir().unwrap();
    let server = certified("0.0.0.0:0", folder.path()).await;
    let page = format!("http://127.0.0.1:{}/", server.http_address.port());
    let tab = chromium.visit(&page).await;
    tab.until("document.getElementById('state').textContent.includes('certificate')").await;
    assert_eq!(tab.eval("document.getElementById('token-dialog').open").await, json!(false));
    tab.until("document.getElementById('chat-notice').textContent.includes('certificate')").await;
}

/// What a hostile participant would like to be more than a name or a text.
const HOSTILE: [&str; 6] = [
    "<img src=x onerror=globalThis.pwned=1>",
    "<script>globalThis.pwned=1</script>",
    "\u{202e}gnp.exe\u{2066}",
    "javascript:globalThis.pwned=1",
    "\u{2028}\u{feff}\u{200b}hidden",
    "'\"><svg onload=globalThis.pwned=1>",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_names_and_texts_are_inert() {
    let (_chromium, server, tab) = watched().await;
    let mut peers = Vec::new();
    let marks = format!("e{}", "\u{301}".repeat(63));
    let everything = || HOSTILE.iter().copied().chain([marks.as_str()]);
    // Who may not call himself so may say it.
    for name in everything().filter(|name| Participant::new(name, "", 0).is_ok()) {
        let mut peer = Peer::open(server.address, name).await;
        peer.connect();
        peer.delivery().await;
        peer.say(name);
        peers.push(peer);
    }
    everything().for_each(|text| peers[0].say(text));
    peers[0].say(&"\u{301}".repeat(128));
    let nodes = peers.len() + 1;
    tab.until(&format!("[...chittychat.model.nodes.values()].length === {nodes}")).await;
    sees(&tab, "<script>globalThis.pwned=1</script>").await;
    sees(&tab, "\\u{202e}gnp.exe").await;
    // Everything is looked at, so that all of it stands in the details once.
    for _ in 0..60 {
        tab.press("Tab", 9).await;
        tab.press("ArrowDown", 40).await;
        tab.press("Enter", 13).await;
    }
    let inert = tab
        .eval(
            "({pwned: globalThis.pwned ?? null,
               images: document.querySelectorAll('img, iframe, object, embed').length,
               scripts: document.scripts.length,
               links: [...document.links].map(a => a.protocol),
               acting: /[\\u202a-\\u202e\\u2066-\\u2069\\u200e\\u200f\\u200b\\ufeff\\u2028]/.test(
                 // What the page isolates itself is whole.
                 document.body.textContent.replace(/\\u2068([^\\u2066-\\u2069]*)\\u2069/g, '$1')),
               piled: /\\p{M}{6}/u.test(document.body.textContent)})",
        )
        .await;
    assert_eq!(
        inert,
        json!({"pwned": null, "images": 0, "scripts": 1, "links": [], "acting": false, "piled": false})
    );
    assert_eq!(tab.faults(), Vec::<String>::new());
}
