//! What every case starts from: two bystanders who talk to each other, and whom nothing may harm.
//!
//! Everybody is new in each case and each run, by name and by port, so that no case hears of another
//! and a server that keeps the dead does not confuse them with the living. Whoever is not to be lost
//! leaves politely: the original dies of a participant that vanishes, and a case is not to be blamed
//! for the one before it.

use super::{
    fate::{Fate, harmed},
    peer::{Missing, Peer, Target, WINDOW},
    verdict::Finding,
};
use crate::wire::original::{Message, Reference, kind};
use futures_util::future;
use std::{
    cell::Cell,
    process,
    time::{Duration, SystemTime},
};

/// How often somebody speaks who may not be in yet, in one patience: each pause is twice the last.
const TRIES: u32 = 10;
/// The silence that is taken for an answer, if patience is not shorter,
const QUIET: Duration = Duration::from_millis(200);
/// and the wait for something that need not come.
const SHORT: Duration = Duration::from_secs(1);
/// The ports that are named: above those that people like to use.
const FIRST_PORT: u32 = 10_000;
const PORTS: u32 = 50_000;

/// Names and words that nobody else has.
#[derive(Debug)]
pub(super) struct Naming {
    run: u16,
    next: Cell<u32>,
}

impl Naming {
    /// The names of a run that no other is likely to have.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mixed =
            u64::from(process::id()).wrapping_mul(0x9e37_79b9) ^ u64::from(now.subsec_nanos());
        let [low, high, ..] = mixed.to_le_bytes();
        Self { run: u16::from_le_bytes([low, high]), next: Cell::new(0) }
    }

    fn number(&self) -> u32 {
        let number = self.next.get();
        self.next.set(number + 1);
        number
    }

    /// Somebody new. The original tells people apart by address and port, others by name.
    fn reference(&self, who: &str) -> Reference {
        let number = self.number();
        let port = FIRST_PORT + (u32::from(self.run) + number) % PORTS;
        Reference {
            // Of one length, so that none is the beginning of another.
            name: format!("{who}-{:04x}-{number:04}", self.run),
            address: "127.0.0.1".to_owned(),
            port: i32::try_from(port).unwrap_or_default(),
        }
    }

    /// A word that nobody has said.
    fn word(&self) -> String {
        // Closed at the end, so that none is the beginning of another.
        format!("word-{:04x}-{}.", self.run, self.number())
    }
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// Where the server is.
    pub target: &'a Target,
    naming: &'a Naming,
    /// Those whom nothing may harm, in the order in which they came.
    pub bystanders: Vec<Peer>,
}

impl<'a> Scene<'a> {
    /// Two who have come in and hear each other.
    ///
    /// # Errors
    /// With what kept them from it.
    pub(super) async fn set(target: &'a Target, naming: &'a Naming) -> Result<Self, String> {
        let mut scene = Self { target, naming, bystanders: Vec::new() };
        let mut anna = scene.knock("anna").await?;
        let mut bo = scene.knock("bo").await?;
        scene.meet(&mut anna, &mut bo).await?;
        scene.bystanders = vec![anna, bo];
        Ok(scene)
    }

    /// How long any one thing may take.
    pub(super) fn patience(&self) -> Duration {
        self.target.patience
    }

    /// How long something is waited for that need not come.
    pub(super) fn short(&self) -> Duration {
        self.target.patience.min(SHORT)
    }

    /// A word that nobody has said.
    pub(super) fn word(&self) -> String {
        self.naming.word()
    }

    /// Somebody new, with a stream and nothing said on it.
    ///
    /// # Errors
    /// If the server takes no connection.
    pub(super) async fn stranger(&self, who: &str) -> Result<Peer, String> {
        Peer::open(self.target, self.naming.reference(who), WINDOW).await
    }

    /// Somebody new, who may hear no more than `window` bytes.
    ///
    /// # Errors
    /// If the server takes no connection.
    pub(super) async fn deaf(&self, who: &str, window: u32) -> Result<Peer, String> {
        Peer::open(self.target, self.naming.reference(who), window).await
    }

