//! One participant's stream: its two halves, one that listens and one that speaks.
//!
//! There is no task for a participant besides its connection's, which polls both halves in one turn: first
//! the [`Listening`] half, which takes in what the participant sends, and then the [`Conversation`], which is
//! asked for what the participant is to be told. They are two because HTTP/2 asks for an answer only while
//! the participant takes one: whoever reads nothing would otherwise not be listened to either, and what it
//! sends would pile up unread, for each stream as much as its window has room for. So whatever has come is
//! taken in at once, and lag is what ends the stay of whoever sends and does not read.
//!
//! The rule of fairness: before each batch out, what has come in is looked at; after
//! [`MESSAGES_IN_A_ROW`] messages in, a batch goes out and other streams get their turn, and nothing more is
//! read from the connection until what is left has been taken in: see [`Intake`].

use super::{
    bucket::Bucket,
    gate::Gated,
    guest::{Chair, Guest},
    intake::Intake,
    pass::Pass,
    server::Limits,
    status,
};
use crate::chat::{Act, Draft, Fault, Seat};
use crate::hub::{Hub, Left, Reply, Seated, Visit};
use crate::keys::{Identity, Withdrawn};
use crate::wire::{Batch, Inbound};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::{
    num::NonZeroU32,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};
use tokio::time::Instant;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

/// With fewer, what a burst brings each listener is less than a DATA frame holds.
const MESSAGES_IN_A_ROW: u32 = 128;
/// How often somebody is told at once that it was too fast: more than a person is by mistake, also when it
/// pastes a page.
const REFUSALS: u32 = 100;

/// The half that speaks. See the module's text.
#[derive(Debug)]
pub(super) struct Conversation {
    news: Arc<News>,
    stage: Stage,
}

/// How far the conversation has come.
#[derive(Debug)]
enum Stage {
    /// Nobody has connected yet.
    Before,
    /// A participant is present, with a place among those from its address.
    During { seated: Box<Seated>, _chair: Option<Chair> },
    /// What is left to say.
    After { notice: Option<Batch>, status: Option<Status> },
}

/// What the half that listens has for the one that speaks: how the conversation goes on. There is no more
/// than one thing at a time, since the latest is what holds.
#[derive(Debug, Default)]
struct News {
    is_there: AtomicBool,
    stage: Mutex<Option<Stage>>,
}

/// The half that listens. As a future it is ready when the stream is to be cut, and not before.
#[derive(Debug)]
pub(super) struct Listening<I = Streaming<Inbound>> {
    hub: Hub,
    visit: Visit,
    /// What the participant sends; nothing after it has half-closed.
    inbound: Option<Gated<I>>,
    part: Part,
    guest: Arc<Guest>,
    /// Its place among the requests under way.
    pass: Pass,
    pace: Option<Pace>,
    /// The names that the participant may have.
    identity: Identity,
    max_frame_bytes: usize,
    intake: Arc<Intake>,
    news: Arc<News>,
    /// Wakes whoever asks for what there is to be said.
    speaker: Waker,
    /// Whom the pass wakes, and the identity.
    known: Option<Waker>,
}

/// Whom the half that listens hears.
#[derive(Clone, Copy, Debug)]
enum Part {
    Stranger,
    Participant(Seat),
    Nobody,
}

#[derive(Debug)]
struct Pace {
    limiter: DefaultDirectRateLimiter,
    /// How often its holder is told that it was too fast.
    refusals: Bucket,
    per_second: u32,
}

/// Who is to have a conversation, on whose connection, and in which room.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) hub: Hub,
    pub(super) guest: Arc<Guest>,
    pub(super) pass: Pass,
    pub(super) identity: Identity,
    pub(super) intake: Arc<Intake>,
}

