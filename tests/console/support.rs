//! A page without a browser: its stream of events, its WebSocket, and the picture that it would draw.

use crate::peers::{reference, within};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

/// The answer to a request for a path: status, headers, body.
pub async fn get(address: SocketAddr, path: &str, headers: &[&str]) -> (u16, String, String) {
    let host = format!("Host: {address}");
    let headers = [&[host.as_str()][..], headers].concat();
    get_as(address, path, &headers).await
}

/// The same with no headers but these.
pub async fn get_as(address: SocketAddr, path: &str, headers: &[&str]) -> (u16, String, String) {
    let mut socket = ask(address, path, headers).await;
    let mut answer = String::new();
    within(path, socket.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
    (status, head.to_owned(), body.to_owned())
}

/// The status of an answer that need not end.
pub async fn status_of(address: SocketAddr, path: &str) -> u16 {
    let mut socket = ask(address, path, &[&format!("Host: {address}")]).await;
    let mut line = String::new();
    within(path, socket.read_line(&mut line)).await.unwrap();
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap()
}

/// In HTTP/1.0 an answer ends with its connection and comes in no chunks.
async fn ask(address: SocketAddr, path: &str, headers: &[&str]) -> BufReader<TcpStream> {
    let mut socket = within("a connection", TcpStream::connect(address)).await.unwrap();
    let headers = headers.join("\r\n");
    let request = format!("GET {path} HTTP/1.0\r\n{headers}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    BufReader::new(socket)
}

/// An event of the stream: its name, its number if it has one, and its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub name: String,
    pub id: Option<u64>,
    pub data: Value,
}

/// A page that reads `/console/events`.
pub struct Page {
    socket: BufReader<TcpStream>,
    /// All records so far, in order.
    pub records: Vec<Value>,
    /// The number of the latest record.
    pub last: Option<u64>,
}

impl Page {
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_at(address, "/console/events", &[]).await
    }

    pub async fn open_at(address: SocketAddr, path: &str, headers: &[&str]) -> Self {
        let host = format!("Host: {address}");
        let mut socket = ask(address, path, &[&[host.as_str()][..], headers].concat()).await;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(within("the head", socket.read_line(&mut head)).await.unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
        assert!(head.contains("cache-control: no-store\r\n"), "{head}");
        Self { socket, records: Vec::new(), last: None }
    }

    /// The next event; nothing once the stream has ended.
    pub async fn next(&mut self) -> Option<Told> {
        let mut told = Told { name: String::new(), id: None, data: Value::Null };
        loop {
            let mut line = String::new();
            within("an event", self.socket.read_line(&mut line)).await.unwrap();
            match line.strip_suffix('\n')?.split_once(": ") {
                Some(("event", name)) => told.name = name.to_owned(),
                Some(("id", id)) => told.id = Some(id.parse().unwrap()),
                Some(("data", data)) => told.data = serde_json::from_str(data).unwrap(),
                Some(("", _)) | None if told.name.is_empty() => {}
                None => break,
                other => panic!("{other:?}"),
            }
        }
        if told.name == "records" {
            let records = told.data.as_array().unwrap();
            if let Some(id) = told.id {
                let before = self.last.map_or(0, |last| last + 1);
                if self.last.is_some() {
                    assert_eq!(id + 1 - before, records.len() as u64, "no number is left out");
                }
                self.last = Some(id);
            }
            self.records.extend(records.iter().cloned());
        }
        Some(told)
    }

    /// Reads on to an event with this name.
    pub async fn until(&mut self, name: &str) -> Told {
        // Something is told every second, so there is an end to waiting for each and none to all of them.
        let reading = async {
            loop {
                let told = self.next().await.expect("the stream goes on");
                if told.name == name {
                    return told;
                }
            }
        };
        within(name, reading).await
    }

    /// Reads on until the picture is so.
    pub async fn until_so(&mut self, what: &str, is_so: impl Fn(&Picture) -> bool) -> Picture {
        let reading = async {
            loop {
                let picture = Picture::of(&self.records);
                if is_so(&picture) {
                    return picture;
                }
                assert!(self.next().await.is_some(), "the stream ended before: {what}");
            }
        };
        within(what, reading).await
    }
}

/// What a page knows, from the records that it was told.
#[derive(Debug, Default)]
pub struct Picture {
    /// Names by number.
    pub nodes: BTreeMap<u64, String>,
    /// Events that are told once, by node and time.
    pub events: BTreeMap<(u64, u64), Value>,
    /// Receives at participants, by node and the time of their cause: the latest word on each.
    pub receives: BTreeMap<(u64, u64), Value>,
    /// Who left, and how.
    pub left: BTreeMap<u64, String>,
    /// Entries that are missing.
    pub missed: u64,
}

impl Picture {
    pub fn of(records: &[Value]) -> Self {
        let mut picture = Self::default();
        for record in records {
            let number = |key: &str| record[key].as_u64().unwrap();
            match record["r"].as_str().unwrap() {
                "node" => {
                    let name = record["name"].as_str().unwrap();
                    let before = picture.nodes.insert(number("id"), name.to_owned());
                    assert!(before.is_none_or(|before| before == name), "a number is used once");
                }
                "left" => {
                    let how = record["how"].as_str().unwrap();
                    picture.left.insert(number("id"), how.to_owned());
                }
                "gap" => picture.missed += number("missed"),
                "event" => picture.event(record),
                other => panic!("no record is called {other}"),
            }
        }
        picture
    }

    fn event(&mut self, event: &Value) {
        let (node, time) = (event["n"].as_u64().unwrap(), event["t"].as_u64().unwrap());
        assert!(self.nodes.contains_key(&node), "it is introduced first: {event}");
        if node > 0 && event["k"] == "receive" {
            let cause = event["c"][1].as_u64().unwrap();
            let known = self.receives.entry((node, cause)).or_insert(json!({}));
            for (key, value) in event.as_object().unwrap() {
                known[key] = value.clone();
            }
        } else {
            let before = self.events.insert((node, time), event.clone());
            assert_eq!(before, None, "an event is told once");
        }
    }

    /// The number of whoever has this name.
    pub fn id(&self, name: &str) -> Option<u64> {
        self.nodes.iter().find(|(_, one)| *one == name).map(|(id, _)| *id)
    }

    /// How many publishes the server has told of.
    pub fn said(&self) -> usize {
        let is_publish = |event: &&Value| event["k"] == "receive" && event["s"] == "publish";
        self.events.values().filter(is_publish).count()
    }
}

/// Whoever chats from a page: a Lamport process of its own.
pub struct Talker {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    name: String,
    pub clock: i64,
    /// The time of the latest delivery.
    pub latest: i64,
}

impl Talker {
    /// Opens a WebSocket and says hello.
    pub async fn open(address: SocketAddr, name: &str) -> Self {
        Self::try_open(address, name, json!({"token": null}), None).await.unwrap()
    }

    /// The same with another hello, from a page of this origin.
    pub async fn try_open(
        address: SocketAddr,
        name: &str,
        hello: Value,
        origin: Option<&str>,
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{address}/console/ws").into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let (socket, _) = within("a WebSocket", connect_async(request)).await?;
        let mut talker = Self { socket, name: name.to_owned(), clock: 1, latest: 0 };
        talker.send(&hello).await;
        Ok(talker)
    }

    /// A message of its own, stamped.
    pub fn stamped(&mut self, kind: &str, text: &str) -> Value {
        self.clock += 1;
        let who = reference(&self.name);
        json!({
            "type": kind, "text": text, "time": self.clock, "seen": self.latest,
            "client_reference": {
                "client_name": who.client_name,
                "client_address": who.client_address,
                "client_port": who.client_port,
            },
        })
    }

    pub async fn send(&mut self, message: &Value) {
        self.send_frame(Message::text(message.to_string())).await;
    }

    pub async fn send_frame(&mut self, frame: Message) {
        // The server may have closed; that is heard by reading on.
        let _ = within("a frame goes out", self.socket.send(frame)).await;
    }

    /// Comes in, and hears so.
    pub async fn join(address: SocketAddr, name: &str) -> Self {
        let mut talker = Self::open(address, name).await;
        talker.connect().await;
        talker
    }

    /// Says Connect, and hears of its own join.
    pub async fn connect(&mut self) {
        let connect = self.stamped("CONNECT", "connect message");
        self.send(&connect).await;
        let told = self.next().await.unwrap();
        assert_eq!((&told["type"], self.name.as_str()), (&json!("CONNECT"), author(&told)));
    }

    pub async fn say(&mut self, text: &str) {
        let publish = self.stamped("PUBLISH", text);
        self.send(&publish).await;
    }

    /// The next message, witnessed; nothing once the socket is closed.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match within("a frame", self.socket.next()).await? {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if let Some(time) = message["time"].as_i64() {
                        assert!(time > self.latest, "times on one stream rise: {message}");
                        self.latest = time;
                        self.clock = self.clock.max(time) + 1;
                    }
                    return Some(message);
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(other) => panic!("a page is sent texts: {other:?}"),
            }
        }
    }

    /// Hears this and nothing before it.
    pub async fn hears(&mut self, by: &str, text: &str) -> Value {
        let told = self.next().await.unwrap();
        assert_eq!((author(&told), &told["text"]), (by, &json!(text)), "{told}");
        told
    }

    /// Hears the status that ends it, and the end.
    pub async fn ended_with(&mut self) -> (String, String) {
        loop {
            let told = self.next().await.expect("a status comes before the end");
            if let Some(status) = told.get("status") {
                assert_eq!(self.next().await, None);
                let part = |key: &str| status[key].as_str().unwrap().to_owned();
                return (part("code"), part("message"));
            }
        }
    }
}

/// Whose words a message is.
pub fn author(message: &Value) -> &str {
    message["client_reference"]["client_name"].as_str().unwrap_or_default()
}