    /// Somebody who has the same reference as somebody else.
    ///
    /// # Errors
    /// If the server takes no connection.
    pub(super) async fn twin(&self, of: &Peer) -> Result<Peer, String> {
        Peer::open(self.target, of.reference.clone(), WINDOW).await
    }

    /// Somebody new who has asked to be let in.
    pub(super) async fn knock(&self, who: &str) -> Result<Peer, String> {
        let mut peer = self.stranger(who).await?;
        peer.connect();
        Ok(peer)
    }

    /// Two who hear each other, as soon as both are in.
    async fn meet(&self, one: &mut Peer, other: &mut Peer) -> Result<(), String> {
        self.reach(one, other).await?;
        self.reach(other, one).await
    }

    /// One is heard by the other, who may not be in yet: it says so again and again.
    pub(super) async fn reach(&self, from: &mut Peer, to: &mut Peer) -> Result<(), String> {
        let word = self.word();
        let mut last = Missing::Silence(self.patience());
        for attempt in 1..=TRIES {
            from.say(format!("{word} attempt {attempt}"));
            match to.hears_word(self.patience() / (1 << (TRIES + 1 - attempt)), &word).await {
                Ok(_) => return Ok(()),
                Err(Missing::Ended(how)) => {
                    last = Missing::Ended(how);
                    break;
                }
                Err(Missing::Silence(_)) => {}
            }
            from.listen(Duration::ZERO).await;
            if let Some(how) = &from.ending {
                return Err(format!("{} was sent away: {how}", from.name()));
            }
        }
        Err(format!("{} does not hear what {} says: {last}", to.name(), from.name()))
    }

    /// Somebody who comes in and talks with the first bystander.
    ///
    /// # Errors
    /// If it does not get in: then nothing can be said about what it would have done.
    pub(super) async fn join(&mut self, who: &str) -> Result<Peer, Finding> {
        let before = |why: String| Finding::unclear(format!("before anything was done, {why}"));
        let mut peer = self.knock(who).await.map_err(before)?;
        let mut first = self.bystanders.remove(0);
        let met = self.meet(&mut peer, &mut first).await;
        self.bystanders.insert(0, first);
        met.map(|()| peer).map_err(before)
    }

