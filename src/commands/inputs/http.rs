//! One GET over HTTP, for a query port on a machine of one's own.
//!
//! It speaks HTTP/1.0, in which an answer ends where the connection does: no chunks, no connection to be
//! kept, and so no client library. TLS is not spoken; put whatever speaks it in between.

use std::{
    io::{Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// The body of `path` below `url`, which is `http://host[:port][/prefix]`.
///
/// # Errors
/// With a sentence, if there is no such place, or it does not answer with 200 and at most `most` bytes.
pub(super) fn get(url: &str, path: &str, most: u64) -> Result<Vec<u8>, String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| format!("{url:?} is no http:// address; only that is spoken"))?;
    let rest = rest.trim_end_matches('/');
    let (host, prefix) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    if host.is_empty() || url.contains(|c: char| c.is_control() || c == ' ') {
        return Err(format!("{url:?} names no host"));
    }
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let place = if has_port { host.to_owned() } else { format!("{host}:80") };
    let failed = |error: std::io::Error| format!("cannot ask {url}: {error}");
    let address = place.to_socket_addrs().map_err(failed)?.next();
    let address = address.ok_or_else(|| format!("cannot ask {url}: {host} has no address"))?;
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    socket.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    let request =
        format!("GET {prefix}{path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n\r\n");
    socket.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    socket.take(most + 1).read_to_end(&mut answer).map_err(failed)?;
    if answer.len() as u64 > most {
        return Err(format!("{url} answers with more than {most} bytes"));
    }
    body(&answer).map_err(|why| format!("{url} {why}"))
}

/// The body of an answer.
fn body(answer: &[u8]) -> Result<Vec<u8>, String> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or("does not answer in HTTP")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !head.starts_with("HTTP/1.") || status != "200" {
        let line = head.lines().next().unwrap_or_default();
        return Err(format!(
            "answers with {:?} instead of 200",
            line.chars().take(80).collect::<String>()
        ));
    }
    let body = &answer[end + 4..];
    for line in head.lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "transfer-encoding" {
            return Err("answers in pieces, which was not asked for".to_owned());
        }
        let length = value.parse::<usize>().ok().filter(|_| name == "content-length");
        if length.is_some_and(|length| length != body.len()) {
            return Err("answers with less than it says".to_owned());
        }
    }
    Ok(body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_an_error() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), Ok(b"hi".to_vec()));
        for answer in [
            &b"HTTP/1.1 404 Not Found\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi",
            b"SSH-2.0",
        ] {
            assert!(body(answer).is_err(), "{}", String::from_utf8_lossy(answer));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in ["https://127.0.0.1", "127.0.0.1:16686", "http://", "http://a b"] {
            assert!(get(url, "/", 10).is_err(), "{url}");
        }
    }
}
