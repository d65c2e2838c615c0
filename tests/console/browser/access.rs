//! Whoever reads with difficulty, or does not look at all: contrast, and names for everything that can be
//! used. Both by the Web Content Accessibility Guidelines 2.2 of the W3C, at level AA.
//!
//! Whether it is pleasant to use with a screen reader is nothing that a test can say.

use super::{Tab, three, watched};
use serde_json::{Value, json};

/// The texts in view whose contrast with what is behind them is too low (success criterion 1.4.3: 4.5, and
/// 3 for large ones), with their ratios; and how many were looked at. What is disabled is exempt.
const TEXTS: &str = r#"(() => {
  const channels = (css) => (css.match(/[\d.]+/g) ?? []).map(Number);
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
  const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = (rgb) => 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    if (!element) return [255, 255, 255];
    const own = channels(getComputedStyle(element).backgroundColor);
    return own[3] === 0 ? behind(element.parentElement) : over(own, behind(element.parentElement));
  };
  let looked = 0;
  const low = [];
  const hold = (what, ink, ground, least) => {
    const ratio = contrast(ink, ground);
    looked += 1;
    if (ratio < least) low.push([what, Math.round(ratio * 100) / 100]);
  };
  const judge = (element, style, text) => {
    const ground = behind(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    hold(text.slice(0, 40), over(channels(style.color), ground), ground, isLarge ? 3 : 4.5);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { parentElement: element, data } = texts.currentNode;
    if (!data.trim() || !element.checkVisibility() || element.closest(".hidden, :disabled")) continue;
    judge(element, getComputedStyle(element), data.trim());
  }
  for (const field of document.querySelectorAll("[placeholder]")) {
    if (field.checkVisibility() && !field.disabled) {
      judge(field, getComputedStyle(field, "::placeholder"), field.placeholder);
    }
  }
  const hex = (text) => text.match(/\w\w/g).map((pair) => parseInt(pair, 16));
  const theme = chittychat.theme();
  const painted = (colour, least) => hold(colour, hex(colour), hex(theme.paper), least);
  // Names are written in the colours of their lines; shapes need 3 (1.4.11).
  for (const colour of [theme.ink, theme.faint, ...theme.by]) painted(colour, 4.5);
  for (const colour of [theme.past, theme.future, theme.came, theme.went]) painted(colour, 3);
  return { looked, low };
})()"#;

/// What somebody can use, or has to be told of, by its role.
const NAMED: [&str; 12] = [
    "application",
    "button",
    "dialog",
    "image",
    "img",
    "link",
    "log",
    "region",
    "searchbox",
    "slider",
    "textbox",
    "group",
];

/// What the browser tells a screen reader of, role and name.
async fn told(tab: &Tab) -> Vec<(String, String)> {
    let tree = tab.ask("Accessibility.getFullAXTree", json!({})).await;
    let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
    let nodes = tree["nodes"].as_array().unwrap().iter().filter(|it| it["ignored"] == false);
    nodes.map(|it| (text(&it["role"]), text(&it["name"]))).collect()
}

/// That all which is to have a name has one, and that these are there.
async fn has_names(tab: &Tab, expected: &[(&str, &str)]) {
    let told = told(tab).await;
    for (role, name) in &told {
        assert!(
            !NAMED.contains(&role.as_str()) || !name.is_empty(),
            "a {role} has no name: {told:?}"
        );
    }
    for (role, name) in expected {
        let is_there = told.iter().any(|it| it.0 == *role && it.1.starts_with(name));
        assert!(is_there, "no {role} {name}: {told:?}");
    }
}

/// That everything can be read, in light and dark; and that at least so many texts were there.
async fn can_be_read(tab: &Tab, least: u64) {
    for is_dark in [false, true] {
        tab.size(1280, 1000, is_dark).await;
        tab.drawn().await;
        let found = tab.eval(TEXTS).await;
        assert_eq!(found["low"], json!([]), "dark: {is_dark}");
        assert!(found["looked"].as_u64().unwrap() >= least, "{found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_can_be_read_and_has_a_name() {
    let (_chromium, server, tab) = watched().await;
    let mut peers = three(&server).await;
    tab.until("chittychat.dots().length === 21").await;
    has_names(&tab, &[("button", "Pause"), ("textbox", "Your name"), ("slider", "Place in")]).await;
    tab.write("chat-name", "Ditte").await;
    tab.press_button("chat-join").await;
    tab.until("chittychat.status().chat === 'in'").await;
    peers[0].say("Hej Ditte");
    tab.until("document.getElementById('chat-lines').textContent.includes('Hej Ditte')").await;
    // Two are chosen: their details, the chain between them and the legend are there.
    tab.click_event(0, 3).await;
    tab.until("!document.getElementById('cone-legend').hidden").await;
    tab.click_event(1, 2).await;
    tab.until("document.getElementById('relation').textContent.includes('happened before')").await;
    has_names(&tab, &[("textbox", "Your message"), ("button", "Leave"), ("log", "Messages")]).await;
    can_be_read(&tab, 100).await;
    tab.press_button("keys").await;
    tab.until("document.getElementById('keys-dialog').open").await;
    has_names(&tab, &[("dialog", "Keys"), ("button", "Close")]).await;
    can_be_read(&tab, 100).await;
    assert_eq!(tab.faults(), Vec::<String>::new());
}
