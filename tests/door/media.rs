//! What is no gRPC: refused as that, whatever it holds, and nobody in the room hears of it.
//!
//! A page in a browser may send a form's POST to any address that its visitor can reach. Over HTTP/2, with the
//! bytes of gRPC in it, that was a participant.

use crate::support::{Listener as _, Scrape, Server, World, frame, message, within};
use bytes::Bytes;
use chittychat::wire::pb::MessageType;
use h2::client::SendRequest;
use http::{Method, Request, StatusCode};
use prost::Message as _;
use tokio::{net::TcpStream, task::AbortHandle};

const CHAT: &str = "/proto.ChittyChatService/SendMessage";

/// A connection that speaks HTTP/2 without asking, ended when it is dropped.
struct Browser {
    requests: SendRequest<Bytes>,
    driver: AbortHandle,
}

impl Browser {
    async fn open(server: &Server) -> Self {
        let socket = within("a connection", TcpStream::connect(server.address)).await.unwrap();
        let (requests, driver) = within("HTTP/2", h2::client::handshake(socket)).await.unwrap();
        let driver = tokio::spawn(async move { driver.await.unwrap_or_default() }).abort_handle();
        Self { requests, driver }
    }

    /// Posts a whole conversation, and returns the status of the answer.
    async fn post(&self, method: Method, path: &str, kinds: &[&str]) -> StatusCode {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://chat{path}"))
            .header("origin", "https://evil.example");
        for kind in kinds {
            request = request.header("content-type", *kind);
        }
        let mut requests = within("room", self.requests.clone().ready()).await.unwrap();
        let (answer, mut body) = requests.send_request(request.body(()).unwrap(), false).unwrap();
        let says = [
            message(MessageType::Connect, "csrf", "", 1),
            message(MessageType::Publish, "csrf", "posted by a web page", 2),
            message(MessageType::Disconnect, "csrf", "", 3),
        ];
        let says: Vec<u8> =
            says.iter().flat_map(|message| frame(&message.encode_to_vec())).collect();
        // It may be refused before it was sent.
        let _ = body.send_data(says.into(), true);
        within("an answer", answer).await.unwrap().status()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[tokio::test]
async fn what_is_no_grpc_joins_nobody_and_says_nothing() {
    let mut world = World::start().await;
    let browser = Browser::open(&world.server).await;
    let before = Scrape::of(&world.server).await;
    let post = Method::POST;
    let refused = [
        (&post, CHAT, &["text/plain"][..]),
        (&post, CHAT, &[]),
        (&post, CHAT, &["application/x-www-form-urlencoded"]),
        (&post, CHAT, &["multipart/form-data; boundary=application/grpc"]),
        (&post, CHAT, &["application/grpc-web"]),
        (&post, CHAT, &["application/grpc-web+proto"]),
        (&post, CHAT, &["application/grpc+json"]),
        (&post, CHAT, &["application/grpcx"]),
        (&post, CHAT, &["application/grpc, text/plain"]),
        (&post, CHAT, &["text/plain", "application/grpc"]),
        (&post, CHAT, &["application/grpc", "text/plain"]),
        (&Method::GET, CHAT, &["application/grpc"]),
        (&Method::PUT, CHAT, &["application/grpc"]),
        (&Method::OPTIONS, CHAT, &[]),
        (&post, "/grpc.health.v1.Health/Check", &["text/plain"]),
        (&post, "/", &["text/plain"]),
    ];
    for (method, path, kinds) in refused {
        let status = browser.post(method.clone(), path, kinds).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{method} {path} {kinds:?}");
    }
    let after = Scrape::of(&world.server).await;
    let reason = "chittychat_requests_refused_total{reason=\"not_grpc\"}";
    assert_eq!(after.get(reason), refused.len() as f64);
    for same in ["chittychat_lamport_time", "chittychat_audience_total"] {
        assert_eq!(after.get(same), before.get(same), "{same}");
    }
    assert_eq!(world.server.process.err.count(&["csrf"]), 0);

    // The others hear nothing of it, and what is gRPC comes in under all its names.
    for kind in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
        assert_eq!(browser.post(post.clone(), CHAT, &[kind]).await, StatusCode::OK, "{kind}");
        world.hear_join("csrf").await;
        world.anton.hears("csrf", "posted by a web page").await;
        world.bjarke.hears("csrf", "posted by a web page").await;
        world.hear_leave("csrf").await;
    }
    world.finish().await;
}
