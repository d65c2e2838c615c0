//! The commands of docs/security.md, run as they stand there. Needs `bash` and `openssl`.

use crate::support::Server;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Runs commands of the page in a folder, with our binary for `chittychat`.
fn run(folder: &Path, commands: &str) -> Output {
    let output = attempt(folder, commands);
    assert!(output.status.success(), "{commands}\n{output:?}");
    output
}

/// The same of commands that may fail.
fn attempt(folder: &Path, commands: &str) -> Output {
    let ours = concat!("chittychat() { ", env!("CARGO_BIN_EXE_chittychat"), " \"$@\"; }");
    let script = format!("{ours}\n{commands} < /dev/null");
    let mut bash = Command::new("bash");
    bash.args(["-e", "-c", &script]).current_dir(folder).output().unwrap()
}

#[tokio::test]
async fn the_page_on_security_does_what_it_says() {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md")).unwrap();
    let blocks: Vec<_> = page
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split_once("\n```").expect("a block ends").0)
        .collect();
    let with = |words: &str| {
        let found: Vec<_> = blocks.iter().filter(|block| block.contains(words)).collect();
        assert!(!found.is_empty(), "the page has {words}");
        found.into_iter().copied()
    };
    let folder = tempfile::tempdir().unwrap();
    for block in with("openssl").chain(with("chittychat token")) {
        run(folder.path(), block);
    }
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
    let tls = [("CHITTYCHAT__GRPC__TLS__CERT", &*cert), ("CHITTYCHAT__GRPC__TLS__KEY", &*key)];
    let tokens = path("tokens");
    for (asks, command) in [
        (("CHITTYCHAT__GRPC__TLS__CLIENT_CA", &*ca), "--cert anton.pem"),
        (("CHITTYCHAT__AUTH__TOKENS", &*tokens), "--token-file anton.token"),
    ] {
        let server = Server::start(&[&tls[..], &[asks]].concat()).await;
        let here = |block: &str| {
            let here = format!("localhost:{}", server.address.port());
            block.replace("localhost:8080", &here).replace("chat.example:8080", &here)
        };
        for block in with("chittychat join").filter(|block| block.contains(command)) {
            run(folder.path(), &here(block));
            server.process.err.wait_for(&["Client Anton 127.0.0.1:0 has connected"]).await;
        }
        for block in with("chittychat healthcheck") {
            run(folder.path(), &here(block));
        }
    }
    // The last that the page does with Anton's certificate is to take it back.
    let (ca, crl) = (("CHITTYCHAT__GRPC__TLS__CLIENT_CA", &*ca), path("crl.pem"));
    let crl = ("CHITTYCHAT__GRPC__TLS__CRL", &*crl);
    let server = Server::start(&[&tls[..], &[ca, crl]].concat()).await;
    for block in with("chittychat join").filter(|block| block.contains("--cert anton.pem")) {
        let here = format!("localhost:{}", server.address.port());
        let refused = attempt(folder.path(), &block.replace("localhost:8080", &here));
        assert!(!refused.status.success(), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("the client certificate was revoked"), "{said}");
    }
}
