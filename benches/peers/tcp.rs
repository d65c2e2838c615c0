//! The floor to be compared with: bytes from one socket to all others, and nothing besides.
//!
//! One thread and one poll. Whatever whole frames one read brings are appended to what each of the
//! others is to get, and written with one call for each. There is no stamp, no stream, no protocol and
//! no bound, so no server that has these can cost less.

mod support;

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use slab::Slab;
use std::{
    error::Error,
    io::{ErrorKind, Read as _, Write as _},
};

const LISTENER: Token = Token(usize::MAX);
/// The bytes before a frame: its length.
const LENGTH: usize = 4;
/// What a newcomer is greeted with: an empty frame.
const WELCOME: [u8; LENGTH] = [0; LENGTH];

#[derive(Debug)]
struct Client {
    socket: TcpStream,
    /// What has come of a frame that is not whole.
    inbox: Vec<u8>,
    /// What the socket has not taken.
    outbox: Vec<u8>,
}

impl Client {
    /// Writes what the socket takes. False if it is gone.
    fn flush(&mut self) -> bool {
        let mut written = 0;
        while written < self.outbox.len() {
            match self.socket.write(&self.outbox[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        self.outbox.drain(..written);
        true
    }

    /// Reads what has come, and hands out all whole frames. False if it is gone.
    fn read(&mut self, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> bool {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return false,
                Ok(bytes) => {
                    self.inbox.extend_from_slice(&buffer[..bytes]);
                    let whole = whole(&self.inbox);
                    if whole > 0 {
                        take(&self.inbox[..whole]);
                        self.inbox.drain(..whole);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }
}

/// How many bytes at the front are whole frames.
fn whole(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some((length, rest)) = bytes[at..].split_first_chunk::<LENGTH>() {
        let length = u32::from_be_bytes(*length) as usize;
        if rest.len() < length {
            break;
        }
        at += LENGTH + length;
    }
    at
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut listener = TcpListener::bind(support::address()?)?;
    support::listening(listener.local_addr()?)?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut clients = Slab::<Client>::new();
    let (mut buffer, mut frames) = (vec![0; 256 << 10], Vec::new());
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    socket.set_nodelay(true)?;
                    let entry = clients.vacant_entry();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut socket, Token(entry.key()), interest)?;
                    let mut client = Client { socket, inbox: Vec::new(), outbox: WELCOME.to_vec() };
                    client.flush();
                    entry.insert(client);
                }
                continue;
            }
            let author = event.token().0;
            let Some(client) = clients.get_mut(author) else { continue };
            frames.clear();
            let is_there = (!event.is_writable() || client.flush())
                && client.read(&mut buffer, |bytes| frames.extend_from_slice(bytes));
            if !is_there {
                clients.remove(author);
            }
            if !frames.is_empty() {
                for (_, client) in clients.iter_mut().filter(|(id, _)| *id != author) {
                    client.outbox.extend_from_slice(&frames);
                    // If it is gone, its own event says so.
                    client.flush();
                }
            }
        }
    }
}
