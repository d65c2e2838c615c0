//! Lines from a pipe, bounded: whatever is fed in, no more than one line's bound is kept of it.

use crate::chat::{Text, message::TextFault};
use std::{
    fmt,
    io::{self, BufRead},
};

/// The most bytes of a line that are kept. What is longer is no text anyway.
pub const MAX_LINE: usize = 64 * 1024;
/// The line that leaves.
pub const EXIT: &str = "exit";

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// To say this.
    Say(Text),
    /// To leave.
    Exit,
    /// Nothing: a blank line.
    Nothing,
}

/// Reads a line of what somebody typed or fed in.
///
/// # Errors
/// With what is wrong, if the server would refuse it.
pub fn request(line: &str) -> Result<Request, Unfit> {
    match line.trim() {
        "" => Ok(Request::Nothing),
        EXIT => Ok(Request::Exit),
        _ => Text::new(line).map(Request::Say).map_err(Unfit::Text),
    }
}

/// Why a line cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The server would refuse it.
    Text(TextFault),
    /// More than [`MAX_LINE`] bytes.
    Endless,
    /// Not UTF-8.
    NotUtf8,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(fault) => fault.fmt(f),
            Self::Endless => write!(f, "the line has more than {MAX_LINE} bytes"),
            Self::NotUtf8 => f.write_str("the line is not UTF-8"),
        }
    }
}

/// Reads the next line and what it asks for. Nothing is left at the end of the input.
///
/// # Errors
/// If the input cannot be read.
pub fn next_request(input: &mut impl BufRead) -> io::Result<Option<Result<Request, Unfit>>> {
    let Some(line) = next_line(input)? else {
        return Ok(None);
    };
    Ok(Some(line.and_then(|line| request(&line))))
}

/// Reads the next line, without its end.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Result<String, Unfit>>> {
    let mut line = Vec::new();
    let mut is_endless = false;
    let mut has_read = false;
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        has_read |= !chunk.is_empty();
        is_endless |= line.len() + part.len() > MAX_LINE;
        if !is_endless {
            line.extend_from_slice(part);
        }
        let is_last = end.is_some() || chunk.is_empty();
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if is_last {
            break;
        }
    }
    if !has_read {
        return Ok(None);
    }
    if is_endless {
        return Ok(Some(Err(Unfit::Endless)));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8(line).map_err(|_| Unfit::NotUtf8)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn requests(input: &[u8]) -> Vec<Result<Request, Unfit>> {
        // A small buffer, so that lines span several reads.
        let mut input = BufReader::with_capacity(7, input);
        std::iter::from_fn(|| next_request(&mut input).expect("a slice can be read")).collect()
    }

    fn say(text: &str) -> Result<Request, Unfit> {
        Ok(Request::Say(Text::new(text).expect("a legal text")))
    }

    #[test]
    fn one_line_is_one_request() {
        let expected = [say("Hello there"), Ok(Request::Nothing), say("  Hi"), Ok(Request::Exit)];
        assert_eq!(requests(b"Hello there\r\n \t\n  Hi\nexit"), expected);
        assert_eq!(requests(b""), []);
    }

    #[test]
    fn what_cannot_be_sent_is_named_and_the_next_line_is_unharmed() {
        let mut input = vec![b'x'; 3 * MAX_LINE];
        input.extend_from_slice(b"\n\xff\xfe\na\x1b[2J\nok\n");
        let requests = requests(&input);
        assert_eq!(requests[0], Err(Unfit::Endless));
        assert_eq!(requests[1], Err(Unfit::NotUtf8));
        assert!(matches!(requests[2], Err(Unfit::Text(TextFault::Control { .. }))));
        assert_eq!(requests[3], say("ok"));
        assert_eq!(requests.len(), 4);
    }

    #[test]
    fn the_bound_of_a_text_is_the_servers() {
        assert_eq!(request(&"x".repeat(129)), Err(Unfit::Text(TextFault::TooLong { chars: 129 })));
        assert!(request(&"\u{1f600}".repeat(128)).is_ok());
    }
}
