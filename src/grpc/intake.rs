//! How much a connection reads in one round of its task: no more than its streams then take in.
//!
//! What is read and not taken in waits in HTTP/2's memory, and small frames cost many times their size there.
//! So a round reads a little, the streams take it in, and only then is more read: what one who sends faster
//! than it is heard can make the server hold is this much and not a window. It limits nothing over time: the
//! next round follows at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// The bytes after which a round reads no more. A read may go beyond that by one buffer.
const A_ROUND: usize = 16 << 10;

/// See the module's text. All who look at it are in the connection's one task.
#[derive(Debug, Default)]
pub(super) struct Intake {
    left: AtomicUsize,
    /// A stream has more to take in than it could in this round.
    is_behind: AtomicBool,
    /// A read was put off.
    is_put_off: AtomicBool,
}

impl Intake {
    /// A stream has not taken in all that is there.
    pub(super) fn is_behind(&self) {
        self.is_behind.store(true, Relaxed);
    }

    /// The streams have had their turn: the connection may read anew, unless one of them is behind.
    pub(super) fn renew(&self) {
        let left = if self.is_behind.swap(false, Relaxed) { 0 } else { A_ROUND };
        self.left.store(left, Relaxed);
    }

    /// True if more may be read in this round; whoever is told otherwise is to be asked again in the next.
    pub(super) fn may_read(&self) -> bool {
        let may = self.left.load(Relaxed) > 0;
        self.is_put_off.store(!may, Relaxed);
        may
    }

    /// So much was read.
    pub(super) fn read(&self, bytes: usize) {
        self.left.store(self.left.load(Relaxed).saturating_sub(bytes), Relaxed);
    }

    /// Whether a read was put off since this was last asked.
    pub(super) fn was_put_off(&self) -> bool {
        self.is_put_off.swap(false, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_reads_so_much_and_nothing_while_a_stream_is_behind() {
        let intake = Intake::default();
        assert!(!intake.may_read(), "no round has begun");
        intake.renew();
        assert!(intake.may_read() && !intake.was_put_off());
        intake.read(A_ROUND + 1);
        assert!(!intake.may_read() && intake.was_put_off() && !intake.was_put_off());
        intake.is_behind();
        intake.renew();
        assert!(!intake.may_read());
        intake.renew();
        assert!(intake.may_read());
    }
}