    /// Somebody who comes in and will do something wrong. After it a third bystander comes, so that
    /// there are some before it and some behind, in whatever order the server tells them.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub(super) async fn guest(&mut self, who: &str) -> Result<Peer, Finding> {
        let guest = self.join(who).await?;
        self.third().await?;
        Ok(guest)
    }

    /// A guest comes and does something, and leaves politely whatever came of it: the next case is not to
    /// find a server that died of a loss which was none of its fault.
    ///
    /// # Errors
    /// As [`Self::guest`], or with what came of it.
    pub(super) async fn with_guest<T>(
        &mut self,
        act: impl AsyncFnOnce(&mut Self, &mut Peer) -> Result<T, Finding>,
    ) -> Result<T, Finding> {
        let guest = self.guest("casper").await?;
        self.with(guest, act).await
    }

    /// The same with somebody who is there already, in whatever way.
    ///
    /// # Errors
    /// With what came of it.
    pub(super) async fn with<T>(
        &mut self,
        mut peer: Peer,
        act: impl AsyncFnOnce(&mut Self, &mut Peer) -> Result<T, Finding>,
    ) -> Result<T, Finding> {
        let seen = act(self, &mut peer).await;
        self.dismiss(vec![peer]).await;
        seen
    }

    /// A third bystander comes.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub(super) async fn third(&mut self) -> Result<(), Finding> {
        let cy = self.join("cy").await?;
        self.bystanders.push(cy);
        Ok(())
    }

    /// One says something once, and the other hears it.
    ///
    /// # Errors
    /// If it does not.
    pub(super) async fn tell(&self, from: &mut Peer, to: &mut Peer) -> Result<(), String> {
        let word = self.word();
        from.say(word.as_str());
        heard_of(to, from.name(), self.patience(), &word).await
    }

    /// Each bystander says something, so many times, and all the others hear it, at the first attempt.
    ///
    /// # Errors
    /// With who did not hear what.
    pub(super) async fn rounds(&mut self, rounds: usize) -> Result<usize, String> {
        let mut said = 0;
        for speaker in (0..self.bystanders.len()).cycle().take(rounds * self.bystanders.len()) {
            let word = self.word();
            self.bystanders[speaker].say(word.as_str());
            said += 1;
            let name = self.bystanders[speaker].name().to_owned();
            let patience = self.patience();
            let others = self.bystanders.iter_mut().filter(|peer| peer.name() != name);
            let hear = others.map(|peer| heard_of(peer, &name, patience, &word));
            future::try_join_all(hear).await?;
        }
        Ok(said)
    }

    /// Waits until what one did has had its effect on the others: they talk, and then it is quiet.
    ///
    /// # Errors
    /// If they cannot talk any more.
    pub(super) async fn settle(&mut self) -> Result<(), Finding> {
        let talked = self.rounds(1).await;
        talked.map_err(harmed)?;
        let quiet = self.patience().min(QUIET);
        future::join_all(self.bystanders.iter_mut().map(|peer| peer.listen(quiet))).await;
        Ok(())
    }

    /// What has become of somebody: it says one more thing, and is heard, or is gone, or neither.
    pub(super) async fn fate(&mut self, guest: &mut Peer) -> Fate {
        let word = self.word();
        guest.say(word.as_str());
        let patience = self.patience();
        let Some(witness) = self.bystanders.first_mut() else { return Fate::Silent };
        tokio::select! {
            biased;
            heard = witness.hears_word(patience, &word) => match heard {
                Ok(_) => {
                    // What it was told before it spoke again is on its way.
                    guest.listen(patience.min(QUIET)).await;
                    Fate::StillIn
                }
                Err(_) => Fate::Silent,
            },
            ended = guest.until(patience, |_| None::<()>) => match ended {
                Err(Missing::Ended(how)) => Fate::Ended(how),
                _ => Fate::Silent,
            },
        }
    }

    /// The first delivery to a bystander that is like this, and who heard it.
    pub(super) fn any_heard(&self, is_it: impl Fn(&Message) -> bool) -> Option<(&str, &Message)> {
        self.bystanders.iter().find_map(|peer| {
            peer.heard.iter().find(|message| is_it(message)).map(|message| (peer.name(), message))
        })
    }

    /// Everybody here leaves politely.
    pub(super) async fn dismiss(&self, peers: Vec<Peer>) {
        let short = self.short();
        future::join_all(peers.into_iter().map(|peer| peer.leave(short))).await;
    }

    /// The bystanders leave.
    pub(super) async fn clear(mut self) {
        let peers = std::mem::take(&mut self.bystanders);
        self.dismiss(peers).await;
    }
}

async fn heard_of(
    peer: &mut Peer,
    speaker: &str,
    patience: Duration,
    word: &str,
) -> Result<(), String> {
    let heard = peer.hears_word(patience, word).await;
    heard
        .map(|_| ())
        .map_err(|why| format!("{} did not hear what {speaker} said: {why}", peer.name()))
}

/// Whose words a delivery says these are.
pub(super) fn author(message: &Message) -> &str {
    message.reference.as_ref().map_or("", |who| &who.name)
}

/// Whether a delivery tells that this one has come.
pub(super) fn tells_of_join(message: &Message, name: &str) -> bool {
    tells(message, name, kind::CONNECT, &["join", "connected"])
}

/// Whether a delivery tells that this one has left.
pub(super) fn tells_of_leave(message: &Message, name: &str) -> bool {
    tells(message, name, kind::DISCONNECT, &["left", "leave"])
}

/// Whether it is of this kind and about this one, or says so in words: some servers announce with
/// whatever kind they have.
fn tells(message: &Message, name: &str, kind: i32, words: &[&str]) -> bool {
    let is_named = message.text.contains(name);
    let is_of_kind = message.kind == kind && (is_named || author(message) == name);
    is_of_kind || (is_named && words.iter().any(|word| message.text.contains(word)))
}
