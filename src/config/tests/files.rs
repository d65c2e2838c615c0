//! Settings that name files.

use super::{FILE_NAME, World};
use std::path::Path;

#[test]
fn a_file_is_named_in_any_layer_and_empty_is_none() {
    let grpc = World::new()
        .file("[grpc.tls]\ncert = \"a b.pem\"\nkey = \"/keys/k.pem\"\n[auth]\ntokens = \"t\"")
        .variable("CHITTYCHAT__GRPC__TLS__CLIENT_CA", "ca.pem")
        .variable("CHITTYCHAT__AUTH__TOKENS", "")
        .load()
        .settings;
    let pair = (Path::new("a b.pem"), Path::new("/keys/k.pem"));
    assert_eq!(grpc.grpc.tls.cert_and_key(), Some(pair));
    assert_eq!(grpc.grpc.tls.client_ca(), Some(Path::new("ca.pem")));
    assert_eq!(grpc.auth.tokens(), None, "the environment goes over the file");
    let none = World::new().file("[grpc.tls]\n[auth]\n").load().settings;
    assert_eq!((none.grpc.tls.cert_and_key(), none.grpc.tls.client_ca()), (None, None));
}

#[test]
fn a_file_without_the_one_it_needs_is_refused_by_name() {
    let lines = World::new()
        .file("[grpc.tls]\nclient_ca = \"ca.pem\"")
        .variable("CHITTYCHAT__GRPC__TLS__KEY", "key.pem")
        .refusal();
    let variable = "in the environment (CHITTYCHAT__GRPC__TLS__KEY)";
    assert_eq!(
        lines,
        [
            format!(
                "`grpc.tls.key` is set {variable}, and `grpc.tls.cert` is not; one needs the other"
            ),
            format!(
                "`grpc.tls.client_ca` is set in {FILE_NAME}, and `grpc.tls.cert` is not; one needs the other"
            ),
        ]
    );
}

#[test]
fn what_is_no_path_is_refused() {
    let lines = World::new().file("[auth]\ntokens = 1\n[grpc.tls]\ncert = \"a\\u0000b\"").refusal();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("a path of a file")), "{lines:?}");
}

#[test]
fn a_mistyped_file_is_recognised() {
    let lines = World::new().file("[grpc.tls]\nclient_cas = \"x\"").refusal();
    let hint = "unknown setting `grpc.tls.client_cas` in chittychat.toml; did you mean `grpc.tls.client_ca`?";
    assert_eq!(lines, [hint]);
}