/// The two halves of a conversation with whoever says what comes out of `inbound`. `speaker` is woken when
/// there is something to be said because of that.
pub(super) fn begin<I>(
    Setting { hub, guest, pass, identity, intake }: Setting,
    inbound: I,
    speaker: Waker,
) -> (Listening<I>, Conversation)
where
    I: Stream<Item = Result<Inbound, Status>> + Unpin,
{
    let limits = guest.limits();
    let (pace, max_frame_bytes) = (Pace::new(&limits), limits.frame_bytes);
    let (visit, news) = (hub.visit(), Arc::<News>::default());
    let conversation = Conversation { news: Arc::clone(&news), stage: Stage::Before };
    let (inbound, part) = (Some(Gated::new(inbound)), Part::Stranger);
    let listening = Listening {
        hub,
        visit,
        inbound,
        part,
        guest,
        pass,
        pace,
        identity,
        max_frame_bytes,
        intake,
        news,
        speaker,
        known: None,
    };
    (listening, conversation)
}

impl Conversation {
    /// Puts what there is to be said into an empty batch, as far as that takes it.
    ///
    /// Ready with what is left, once something is in the batch; or with the status that ends the stream,
    /// behind whatever is in the batch then.
    pub(super) fn poll_batch(
        &mut self,
        batch: &mut Batch,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Left, Status>> {
        if let Some(stage) = self.news.take() {
            self.stage = stage;
        }
        if let Stage::During { seated, .. } = &mut self.stage {
            match ready!(seated.poll_batch(batch, cx)) {
                Ok(left) => return Poll::Ready(Ok(left)),
                Err(departure) => {
                    let status = status::of_departure(&departure);
                    self.stage = Stage::After { notice: None, status };
                }
            }
        }
        let Stage::After { notice, status } = &mut self.stage else { return Poll::Pending };
        if let Some(notice) = notice.take() {
            batch.append(notice);
        }
        Poll::Ready(Err(status.take().unwrap_or_else(|| Status::ok(""))))
    }
}

impl News {
    fn tell(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(stage);
        self.is_there.store(true, Ordering::Release);
    }

    /// Asked for each batch, so it is one look as a rule.
    fn take(&self) -> Option<Stage> {
        let is_there =
            self.is_there.load(Ordering::Acquire) && self.is_there.swap(false, Ordering::Acquire);
        let stage = || self.stage.lock().unwrap_or_else(PoisonError::into_inner).take();
        is_there.then(stage).flatten()
    }
}

impl<I: Stream<Item = Result<Inbound, Status>> + Unpin> Listening<I> {
    /// Takes in what has come, a few messages at most.
    fn listen(&mut self, cx: &mut Context<'_>) {
        for _ in 0..MESSAGES_IN_A_ROW {
            let Some(inbound) = &mut self.inbound else { return };
            let Poll::Ready(next) = Pin::new(inbound).poll_next(cx) else { return };
            let received = match next {
                Some(Ok(received)) => received,
                Some(Err(error)) => match status::fault_of(&error, self.max_frame_bytes) {
                    // Tonic reads no further after an error of its own, so this comes once.
                    Some(fault) => Err(fault),
                    None => return self.end(None, Some(error)),
                },
                // A participant that has half-closed keeps listening.
                None => {
                    self.inbound = None;
                    if matches!(self.part, Part::Stranger) {
                        self.end(None, Some(status::of_fault(&Fault::NotConnected)));
                    }
                    return;
                }
            };
            self.take_in(received);
        }
        // What is left is taken in the next time, and nothing is read before that.
        if self.inbound.is_some() {
            self.intake.is_behind();
            cx.waker().wake_by_ref();
        }
    }

    /// Hands a message to the room.
    fn take_in(&mut self, mut received: Inbound) {
        if let (Ok(draft), Some(pace)) = (&mut received, &mut self.pace) {
            pace.hold(draft);
        }
        let mut chair = None;
        let seat = match self.part {
            Part::Stranger => {
                if let Err(fault) = self.may_join(&received) {
                    self.hub.metrics().stranger_refused(&fault);
                    self.visit.judged();
                    return self.end(None, Some(status::of_fault(&fault)));
                }
                hold_to(&self.identity, &mut received);
                chair = self.guest.offer_chair(&mut received);
                None
            }
            Part::Participant(seat) => Some(seat),
            Part::Nobody => return,
        };
        self.visit.judged();
        match self.hub.receive(seat, received) {
            Reply::Joined(seated) => {
                let seat = seated.seat();
                self.guest.let_in(&self.identity, seated.who().name());
                let hub = self.hub.clone();
                self.identity.when_withdrawn(move || hub.part(seat));
                self.pass.taken_by(seat);
                self.part = Part::Participant(seat);
                self.tell(Stage::During { seated: Box::new(seated), _chair: chair });
            }
            Reply::Refused { notice, fault } => self.end(notice, Some(status::of_fault(&fault))),
            // What there is to say to a participant comes out of the log.
            Reply::Logged | Reply::Gone => {}
        }
    }

