//! Attacks on the HTTP port: scrapes, half requests, and pages that never read.

use crate::trial::{Setting, Target, Trial, hold, livez};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// Connections that scrape at once, and requests that each sends ahead.
const SCRAPERS: usize = 500;
const AHEAD: usize = 100;
/// Half requests.
const SLOW: usize = 200;
/// Readers that never read: more than there may be pages.
const STALLED: usize = 80;
/// How long a page may have to wait for a place that a reader holds who does not read.
const PAGE: Duration = Duration::from_secs(30);

/// A socket that takes as few bytes unread as the system lets it.
async fn narrow(http: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(http).await
}

/// So many connections that each say this and read nothing. Who is thrown out comes again.
async fn unread(target: Target, count: usize, request: String) {
    let mut attacks = JoinSet::new();
    for _ in 0..count {
        let (target, request) = (target.clone(), request.clone());
        attacks.spawn(async move {
            while target.goes_on() {
                target.tried();
                if let Ok(mut socket) = narrow(target.http).await
                    && socket.write_all(request.as_bytes()).await.is_ok()
                {
                    // Until the server hangs up: nothing is read, not even that.
                    while target.goes_on()
                        && socket.write_all(b"").await.is_ok()
                        && !is_reset(&socket)
                    {
                        sleep(Duration::from_millis(100)).await;
                    }
                    if !is_reset(&socket) {
                        return hold(socket).await;
                    }
                }
                target.refused();
                sleep(Duration::from_millis(50)).await;
            }
        });
    }
    while attacks.join_next().await.is_some() {}
    hold(()).await;
}

/// Whether the other end has hung up with a reset.
fn is_reset(socket: &TcpStream) -> bool {
    !matches!(socket.take_error(), Ok(None))
}

fn get(target: &Target, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", target.http)
}

pub async fn scrapes(target: Target) {
    let request = get(&target, "/metrics").repeat(AHEAD);
    unread(target, SCRAPERS, request).await;
}

pub async fn half_requests(target: Target) {
    let request = format!("GET /livez HTTP/1.1\r\nHost: {}\r\nX-Slow: ", target.http);
    unread(target, SLOW, request).await;
}

pub async fn stalled_readers(target: Target) {
    let request = get(&target, "/console/events");
    unread(target, STALLED, request).await;
}

/// Whether a page gets its stream of events.
async fn is_told(http: SocketAddr) -> bool {
    let asking = async {
        let mut socket = TcpStream::connect(http).await.ok()?;
        let request = format!("GET /console/events HTTP/1.1\r\nHost: {http}\r\n\r\n");
        socket.write_all(request.as_bytes()).await.ok()?;
        let mut line = [0; 12];
        socket.read_exact(&mut line).await.ok()?;
        (&line == b"HTTP/1.1 200").then_some(())
    };
    timeout(Duration::from_secs(1), asking).await.is_ok_and(|told| told.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn scrapes_that_nobody_reads_are_bounded() {
    let trial = Trial::start("/metrics flood, never reading", Setting::default()).await;
    trial.attacked(scrapes).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn half_requests_keep_nobody_out() {
    let setting = Setting { limits: vec!["--nofile=128"], ..Setting::default() };
    let trial = Trial::start("200 half requests at --nofile=128", setting).await;
    let ask = async |target: &Target, faults: &mut Vec<String>| {
        // Once may be luck.
        for _ in 0..5 {
            let answer = timeout(Duration::from_secs(1), livez(target.http)).await;
            if !matches!(answer, Ok(Ok(true))) {
                faults.push(format!("/livez: {answer:?}"));
            }
        }
    };
    trial.attacked_and(half_requests, ask).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn readers_that_do_not_read_make_room() {
    let trial = Trial::start("80 stalled event-stream readers", Setting::default()).await;
    let ask = async |target: &Target, faults: &mut Vec<String>| {
        let begin = Instant::now();
        while !is_told(target.http).await {
            if begin.elapsed() > PAGE {
                faults.push(format!("no page was told anything within {PAGE:?}"));
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        println!("a page was told {:.1?} after the attack", begin.elapsed());
    };
    trial.attacked_and(stalled_readers, ask).await.judge();
}
