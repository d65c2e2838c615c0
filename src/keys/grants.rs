//! What streams were let in for, and how those hear that it does not hold any more.
//!
//! A stream keeps its [`Identity`] for as long as it lives. When files have changed, every grant that is
//! held is weighed again, in one pass and with look-ups alone; the stream of each that is withdrawn is
//! woken, and nobody else. A stream that is not woken pays nothing for this but the look at one atomic
//! number a turn.
//!
//! None is missed: a newcomer is entered first and weighed again after that, while a change is put into
//! force first and everybody weighed after that.

use super::{certificate::Certificate, tokens::Hash};
use crate::chat::{Fault, Participant};
use crate::telemetry::audit;
use futures_util::task::AtomicWaker;
use slab::Slab;
use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    task::{Context, Poll},
};

/// The names of somebody.
pub(super) type Names = Arc<[Box<str>]>;

/// Why a stream ends that was let in. Each is a sentence that says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withdrawn {
    /// It was struck out of the list.
    #[error("your token was withdrawn; ask for another")]
    Token,
    /// Its issuer's list names it.
    #[error("your certificate was revoked; ask for another")]
    Certificate,
}

impl Withdrawn {
    /// Its label in the metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Token => "withdrawn_token",
            Self::Certificate => "revoked_certificate",
        }
    }
}

/// What somebody has shown that holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) certificate: Option<Arc<Certificate>>,
    /// A token's hash, and whom the list gave it to.
    pub(super) token: Option<(Hash, Names)>,
}

impl Shown {
    /// What it is called in the audit.
    fn by(&self) -> audit::By {
        match (&self.certificate, &self.token) {
            (None, None) => audit::By::None,
            (None, Some(_)) => audit::By::Token,
            (Some(_), None) => audit::By::Certificate,
            (Some(_), Some(_)) => audit::By::Both,
        }
    }
}

/// All grants that are held.
#[derive(Debug, Default)]
pub(super) struct Grants(Mutex<Slab<Weak<Grant>>>);

/// What one stream was let in for.
struct Grant {
    grants: Arc<Grants>,
    number: usize,
    peer: SocketAddr,
    names: Names,
    shown: Shown,
    withdrawn: OnceLock<Withdrawn>,
    waker: AtomicWaker,
    /// What is to be done at once when it is withdrawn, whoever polls the stream.
    then: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// A grant that was withdrawn, for whoever writes that down.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) peer: SocketAddr,
    pub(super) names: Names,
    pub(super) by: audit::By,
    pub(super) why: Withdrawn,
}

impl Grants {
    /// Enters what somebody was let in for, for as long as the identity is kept.
    pub(super) fn enter(
        self: &Arc<Self>,
        peer: SocketAddr,
        names: Names,
        shown: Shown,
    ) -> Identity {
        let mut held = self.lock();
        let entry = held.vacant_entry();
        let grant = Arc::new(Grant {
            grants: Arc::clone(self),
            number: entry.key(),
            peer,
            names: Arc::clone(&names),
            shown,
            withdrawn: OnceLock::new(),
            waker: AtomicWaker::new(),
            then: Mutex::default(),
        });
        entry.insert(Arc::downgrade(&grant));
        Identity { names: Some(names), grant: Some(grant) }
    }

    /// Weighs every grant, withdraws those that `weigh` has a reason for, and says which they were.
    pub(super) fn withdraw(&self, weigh: impl Fn(&Shown) -> Option<Withdrawn>) -> Vec<Taken> {
        // Without the lock: one of whom this was the last trace takes it when it goes.
        let held: Vec<_> = self.lock().iter().filter_map(|(_, it)| it.upgrade()).collect();
        let mut taken = Vec::new();
        for grant in held {
            let Some(why) = weigh(&grant.shown) else { continue };
            if grant.withdrawn.set(why).is_err() {
                continue;
            }
            grant.waker.wake();
            let then = grant.then().take();
            if let Some(then) = then {
                then();
            }
            let (names, by) = (Arc::clone(&grant.names), grant.shown.by());
            taken.push(Taken { peer: grant.peer, names, by, why });
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Weak<Grant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grant {
    fn then(&self) -> MutexGuard<'_, Option<Box<dyn FnOnce() + Send>>> {
        self.then.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.grants.lock().remove(self.number);
    }
}

/// The names that somebody may join under, for as long as what was shown for them holds. The default is
/// any, for ever. Clones are the same, and one of them is polled.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    names: Option<Names>,
    grant: Option<Arc<Grant>>,
}

impl Identity {
    /// One of these names, which nobody withdraws.
    pub(super) fn of(names: Option<Names>) -> Self {
        Self { names, grant: None }
    }

