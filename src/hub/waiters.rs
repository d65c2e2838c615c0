//! Waking the readers that wait, once each, however much has been appended.
//!
//! A reader has a slot for as long as it lives. It parks when it has come to the end of the log; a
//! wake-up unparks everybody who is parked, and a reader that is awake costs a wake-up a look. It is
//! not a queue: nothing is handed over, readers look for themselves. Readers park by themselves too:
//! each in its own slot, with no lock that another one holds.
//!
//! Not lost: a reader parks first and looks at the head of the log again after that, while an
//! appender moves the head first and wakes after that. All four steps are sequentially consistent, so
//! one of the two sees the other.

use super::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
use slab::Slab;
use std::{
    sync::{Arc, PoisonError},
    task::Waker,
};

/// The slots. See the module's text.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    slots: Mutex<Slab<Arc<Waiting>>>,
}

/// One who waits, or does not.
#[derive(Debug, Default)]
struct Waiting {
    is_parked: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Waiting {
    /// True if it was parked.
    fn unpark(&self) -> bool {
        self.is_parked.load(Ordering::SeqCst) && self.is_parked.swap(false, Ordering::SeqCst)
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who wait.
#[derive(Debug)]
pub(super) struct Slot {
    number: usize,
    waiting: Arc<Waiting>,
}

impl Slot {
    /// Sees to it that `waker` is woken by the next [`Waiters::wake_all`].
    pub(super) fn park(&self, waker: &Waker) {
        match &mut *self.waiting.waker() {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        self.waiting.is_parked.store(true, Ordering::SeqCst);
    }
}

impl Waiters {
    pub(super) fn enrol(&self) -> Slot {
        let waiting = Arc::<Waiting>::default();
        let number = self.lock().insert(Arc::clone(&waiting));
        Slot { number, waiting }
    }

    pub(super) fn leave(&self, slot: &Slot) {
        self.lock().remove(slot.number);
    }

    pub(super) fn wake_all(&self) {
        for (_, waiting) in &*self.lock() {
            if waiting.unpark()
                && let Some(waker) = &*waiting.waker()
            {
                waker.wake_by_ref();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Arc<Waiting>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
