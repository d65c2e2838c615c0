//! What people type: `join`, `healthcheck` and `token` with their files, and what `serve` warns of.

use crate::papers::{Asks, Door, Papers};
use crate::support::{Listener as _, Process, joined_by, left_by};
use crate::tokens::token;
use std::{fs, os::unix::fs::PermissionsExt as _};

/// The exit code of a command, what it printed, and what it complained of.
async fn run(arguments: &[&str]) -> (i32, Vec<String>, Vec<String>) {
    let mut process = Process::start(arguments, &[]);
    let code = process.exit_code().await;
    (code, process.out.so_far(), process.err.so_far())
}

fn for_its_owner_alone(path: &str) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn join_shows_what_it_is_given_and_chats() {
    let (secret, line) = token("Bjarke").await;
    let (anton_token, anton_line) = token("Anton").await;
    let tokens = format!("{line}\n{anton_line}");
    let door = Door::asking(Asks { certificate: true, tokens: Some(&tokens) }).await;
    let papers = door.people.client("Anton");
    let mut anton = door.join("Anton", Some(&papers), Some(&anton_token)).await;

    let Papers { cert, key } = door.people.client("Bjarke");
    let (ca, cert) = (door.put("ca.pem", &door.servers.pem), door.put("bjarke.pem", &cert));
    let (key, secret) = (door.put("bjarke.key", &key), door.put("bjarke.token", &secret));
    for_its_owner_alone(&key);
    for_its_owner_alone(&secret);
    let server = format!("https://localhost:{}", door.server.address.port());
    let trust = ["join", "--server", &server, "--tls-ca", &ca];
    let own = ["--cert", &cert, "--key", &key, "--token-file", &secret];
    let arguments = [&trust[..], &own, &["--name", "Bjarke"]].concat();
    let mut bjarke = Process::start(&arguments, &[]);
    joined_by(&anton.delivery().await, "Bjarke");
    bjarke.tell("hello over TLS");
    anton.hears("Bjarke", "hello over TLS").await;
    anton.say("and hello to you");
    bjarke.out.wait_for(&["Name: Anton] and hello to you"]).await;
    bjarke.tell("exit");
    left_by(&anton.delivery().await, "Bjarke");
    assert_eq!(bjarke.exit_code().await, 0);
    assert_eq!(bjarke.err.so_far(), Vec::<String>::new());

    // Each refusal ends it with a sentence, at once: waiting would mend none of them.
    for (arguments, words) in [
        (vec![], "no client certificate was shown"),
        (own[..4].to_vec(), "no token was sent"),
        (own.to_vec(), "the name Casper is not yours"),
    ] {
        let arguments = [&trust[..], &arguments, &["--name", "Casper"]].concat();
        let (code, _, err) = run(&arguments).await;
        assert_eq!(code, 1, "{err:?}");
        let said = err.concat();
        assert!(said.contains("error: the server refused us: ") && said.contains(words), "{said}");
    }
    let (code, _, err) = run(&["join", "--server", &server, "--tls-ca", &cert]).await;
    assert_eq!((code, err.len()), (1, 1), "{err:?}");
    assert!(err[0].contains("is not to be trusted: invalid peer certificate"), "{err:?}");
    let wrong_name = [&trust[..], &["--tls-name", "chat.example"]].concat();
    let (code, _, err) = run(&wrong_name).await;
    assert!(code == 1 && err[0].contains("is not to be trusted"), "{err:?}");
}

#[tokio::test]
async fn join_refuses_what_would_be_unwise_before_it_connects() {
    let (secret, _) = token("Anton").await;
    let door = Door::asking(Asks::default()).await;
    let (ca, secret) = (door.put("ca.pem", &door.servers.pem), door.put("token", &secret));
    let Papers { cert, key } = door.people.client("Anton");
    let (cert, key) = (door.put("a.pem", &cert), door.put("a.key", &key));
    let other = door.put("other.key", &door.people.client("Anton").key);
    for (arguments, words) in [
        (
            vec!["--server", "chat.example:1", "--token-file", &secret],
            "a token is not sent in plain text",
        ),
        (vec!["--server", "https://localhost:1"], "nothing says whom to trust: add --tls-ca"),
        (vec!["--server", "http://localhost:1", "--tls-ca", &ca], "write https://localhost:1"),
        (vec!["--tls-ca", "/nowhere.pem"], "`--tls-ca` names /nowhere.pem, which cannot be read"),
        (vec!["--tls-ca", &key], "which holds no certificate"),
        (vec!["--tls-ca", &ca, "--cert", &cert, "--key", &other], "which does not fit `--cert`"),
        (vec!["--token-file", &ca], "which does not hold one token"),
        (vec!["--token-file", "/dev/null"], "which is not a file"),
    ] {
        let (code, out, err) = run(&[&["join"][..], &arguments].concat()).await;
        assert_eq!((code, out.len(), err.len()), (1, 0, 1), "{err:?}");
        assert!(err[0].contains(words), "{words} in {err:?}");
    }
    for (arguments, words) in [
        (vec!["--tls-ca", &ca, "--cert", &cert], "--key <FILE>"),
        (vec!["--cert", &cert, "--key", &key], "--tls-ca <FILE>"),
        (vec!["--tls-name", "x"], "--tls-ca <FILE>"),
    ] {
        let (code, _, err) = run(&[&["join"][..], &arguments].concat()).await;
        assert!(code == 2 && err.concat().contains(words), "{words} in {err:?}");
    }
}

