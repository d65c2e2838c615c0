//! Where the server is, as a person writes it: `host:port` or `http://host:port`.
//!
//! It is only read here; whether the name resolves is found out when the session starts.

use std::fmt;
use tonic::transport::Uri;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// A name, or an address; an IPv6 address stands in brackets.
    host: String,
    port: u16,
}

impl ServerAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// With a sentence that says what is wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        let fault = |why| AddressFault { text: text.to_owned(), why };
        let rest = match text.split_once("://") {
            None => text,
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err(fault("https is not spoken here; write http")),
            Some(_) => return Err(fault("only http is spoken here")),
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
        let address = Self { host: host.to_owned(), port };
        let is_legal = address.uri().parse::<Uri>().is_ok_and(|uri| {
            uri.host() == Some(&address.host)
                && matches!(uri.path(), "/" | "")
                && !host.contains('@')
        });
        if is_legal { Ok(address) } else { Err(fault("the host holds what no host name does")) }
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
        format!("http://{self}")
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
    "{text:?} is not the address of a server: {why}; allowed are host:port and http://host:port"
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
    fn everything_else_is_refused_with_a_sentence() {
        let wrong = [
            "",
            "localhost",
            ":8080",
            "localhost:",
            "localhost:0",
            "localhost:http",
            "a:70000",
            "https://a:1",
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