    /// Whether somebody with this identity may be this participant. Address and port are labels, and
    /// free.
    ///
    /// # Errors
    /// [`Fault::NotYourName`] if not.
    pub fn may_be(&self, who: &Participant) -> Result<(), Fault> {
        match &self.names {
            Some(names) if !names.iter().any(|name| **name == *who.name()) => {
                Err(Fault::NotYourName { name: who.name().into(), yours: Arc::clone(names) })
            }
            _ => Ok(()),
        }
    }

    /// Why what was shown does not hold any more, once that is so.
    #[must_use]
    pub fn withdrawn(&self) -> Option<Withdrawn> {
        self.grant.as_ref().and_then(|grant| grant.withdrawn.get().copied())
    }

    /// Sees to it that whoever polls is woken when it is withdrawn. Asking again changes the waker.
    pub fn poll_withdrawn(&self, cx: &Context<'_>) -> Poll<Withdrawn> {
        let Some(grant) = &self.grant else { return Poll::Pending };
        grant.waker.register(cx.waker());
        // Looked at after registering, and set before waking.
        grant.withdrawn.get().copied().map_or(Poll::Pending, Poll::Ready)
    }

    /// Has something done at once when it is withdrawn: a stream whose connection takes no more bytes is
    /// not polled, and would learn of it too late.
    pub fn when_withdrawn(&self, then: impl FnOnce() + Send + 'static) {
        let Some(grant) = &self.grant else { return };
        *grant.then() = Some(Box::new(then));
        // It may have come in between, and then nobody else does it.
        let missed = self.withdrawn().and_then(|_| grant.then().take());
        if let Some(missed) = missed {
            missed();
        }
    }

    /// Writes down that its holder came in under this name. Nothing if nobody was asked who that is.
    pub fn note_let_in(&self, name: &str) {
        if let Some(grant) = &self.grant {
            audit::let_in(grant.peer, name, grant.shown.by());
        }
    }

    /// Whether there was anything to be shown.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.grant.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn names(names: &[&str]) -> Names {
        names.iter().map(|name| Box::from(*name)).collect()
    }

    fn token(number: u8) -> Shown {
        Shown { certificate: None, token: Some(([number; 32], names(&["Anton"]))) }
    }

    fn struck_out(shown: &Shown) -> Option<Withdrawn> {
        let (hash, _) = shown.token.as_ref()?;
        (hash[0] == 1).then_some(Withdrawn::Token)
    }

    #[test]
    fn a_name_is_ones_own_letter_by_letter() {
        let anton = Participant::new("Anton", "::1", 1).expect("legal");
        assert_eq!(Identity::default().may_be(&anton), Ok(()));
        assert_eq!(Identity::of(Some(names(&["Bjarke", "Anton"]))).may_be(&anton), Ok(()));
        for others in [&["anton"][..], &["Anton "], &["*"], &["Anton\0"], &[]] {
            let refused = Identity::of(Some(names(others))).may_be(&anton);
            let fault = Fault::NotYourName { name: "Anton".into(), yours: names(others) };
            assert_eq!(refused, Err(fault));
        }
    }

    #[test]
    fn whose_grant_is_withdrawn_hears_of_it_once_and_nobody_else_does() {
        let grants = Arc::<Grants>::default();
        let peer = "10.0.0.1:1".parse().expect("an address");
        let enter = |number| grants.enter(peer, names(&["Anton"]), token(number));
        let (first, second) = (enter(1), enter(2));
        let done = Arc::new(AtomicU32::new(0));
        let count = |done: &Arc<AtomicU32>| {
            let done = Arc::clone(done);
            move || {
                done.fetch_add(1, Ordering::SeqCst);
            }
        };
        first.when_withdrawn(count(&done));
        second.when_withdrawn(count(&done));
        let taken = grants.withdraw(struck_out);
        assert_eq!(taken.iter().map(|it| it.why).collect::<Vec<_>>(), [Withdrawn::Token]);
        assert!(grants.withdraw(struck_out).is_empty(), "it is withdrawn already");
        assert_eq!((first.withdrawn(), second.withdrawn()), (Some(Withdrawn::Token), None));
        assert_eq!(done.load(Ordering::SeqCst), 1);
        // Whoever comes to ask too late has it done all the same.
        first.when_withdrawn(count(&done));
        assert_eq!(done.load(Ordering::SeqCst), 2);
        drop((first, second));
        assert!(grants.lock().is_empty(), "they have left nothing behind");
    }
}