    /// Whether whoever asks to be let into the room may, as fast as others do.
    fn may_join(&self, received: &Inbound) -> Result<(), Fault> {
        match received {
            Ok(Draft { act: Ok(Act::Connect(_)), .. }) => self.guest.admits_join(),
            _ => Ok(()),
        }
    }

    /// Why the participant may not stay, once what it was let in for holds no more. Asked for every delivery, so
    /// it is one look unless somebody else is to be woken.
    fn withdrawn(&mut self, cx: &Context<'_>) -> Option<Withdrawn> {
        if matches!(self.part, Part::Nobody) || !self.identity.is_proved() {
            return None;
        }
        if self.known.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            return self.identity.withdrawn();
        }
        match self.identity.poll_withdrawn(cx) {
            Poll::Ready(withdrawn) => Some(withdrawn),
            Poll::Pending => None,
        }
    }

    /// Nothing more is taken in, and this is left to say.
    fn end(&mut self, notice: Option<Batch>, status: Option<Status>) {
        (self.inbound, self.part) = (None, Part::Nobody);
        self.pass.is_over();
        self.tell(Stage::After { notice, status });
    }

    fn tell(&self, stage: Stage) {
        self.news.tell(stage);
        self.speaker.wake_by_ref();
    }
}

impl<I: Stream<Item = Result<Inbound, Status>> + Unpin> Future for Listening<I> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        // Before anything of theirs is taken in.
        if let Some(withdrawn) = this.withdrawn(cx) {
            this.end(None, Some(status::of_withdrawal(withdrawn)));
        }
        // First of the rest: what has come has woken us, and will not do so again.
        this.listen(cx);
        if matches!(this.part, Part::Stranger) && this.visit.poll_closing(cx).is_ready() {
            this.end(None, Some(status::of_fault(&Fault::Closing)));
        }
        if this.pass.is_late() && matches!(this.part, Part::Stranger) {
            this.end(None, Some(status::of_lateness(this.guest.limits().idle_timeout)));
        }
        this.pass.poll_cut(&mut this.known, cx)
    }
}

/// Marks a Connect as not allowed if the name is somebody else's. The room hears of it, and refuses it.
fn hold_to(identity: &Identity, received: &mut Inbound) {
    if let Ok(draft) = received
        && let Ok(Act::Connect(who)) = &draft.act
        && let Err(fault) = identity.may_be(who)
    {
        draft.act = Err(fault);
    }
}

impl Pace {
    /// Nothing if there is no limit.
    fn new(limits: &Limits) -> Option<Self> {
        let rate = NonZeroU32::new(limits.messages_per_second)?;
        let burst = NonZeroU32::new(limits.message_burst).unwrap_or(rate);
        let limiter = RateLimiter::direct(Quota::per_second(rate).allow_burst(burst));
        Some(Self { limiter, refusals: Bucket::default(), per_second: rate.get() })
    }

    /// Marks a publish as too fast if it is. A Connect counts as a message too.
    ///
    /// To be told so is an entry of the log, which everybody has to pass. So whoever has been told
    /// [`REFUSALS`] times, and once more for each message that it might have sent, is not told any more
    /// but shown out.
    fn hold(&mut self, draft: &mut Draft) {
        let is_publish = matches!(draft.act, Ok(Act::Publish(..)));
        let is_counted = is_publish || matches!(draft.act, Ok(Act::Connect(_)));
        if is_counted && self.limiter.check().is_err() && is_publish {
            let per_second = self.per_second;
            let is_told = self.refusals.admits_at(Instant::now(), per_second, REFUSALS);
            draft.act = Err(match is_told {
                true => Fault::TooFast { per_second },
                false => Fault::Flooding { per_second },
            });
        }
    }
}
