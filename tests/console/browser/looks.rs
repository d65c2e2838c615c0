//! How it looks: nothing sticks out at any width, and what is shown in docs/ is made here.
//!
//! With `CHITTYCHAT_PICTURES` set to a folder the pictures are written there; docs/console/ has them.

use super::{three, watched};
use crate::peers::Listener as _;
use std::{env, fs, path::PathBuf};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_sticks_out_from_a_telephone_to_4k_in_light_and_dark() {
    let (_chromium, server, tab) = watched().await;
    let mut peers = three(&server).await;
    for (author, text) in [
        (0, "Hej alle"),
        (1, "Hej Anton"),
        (2, "Who was first?"),
        (0, "Look at the clock"),
        (1, "Seven"),
    ] {
        peers[author].say(text);
        for (other, peer) in peers.iter_mut().enumerate() {
            if other != author {
                peer.delivery().await;
            }
        }
    }
    let casper = peers.pop().unwrap();
    casper.leave().await;
    tab.until("document.getElementById('log').textContent.includes('Seven')").await;
    tab.until("chittychat.model.nodes.get(3).left !== null").await;
    let folder = env::var_os("CHITTYCHAT_PICTURES").map(PathBuf::from);
    for (width, height) in [(360, 740), (1280, 800), (3840, 2160)] {
        for is_dark in [false, true] {
            tab.size(width, height, is_dark).await;
            tab.drawn().await;
            let sticks_out = tab
                .eval(
                    "[...document.querySelectorAll('body *')].filter(e => {
                       const r = e.getBoundingClientRect();
                       return r.width > 0 && r.right > document.documentElement.clientWidth + 1
                         && getComputedStyle(e).position !== 'fixed' && !e.closest('[data-scrolls]');
                     }).map(e => e.tagName + '#' + e.id).concat(
                       document.documentElement.scrollWidth > document.documentElement.clientWidth ? ['page'] : [])",
                )
                .await;
            assert_eq!(sticks_out, serde_json::json!([]), "{width} x {height}");
            let picture = tab.picture().await;
            assert!(picture.starts_with(b"\x89PNG"), "{width} x {height}");
            if let Some(folder) = &folder {
                let scheme = if is_dark { "dark" } else { "light" };
                fs::write(folder.join(format!("{width}-{scheme}.png")), picture).unwrap();
            }
        }
    }
    // And what a click does.
    tab.size(1280, 1000, false).await;
    tab.drawn().await;
    tab.eval("chittychat.view.zoomRows(0.6, 100)").await;
    let who = "chittychat.model.find(0, [...chittychat.model.nodes.get(0).line].find(e => e.x === 'Who was first?').t).c";
    let asked = tab.eval(who).await;
    tab.click_event(asked[0].as_u64().unwrap(), asked[1].as_u64().unwrap()).await;
    tab.until("!document.getElementById('cone-legend').hidden").await;
    if let Some(folder) = &folder {
        tab.eval("chittychat.view.follow()").await;
        tab.drawn().await;
        fs::write(folder.join("cones.png"), tab.picture().await).unwrap();
    }
    assert_eq!(tab.faults(), Vec::<String>::new());
}