#[tokio::test]
async fn a_secret_that_everybody_can_read_is_warned_of() {
    let (secret, line) = token("Anton").await;
    let door = Door::asking(Asks { certificate: false, tokens: Some(&line) }).await;
    // What the test has written stands as the system's mask has it; here it is plain.
    let secret = door.put("anton.token", &secret);
    let ca = door.put("ca.pem", &door.servers.pem);
    let server = format!("localhost:{}", door.server.address.port());
    let arguments = ["join", "--server", &server, "--tls-ca", &ca, "--token-file", &secret];
    let arguments = [&arguments[..], &["--name", "Anton"]].concat();
    for (mode, warnings) in [(0o644, 1), (0o640, 0)] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let mut process = Process::start(&arguments, &[]);
        process.tell("exit");
        assert_eq!(process.exit_code().await, 0, "{:?}", process.err.so_far());
        let warned = process.err.count(&["warning: everybody on this machine can read", &secret]);
        assert_eq!(warned, warnings, "{:?}", process.err.so_far());
    }
}

#[tokio::test]
async fn the_health_of_a_guarded_server_is_known_to_whoever_trusts_it() {
    let door = Door::asking(Asks { certificate: true, tokens: Some("") }).await;
    let ca = door.put("ca.pem", &door.servers.pem);
    let port = door.server.address.port();
    let (by_name, by_address) = (format!("https://localhost:{port}"), format!("127.0.0.1:{port}"));
    for server in [&by_name, &by_address] {
        let checked = run(&["healthcheck", "--server", server, "--tls-ca", &ca]).await;
        assert_eq!(checked, (0, vec![], vec![]), "{server}");
    }
    let named =
        ["healthcheck", "--server", &by_address, "--tls-ca", &ca, "--tls-name", "localhost"];
    assert_eq!(run(&named).await, (0, vec![], vec![]));
    // In plain text it learns nothing.
    let (code, _, err) = run(&["healthcheck", "--server", &by_address]).await;
    assert_eq!((code, err.len()), (1, 1), "{err:?}");
}

#[tokio::test]
async fn a_token_is_printed_once_or_kept_in_a_file_of_its_owners() {
    let (code, out, err) = run(&["token", "Anna Maria"]).await;
    assert_eq!((code, err), (0, vec![]));
    let printed = |begin: &str| out.iter().filter(|line| line.starts_with(begin)).count();
    assert_eq!((printed("chittychat_"), printed("Anna Maria sha256:")), (1, 1), "{out:?}");
    assert_ne!(run(&["token", "Anna Maria"]).await.1, out, "each is another");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let keep = ["token", "Anton", "--out", file.to_str().unwrap()];
    let (code, out, _) = run(&keep).await;
    assert_eq!((code, out.len()), (0, 1), "{out:?}");
    assert!(out[0].starts_with("Anton sha256:"), "{out:?}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = fs::read_to_string(&file).unwrap();
    // 256 bits in hexadecimal digits.
    assert_eq!(secret.trim().strip_prefix("chittychat_").map(str::len), Some(64));
    let (code, out, err) = run(&keep).await;
    assert_eq!((code, out.len()), (1, 0), "it does not go over what is there: {err:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), secret);
    let (code, _, err) = run(&["token", &"n".repeat(65)]).await;
    assert_eq!((code, err.len()), (2, 1), "{err:?}");
}

/// How often a server on this address warns that it is open, and the last of it.
async fn warned(address: &str, variables: &[(&str, &str)]) -> (usize, String) {
    let arguments = ["serve", "--listen", address, "--http-listen", "127.0.0.1:0"];
    let mut process = Process::start(&arguments, variables);
    process.err.wait_for(&["Serving probes at address: "]).await;
    process.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(process.exit_code().await, 0);
    let lines = process.err.so_far();
    let open = lines.iter().filter(|line| line.contains("is open to other machines"));
    (open.clone().count(), open.cloned().collect())
}

#[tokio::test]
async fn a_server_that_others_can_reach_says_once_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let papers = crate::papers::Authority::new("servers");
    let own = papers.server();
    let put = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).to_str().unwrap().to_owned()
    };
    let (cert, key, tokens) = (put("cert", &own.cert), put("key", &own.key), put("tokens", ""));
    let tls = [("CHITTYCHAT__GRPC__TLS__CERT", &*cert), ("CHITTYCHAT__GRPC__TLS__KEY", &*key)];
    let auth = [("CHITTYCHAT__AUTH__TOKENS", &*tokens)];
    let both = [&tls[..], &auth].concat();

    let (times, said) = warned("0.0.0.0:0", &[]).await;
    assert_eq!(times, 1, "{said}");
    for words in ["under any name", "read and change", "grpc.tls.cert", "auth.tokens"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let (times, said) = warned("0.0.0.0:0", &tls).await;
    assert!(times == 1 && said.contains("under any name") && !said.contains("read"), "{said}");
    let (times, said) = warned("0.0.0.0:0", &auth).await;
    assert!(times == 1 && said.contains("tokens go in plain text"), "{said}");
    assert_eq!(warned("0.0.0.0:0", &both).await.0, 0);
    assert_eq!(warned("127.0.0.1:0", &[]).await.0, 0);
    assert_eq!(warned("[::1]:0", &[]).await.0, 0);
}
