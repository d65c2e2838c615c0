//! Names and words that pose as something else, in the page: each is shown as what it is, and what the
//! server says is told apart from it.

use super::watched;
use crate::{
    peers::{Listener as _, Peer},
    table::{ADMITTED, REFUSED, SAID},
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The last lines of the page's conversation: how each looks, who is named in it, and all of it.
const LINES: &str = "[...document.querySelectorAll('#chat-lines li')].map(li => [li.className,
    li.querySelector('bdi.name')?.textContent ?? '', li.querySelector('.said').textContent])";

/// What the page shows of a text that lines show so: it has quotation marks of its own.
fn on_page(text: &str, shown: &str) -> String {
    let is_marked = chittychat::chat::imitation::poses_as_server(text);
    if is_marked { format!("“{}”", &shown[1..shown.len() - 1]) } else { shown.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_and_everything_is_shown_as_what_it_is() {
    let (_chromium, server, tab) = watched().await;
    tab.write("chat-name", "Anton").await;
    tab.press_button("chat-join").await;
    tab.until("chittychat.status().chat === 'in'").await;
    let has = |kind: &str, name: &str, said: &str| {
        let line = json!([kind, name, said]).to_string();
        format!("{LINES}.some(line => JSON.stringify(line) === JSON.stringify({line}))")
    };
    for row in &ADMITTED {
        let mut peer = Peer::open(server.address, row.name).await;
        peer.connect();
        peer.delivery().await;
        peer.say("hi");
        // A page escapes a tab by its number.
        let name = row.name.replace('\t', r"\u{9}");
        tab.until(&has("", &name, &format!("{name}: hi"))).await;
        tab.until(&has("told", &name, &format!("server: {name} has joined"))).await;
        peer.leave().await;
        tab.until(&has("told", &name, &format!("server: {name} has left"))).await;
    }
    let mut bo = Peer::open(server.address, "Bo").await;
    bo.connect();
    bo.delivery().await;
    for (text, shown) in SAID {
        bo.say(text);
        tab.until(&has("", "Bo", &format!("Bo: {}", on_page(text, shown)))).await;
    }
    // The page refuses nothing by itself: the server's sentence is what it shows.
    tab.press_button("chat-leave").await;
    tab.until("chittychat.status().chat === 'out'").await;
    for (name, why) in REFUSED.iter().filter(|(name, _)| is_typed(name)) {
        let field = "document.getElementById('chat-name')";
        let (name, input) = (json!(name), "dispatchEvent(new Event('input'))");
        tab.eval(&format!("{field}.value = {name}; {field}.{input}")).await;
        tab.press_button("chat-join").await;
        let notice = "document.getElementById('chat-notice').textContent";
        tab.until(&format!(
            "chittychat.status().chat === 'out' && {notice}.includes({})",
            json!(why)
        ))
        .await;
    }
    assert_eq!(tab.faults(), Vec::<String>::new());
}

/// True of names that the page's field lets somebody enter.
fn is_typed(name: &str) -> bool {
    let length = name.chars().count();
    (1..=64).contains(&length) && !name.contains(char::is_control)
}

/// The page's judgement is the server's, character for character.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_judges_as_the_server_does() {
    let (_chromium, _server, tab) = watched().await;
    let names = ADMITTED.iter().map(|row| row.name).chain(REFUSED.map(|row| row.0));
    let mut texts: Vec<String> = names.chain(SAID.map(|row| row.0)).map(str::to_owned).collect();
    // Every character there is a rule for, by itself and between letters and pictures.
    for c in (0..=0x2_ffff).chain(0xe_0000..=0xe_01ff).filter_map(char::from_u32) {
        if c.is_control() || chittychat::chat::unseen::is_unseen(c) {
            texts.push(format!("a{c}b\u{1f469}{c}\u{1f4bb}\u{94d}{c}\u{645}{c}\u{6cc}"));
        }
    }
    let judged = tab
        .eval(&format!(
            "import('/console/glyphs.js').then(page => {}.map(text => [
               page.posesAsServer(text), page.characters(text).map(it => +it.isHidden).join('')]))",
            json!(texts)
        ))
        .await;
    let expected: Vec<Value> = texts.iter().map(|text| judge(text)).collect();
    for (at, expected) in expected.iter().enumerate() {
        assert_eq!(&judged[at], expected, "{:?}", texts[at]);
    }
}

fn judge(text: &str) -> Value {
    use chittychat::chat::{
        imitation::poses_as_server,
        unseen::{Seen, characters},
    };
    let mut hidden = String::new();
    for seen in characters(text) {
        let _ = write!(hidden, "{}", u8::from(matches!(seen, Seen::Nothing(_))));
    }
    json!([poses_as_server(text), hidden])
}
