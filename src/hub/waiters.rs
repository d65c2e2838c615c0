//! Waking the readers that wait, once each, however much has been appended.
//!
//! A reader has a slot for as long as it lives. It parks when it has come to the end of the log; a
//! wake-up unparks everybody who is parked, and a reader that is awake costs a wake-up nothing. It is
//! not a queue: nothing is handed over, readers look for themselves.
//!
//! Not lost: a reader parks first and looks at the head of the log again after that, while an
//! appender moves the head first and wakes after that. One of the two sees the other.

use slab::Slab;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
};

/// The slots. See the module's text.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    slots: Mutex<Slab<Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    waker: Option<Waker>,
    is_parked: bool,
}

/// A slot's number.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotId(usize);

impl Waiters {
    pub(super) fn enrol(&self) -> SlotId {
        SlotId(self.lock().insert(Slot::default()))
    }

    pub(super) fn leave(&self, slot: SlotId) {
        self.lock().remove(slot.0);
    }

    /// Sees to it that `waker` is woken by the next [`Self::wake_all`].
    pub(super) fn park(&self, slot: SlotId, waker: &Waker) {
        let mut slots = self.lock();
        let slot = &mut slots[slot.0];
        slot.is_parked = true;
        match &mut slot.waker {
            Some(known) => known.clone_from(waker),
            None => slot.waker = Some(waker.clone()),
        }
    }

    pub(super) fn wake_all(&self) {
        for (_, slot) in self.lock().iter_mut().filter(|(_, slot)| slot.is_parked) {
            slot.is_parked = false;
            if let Some(waker) = &slot.waker {
                waker.wake_by_ref();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
