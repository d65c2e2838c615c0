//! HTTP/2 as an attacker speaks it: streams of any kind by the h2 crate, and single frames by hand for
//! what that refuses to send.

use crate::trial::Target;
use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use http::{HeaderMap, Request};
use std::{future::poll_fn, io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// The window of a stream unless somebody says otherwise.
pub const WINDOW: u32 = 65_535;
/// The path of the chat.
pub const CHAT: &str = "/proto.ChittyChatService/SendMessage";
/// How long an attacker waits for the server to take something before it goes on to something else.
const HASTE: Duration = Duration::from_millis(200);
/// How long one waits that was turned away at the door.
const AGAIN: Duration = Duration::from_millis(20);

/// A connection, cut when it is dropped.
#[derive(Debug)]
pub struct Connection {
    requests: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

/// One request under way.
#[derive(Debug)]
pub struct Call {
    sending: SendStream<Bytes>,
    response: ResponseFuture,
}

impl Connection {
    /// Connects, again and again if need be, for as long as the attack goes on. `window` is how much the
    /// server may send ahead on each stream.
    pub async fn open(target: &Target, window: u32) -> Option<Self> {
        while target.goes_on() {
            match Self::try_open(target.chat, window).await {
                Ok(connection) => return Some(connection),
                Err(_) => {
                    target.refused();
                    sleep(AGAIN).await;
                }
            }
        }
        None
    }

    async fn try_open(chat: SocketAddr, window: u32) -> Result<Self, h2::Error> {
        let socket = TcpStream::connect(chat).await.map_err(broken)?;
        socket.set_nodelay(true).map_err(broken)?;
        let mut builder = Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(1 << 24);
        let (requests, driver) = builder.handshake(socket).await?;
        let driver = tokio::spawn(async move { driver.await.unwrap_or_default() });
        Ok(Self { requests, driver })
    }

    /// Opens a stream. Nothing if there is no room for one, or the connection is closed.
    pub async fn call(&self, path: &str, headers: &[(&str, &str)]) -> Option<Call> {
        let mut request = Request::post(format!("http://chat{path}")).header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let ready = timeout(HASTE, self.requests.clone().ready()).await;
        let (response, sending) = ready.ok()?.ok()?.send_request(request, false).ok()?;
        Some(Call { sending, response })
    }

    /// Opens a stream as gRPC does.
    pub async fn grpc(&self, path: &str) -> Option<Call> {
        self.call(path, &[("content-type", "application/grpc")]).await
    }

    /// Whether nobody is there any more.
    pub fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }
}

fn broken(error: io::Error) -> h2::Error {
    // It is told from others by nobody.
    let _ = error;
    h2::Reason::CONNECT_ERROR.into()
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Call {
    /// Sends bytes, as far as they are taken without delay. Whether all were.
    pub async fn send(&mut self, mut bytes: Bytes) -> bool {
        while !bytes.is_empty() {
            self.sending.reserve_capacity(bytes.len());
            let granted = timeout(HASTE, poll_fn(|cx| self.sending.poll_capacity(cx))).await;
            let Ok(Some(Ok(granted))) = granted else { return false };
            if self.sending.send_data(bytes.split_to(granted), false).is_err() {
                return false;
            }
        }
        true
    }

    /// Sends what is as short as not to wait for, and no more after it.
    pub fn send_last(&mut self, bytes: Bytes) -> bool {
        self.sending.send_data(bytes, true).is_ok()
    }

    /// The gRPC status it ends with, or else that of HTTP. Nothing if it is reset.
    pub async fn status(self) -> Option<u16> {
        let response = self.response.await.ok()?;
        let http = response.status().as_u16();
        let in_headers = grpc_status(response.headers());
        let mut body = response.into_body();
        drain(&mut body).await?;
        let trailers = body.trailers().await.ok()?;
        in_headers.or(trailers.as_ref().and_then(grpc_status)).or(Some(http))
    }
}

async fn drain(body: &mut RecvStream) -> Option<()> {
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        let _ = body.flow_control().release_capacity(data.len());
    }
    Some(())
}

fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// Kinds of frames.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const CONTINUATION: u8 = 9;
}

/// A frame by hand.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a chat's request, without Huffman's code and without the dynamic table.
pub fn chat_headers() -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04, u8::try_from(CHAT.len()).expect("it is short")];
    block.extend_from_slice(CHAT.as_bytes());
    for (index, value) in [(&[0x01][..], "chat"), (&[0x0f, 0x10], "application/grpc")] {
        block.extend_from_slice(index);
        block.push(u8::try_from(value.len()).expect("it is short"));
        block.extend_from_slice(value.as_bytes());
    }
    block.extend_from_slice(b"\x00\x02te\x08trailers");
    block
}

/// A connection on which frames are written by hand and whatever comes is thrown away, or not even read.
pub struct Hand {
    socket: TcpStream,
}

impl Hand {
    /// Connects and says that it speaks HTTP/2.
    pub async fn open(target: &Target) -> Option<Self> {
        while target.goes_on() {
            if let Ok(mut socket) = TcpStream::connect(target.chat).await {
                let hello =
                    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(kind::SETTINGS, 0, 0, &[])];
                if socket.write_all(&hello.concat()).await.is_ok() {
                    return Some(Self { socket });
                }
            }
            target.refused();
            sleep(AGAIN).await;
        }
        None
    }

    /// Writes. Whether the server still takes it.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).await.is_ok()
    }

    /// Throws away what has come so far. Whether the server is still there.
    pub async fn read(&mut self) -> bool {
        let mut scratch = [0; 16 << 10];
        loop {
            match timeout(Duration::ZERO, self.socket.read(&mut scratch)).await {
                Ok(Ok(0) | Err(_)) => return false,
                Ok(Ok(_)) => {}
                Err(_) => return true,
            }
        }
    }
}
