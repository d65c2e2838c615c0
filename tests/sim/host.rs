//! The server on its simulated host: the product's own, but for the port that it listens on.
//!
//! Beside it runs a recorder, which reads the log as the scribe does. Stopping is what `serve` does on
//! a signal.

use crate::chronicle::{Pen, Seen};
use crate::network::{Door, PORT};
use crate::plan::{FRAME_BYTES, KEEPALIVE, Plan};
use chittychat::{
    chat::{Lag, Participant, Rules},
    grpc::{Limits, Serving},
    hub::{Bounds, ClockLimits, Hub, WallClock, sweep},
    telemetry::Spans,
};
use std::{rc::Rc, time::Duration};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout_at},
};
use turmoil::net::TcpListener;

/// How long those who are told that the server stops get to go.
pub const DEADLINE: Duration = Duration::from_secs(3);
/// More than any log of a plan holds.
const BYTES: u64 = 1 << 30;

/// Who the server says it is.
pub fn reference() -> Participant {
    Participant::server("10.0.0.254", PORT)
}

/// Serves until `stop`, and then drains.
pub async fn serve(plan: Rc<Plan>, pen: Pen, stop: Rc<Notify>) -> turmoil::Result {
    let life = {
        let mut chronicle = pen.0.borrow_mut();
        chronicle.lives += 1;
        chronicle.lives
    };
    pen.write(Seen::Began(life));
    let rules = Rules { max_participants: plan.max_participants };
    let bounds = Bounds {
        capacity: Lag { entries: plan.capacity, bytes: BYTES },
        max_lag: Lag { entries: plan.max_lag, bytes: BYTES },
        wake_window: Duration::ZERO,
    };
    let limits = Limits {
        frame_bytes: FRAME_BYTES,
        header_bytes: 16_384,
        streams_per_connection: 100,
        connections: 1000,
        // Longer than any world lasts: a connection ends for reasons of the plan alone.
        idle_timeout: Duration::from_secs(3600),
        keepalive_interval: Duration::from_millis(KEEPALIVE.0),
        keepalive_timeout: Duration::from_millis(KEEPALIVE.1),
        ..Limits::default()
    };
    // A wall clock that has not been set, so that nothing depends on when a world is run.
    let wall = WallClock::new(|| Duration::ZERO);
    let clock = ClockLimits { max_jump: plan.max_jump, ceiling: 0, wall };
    let hub = Hub::with_clock(rules, bounds, clock, reference(), Spans::off());
    let recorder = tokio::task::spawn_local(record(hub.clone(), pen.clone(), life));
    let sweeper = tokio::spawn(sweep(hub.clone()));
    let listener = Door(TcpListener::bind(("0.0.0.0", PORT)).await?);
    let serving = Serving::new(hub.clone(), limits, listener);
    let health = serving.health();
    health.set(true).await;
    let (drain, drained) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(async move {
        serving.run(async { drained.await.unwrap_or_default() }).await.map_err(|it| it.to_string())
    });

    stop.notified().await;
    let end = Instant::now() + DEADLINE;
    health.set(false).await;
    hub.close();
    let _ = drain.send(());
    let mut is_over = false;
    if timeout_at(end, hub.emptied()).await.is_ok() {
        let linger = end.min(Instant::now() + Duration::from_secs(1));
        is_over = timeout_at(linger, &mut serving).await.is_ok();
    }
    if !is_over {
        serving.abort();
        let _ = serving.await;
    }
    hub.finish();
    recorder.await?;
    sweeper.abort();
    pen.write(Seen::Stopped(life, hub.books()));
    Ok(())
}

/// Writes down what is appended to the log, as it is appended.
async fn record(hub: Hub, pen: Pen, life: usize) {
    let (mut reader, present) = hub.read_on();
    assert!(present.is_empty(), "nobody can have come yet");
    while let Some(next) = reader.next().await {
        match next {
            Ok(entry) => pen.write(Seen::Entered(life, entry)),
            Err(overtaken) => panic!("the recorder is {} behind: give it more room", overtaken.lag),
        }
    }
}
