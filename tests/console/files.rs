//! The page's files: each is there, comes with a policy that forbids what it does not need, and is all the
//! page asks for.

use crate::{
    peers::Server,
    support::{get, get_as},
};
use std::collections::BTreeSet;

/// What stands between these in a text, each time.
fn all_between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

#[tokio::test]
async fn everything_that_the_page_names_comes_from_the_program() {
    let server = Server::start(&[]).await;
    let (mut asked, mut to_ask) = (BTreeSet::new(), vec!["/".to_owned()]);
    while let Some(path) = to_ask.pop() {
        if !asked.insert(path.clone()) {
            continue;
        }
        let (status, head, body) = get(server.http_address, &path, &[]).await;
        assert_eq!(status, 200, "{path}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; ",
            "x-content-type-options: nosniff\r\n",
            "referrer-policy: no-referrer\r\n",
        ] {
            assert!(head.contains(header), "{path}: {header} in {head}");
        }
        let is_script = path.ends_with(".js");
        let (before, after) = if is_script { (" from \"./", "\"") } else { ("=\"/console/", "\"") };
        to_ask.extend(all_between(&body, before, after).iter().map(|it| format!("/console/{it}")));
        if path == "/" {
            assert!(!body.contains("<script>") && !body.contains(" style="), "nothing is inline");
            let handlers = ["onclick=", "onload=", "onerror=", "oninput=", "onsubmit="];
            assert!(!handlers.iter().any(|it| body.contains(it)), "no handler is inline");
        }
        let outside = ["http://", "https://", "//cdn", "eval(", "innerHTML"];
        let found =
            outside.iter().filter(|it| body.replace("http://www.w3.org/", "").contains(**it));
        assert_eq!(found.collect::<Vec<_>>(), Vec::<&&str>::new(), "{path}");
    }
    let scripts = asked.iter().filter(|path| path.ends_with(".js")).count();
    assert_eq!((asked.len(), scripts), (17, 14), "{asked:?}");
}

#[tokio::test]
async fn a_browser_that_has_a_file_is_told_so() {
    let server = Server::start(&[]).await;
    let (_, head, _) = get(server.http_address, "/", &[]).await;
    let tag = all_between(&head, "etag: ", "\r\n")[0].to_owned();
    let (status, _, body) =
        get(server.http_address, "/", &[&format!("If-None-Match: {tag}")]).await;
    assert_eq!((status, body.as_str()), (304, ""));
    let (status, ..) = get(server.http_address, "/", &["If-None-Match: \"another\""]).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn without_the_console_the_port_serves_operators_alone() {
    let server = Server::start(&[("CHITTYCHAT__CONSOLE__SERVE", "false")]).await;
    for path in ["/", "/console/info", "/console/events", "/console/ws"] {
        assert_eq!(get(server.http_address, path, &[]).await.0, 404, "{path}");
    }
    assert_eq!(get(server.http_address, "/livez", &[]).await.0, 200);
}

#[tokio::test]
async fn a_name_that_is_anybodys_is_not_answered_on_this_machines_own_port() {
    let server = Server::start(&[]).await;
    for (host, status) in [
        ("Host: localhost:1", 200),
        ("Host: 127.0.0.1", 200),
        ("Host: [::1]:80", 200),
        ("Host: rebound.example.org", 421),
        ("Host: localhost.example.org", 421),
        ("X-None: at all", 421),
    ] {
        for path in ["/", "/console/info"] {
            assert_eq!(get_as(server.http_address, path, &[host]).await.0, status, "{host} {path}");
        }
    }
    // Whatever Prometheus calls this machine, it is answered.
    assert_eq!(get_as(server.http_address, "/metrics", &["Host: a.example.org"]).await.0, 200);
}
