//! Who is shown the room, and from where one may chat: never more than the chat's own port gives.

use crate::{
    peers::{Process, Scrape, Server, within},
    support::{Page, Talker, get},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;

async fn info(server: &Server) -> Value {
    let (status, _, body) = get(server.http_address, "/console/info", &[]).await;
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}

/// A token for this name, and a file that lets its holder in.
pub async fn token(name: &str, folder: &Path) -> (String, String) {
    let out = folder.join("token");
    let mut process = Process::start(&["token", name, "--out", out.to_str().unwrap()], &[]);
    assert_eq!(process.exit_code().await, 0, "{:?}", process.err.so_far());
    let file = folder.join("tokens");
    fs::write(&file, process.out.so_far().join("\n")).unwrap();
    (fs::read_to_string(out).unwrap().trim().to_owned(), file.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_page_is_told_what_holds() {
    let trace_url = "http://localhost:16686/trace/{trace}";
    let server = Server::start(&[("CHITTYCHAT__CONSOLE__TRACE_URL", trace_url)]).await;
    let port = server.address.port();
    assert_eq!(
        info(&server).await,
        json!({
            "version": 1,
            "server": {"name": "server", "address": "127.0.0.1", "port": port},
            "trace_url": trace_url,
            "chat": true,
            "chat_refused": null,
            "needs_token": false,
            "text_limit": 128,
            "name_limit": 64,
            "ring": 100_000,
            "fan_limit": 32,
        })
    );
    let off = Server::start(&[("CHITTYCHAT__CONSOLE__CHAT", "false")]).await;
    let told = info(&off).await;
    assert_eq!((&told["chat"], &told["trace_url"]), (&json!(false), &Value::Null));
    let refused = Talker::try_open(off.http_address, "A", json!({"token": null}), None).await;
    assert!(refused.err().unwrap().to_string().contains("403"));
}

#[tokio::test]
async fn links_to_traces_lead_to_the_web_and_nowhere_else() {
    for wrong in [
        "javascript:alert(1)//{trace}",
        "http://localhost/trace",
        "//x/{trace}",
        "http://a b/{trace}",
    ] {
        let mut process = Process::start(&["serve"], &[("CHITTYCHAT__CONSOLE__TRACE_URL", wrong)]);
        assert_eq!(process.exit_code().await, 2, "{wrong}");
        let said = process.err.so_far().join("\n");
        assert!(said.contains("console.trace_url") && said.contains("`{trace}`"), "{said}");
    }
}

#[tokio::test]
async fn a_page_of_somebody_elses_gets_nobody_in() {
    let server = Server::start(&[]).await;
    let address = server.http_address;
    let hello = || json!({"token": null});
    let own = format!("http://{address}");
    assert!(Talker::try_open(address, "A", hello(), Some(&own)).await.is_ok());
    for other in ["http://example.org", "null", "https://127.0.0.1"] {
        let refused = Talker::try_open(address, "A", hello(), Some(other)).await;
        assert!(refused.err().unwrap().to_string().contains("403"), "{other}");
    }
}

#[tokio::test]
async fn with_tokens_the_room_is_shown_to_holders_and_chat_is_under_their_names() {
    let folder = TempDir::new().unwrap();
    let (token, file) = token("Anton", folder.path()).await;
    let server = Server::start(&[("CHITTYCHAT__AUTH__TOKENS", &file)]).await;
    let address = server.http_address;
    assert_eq!(info(&server).await["needs_token"], true);
    for wrong in [None, Some("Authorization: Bearer wrong"), Some("Authorization: Basic x")] {
        let (status, head, body) = get(address, "/console/events", wrong.as_slice()).await;
        assert_eq!(status, 401, "{wrong:?}");
        assert!(head.contains("www-authenticate: Bearer\r\n"), "{head}");
        assert!(body.contains("token"), "{body}");
    }
    let header = format!("Authorization: Bearer {token}");
    let mut page = Page::open_at(address, "/console/events", &[&header]).await;
    assert_eq!(page.next().await.unwrap().name, "boot");

    let open = async |name: &str, token: Option<&str>| {
        Talker::try_open(address, name, json!({"token": token}), None).await.unwrap()
    };
    let (code, why) = open("Anton", None).await.ended_with().await;
    assert!(code == "UNAUTHENTICATED" && why.contains("no token"), "{code} {why}");
    let (code, _) = open("Anton", Some("wrong")).await.ended_with().await;
    assert_eq!(code, "UNAUTHENTICATED");
    let mut other = open("Bjarke", Some(&token)).await;
    let connect = other.stamped("CONNECT", "connect message");
    other.send(&connect).await;
    assert_eq!(other.ended_with().await.0, "PERMISSION_DENIED");
    let mut anton = open("Anton", Some(&token)).await;
    anton.connect().await;
    page.until_so("Anton is in", |picture| picture.id("Anton").is_some()).await;
    // As on the chat's own port: counted and logged, three on the feed and two at the chat.
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.sum("chittychat_denials_total"), 5.0);
    let log = &server.process.err;
    log.wait_for(&["Client Anton", "has connected"]).await;
    assert_eq!(log.count(&["Refused a request from 127.0.0.1:"]), 5);
}

#[tokio::test]
async fn a_token_that_is_struck_out_ends_what_a_page_has_open() {
    let folder = TempDir::new().unwrap();
    let (token, file) = token("Anton", folder.path()).await;
    let server = Server::start(&[("CHITTYCHAT__AUTH__TOKENS", &file)]).await;
    let address = server.http_address;
    let header = format!("Authorization: Bearer {token}");
    let mut page = Page::open_at(address, "/console/events", &[&header]).await;
    let hello = || json!({"token": token});
    let mut anton = Talker::try_open(address, "Anton", hello(), None).await.unwrap();
    anton.connect().await;
    page.until_so("Anton is in", |picture| picture.id("Anton").is_some()).await;

    fs::write(&file, "# nobody\n").unwrap();
    let (code, why) = anton.ended_with().await;
    assert!(code == "UNAUTHENTICATED" && why.contains("your token was withdrawn"), "{code} {why}");
    let told = async { while page.next().await.is_some() {} };
    within("the page's stream ends", told).await;
    // The page asks again then, and hears that it takes another token.
    let (status, _, _) = get(address, "/console/events", &[&header]).await;
    assert_eq!(status, 401);
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.sum("chittychat_streams_revoked_total"), 2.0);
    assert_eq!(scrape.get("chittychat_connected_clients"), 0.0);
}

#[tokio::test]
async fn whoever_is_refused_too_often_is_told_to_wait() {
    let folder = TempDir::new().unwrap();
    let (token, file) = token("Anton", folder.path()).await;
    let server = Server::start(&[("CHITTYCHAT__AUTH__TOKENS", &file)]).await;
    let address = server.http_address;
    let mut answers = Vec::new();
    while answers.last() != Some(&429) && answers.len() < 1000 {
        let wrong = "Authorization: Bearer wrong";
        answers.push(get(address, "/console/events", &[wrong]).await.0);
    }
    assert!(answers.len() > 100, "{answers:?}");
    assert!(answers[..answers.len() - 1].iter().all(|status| *status == 401), "{answers:?}");
    // A token that holds is not refused because of others that do not.
    let header = format!("Authorization: Bearer {token}");
    let mut page = Page::open_at(address, "/console/events", &[&header]).await;
    assert_eq!(page.next().await.unwrap().name, "boot");
}

/// A server whose participants must show a certificate, with its HTTP port at this address.
pub async fn certified(http: &str, folder: &Path) -> Server {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap().pem();
    let write = |name: &str, content: &str| {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = (write("cert", &cert), write("key", &key.serialize_pem()));
    let variables = [
        ("CHITTYCHAT__GRPC__TLS__CERT", &*cert),
        ("CHITTYCHAT__GRPC__TLS__KEY", &*key),
        ("CHITTYCHAT__GRPC__TLS__CLIENT_CA", &*cert),
    ];
    let serve = ["serve", "--listen", "127.0.0.1:0", "--http-listen", http];
    Server::of(Process::start(&serve, &variables)).await
}

#[tokio::test]
async fn where_participants_show_certificates_nobody_chats_from_a_page() {
    let folder = TempDir::new().unwrap();
    let server = certified("127.0.0.1:0", folder.path()).await;
    let told = info(&server).await;
    assert_eq!(told["chat"], false);
    assert!(told["chat_refused"].as_str().unwrap().contains("certificate"), "{told}");
    let hello = json!({"token": null});
    assert!(Talker::try_open(server.http_address, "A", hello, None).await.is_err());
}
