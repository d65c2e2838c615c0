//! Where the server is, as a person writes it: `host:port`, `http://host:port` or `https://host:port`.
//!
//! It is only read here; whether the name resolves is found out when the session starts.

use std::{fmt, net::IpAddr};
use tonic::transport::Uri;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// A name, or an address; an IPv6 address stands in brackets.
    host: String,
    port: u16,
    scheme: Option<Scheme>,
}

/// How the server is spoken to, if the address says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    /// In plain text.
    Http,
    /// Over TLS.
    Https,
}

impl ServerAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// With a sentence that says what is wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        let fault = |why| AddressFault { text: text.to_owned(), why };
        let (scheme, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some(_) => return Err(fault("only http and https are spoken here")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| fault("the port is missing"))?;
        let port = match port.parse() {
            Ok(0) | Err(_) => return Err(fault("the port is not a number from 1 to 65535")),
            Ok(port) => port,
        };
        if host.is_empty() {
            return Err(fault("the host is missing"));
        }
        if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
            return Err(fault("an IPv6 address stands in brackets, as in [::1]:8080"));
        }
        let address = Self { host: host.to_owned(), port, scheme };
        let is_legal = address.uri().parse::<Uri>().is_ok_and(|uri| {
            uri.host() == Some(&address.host)
                && matches!(uri.path(), "/" | "")
                && !host.contains('@')
        });
        if is_legal { Ok(address) } else { Err(fault("the host holds what no host name does")) }
    }

    /// The same, spoken to over TLS if there is something to trust (`has_trust`), and in plain text if
    /// there is nothing.
    ///
    /// # Errors
    /// With a sentence, if the address says otherwise.
    pub fn encrypted(self, has_trust: bool) -> Result<Self, String> {
        match (self.scheme, has_trust) {
            (Some(Scheme::Https), false) => Err(format!(
                "https://{self} is encrypted, but nothing says whom to trust: add --tls-ca FILE"
            )),
            (Some(Scheme::Http), true) => Err(format!(
                "http://{self} is plain text, and --tls-ca encrypts: write https://{self}"
            )),
            (_, true) => Ok(Self { scheme: Some(Scheme::Https), ..self }),
            (_, false) => Ok(self),
        }
    }

    /// True if it is spoken to over TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.scheme == Some(Scheme::Https)
    }

    /// True if nobody else can read what is sent there: it is encrypted, or does not leave this machine.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let ip = self.host().parse().map(|ip: IpAddr| ip.to_canonical());
        self.is_encrypted() || self.host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }

    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address as a URI.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http{}://{self}", if self.is_encrypted() { "s" } else { "" })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Why an address cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not the address of a server: {why}; allowed are host:port, http://host:port and https://host:port"
)]
pub struct AddressFault {
    text: String,
    why: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        for text in ["chat.example:8080", "http://chat.example:8080", "http://chat.example:8080/"] {
            let address = ServerAddress::parse(text).expect("a legal address");
            assert_eq!(address.to_string(), "chat.example:8080");
        }
        let six = ServerAddress::parse("[::1]:80").expect("a legal address");
        assert_eq!((six.host(), six.port(), six.uri().as_str()), ("::1", 80, "http://[::1]:80"));
    }

    #[test]
    fn encryption_is_what_address_and_trust_agree_on() {
        let with = |text: &str, has_trust| {
            let address = ServerAddress::parse(text).expect("a legal address");
            address.encrypted(has_trust).map(|address| address.uri())
        };
        assert_eq!(with("a:1", false), Ok("http://a:1".into()));
        assert_eq!(with("a:1", true), Ok("https://a:1".into()));
        assert_eq!(with("http://a:1", false), Ok("http://a:1".into()));
        assert_eq!(with("https://a:1", true), Ok("https://a:1".into()));
        assert!(with("http://a:1", true).expect_err("it is plain").contains("https://a:1"));
        assert!(with("https://a:1", false).expect_err("whom to trust?").contains("--tls-ca"));
    }

    #[test]
    fn what_stays_on_this_machine_is_private_and_what_is_encrypted() {
        let is_private =
            |text| ServerAddress::parse(text).is_ok_and(|address| address.is_private());
        for private in
            ["localhost:1", "127.0.0.2:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "https://a:1"]
        {
            assert!(is_private(private), "{private}");
        }
        for public in
            ["a:1", "localhost.example:1", "10.0.0.1:1", "0.0.0.0:1", "[::ffff:10.0.0.1]:1"]
        {
            assert!(!is_private(public), "{public}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_sentence() {
        let wrong = [
            "",
            "localhost",
            ":8080",
            "localhost:",
            "localhost:0",
            "localhost:http",
            "a:70000",
            "https://a",
            "ftp://a:1",
            "::1:8080",
            "a b:1",
            "a:1/path",
            "u@a:1",
            "a\n:1",
        ];
        for text in wrong {
            let fault = ServerAddress::parse(text).expect_err(text).to_string();
            assert!(fault.contains("host:port"), "{fault}");
            assert!(!fault.contains('\n'), "{fault}");
        }
    }
}
