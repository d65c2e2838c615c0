//! A token bucket: so many in a second, and so many at once.
//!
//! It holds no more than what came last, and reads no clock of its own. Its rate is an argument, so that
//! another rate holds from one moment to the next.

use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// See the module's text. A new one is full.
#[derive(Debug, Default)]
pub struct Bucket {
    /// When it will be full again; nothing if it is.
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes one of `per_second`, of which `burst` may come at once. False if there is none; 0 a second is no
    /// limit, and a burst of 0 is what a second brings.
    #[must_use]
    pub fn admits_at(&mut self, now: Instant, per_second: u32, burst: u32) -> bool {
        if per_second == 0 {
            return true;
        }
        let burst = if burst == 0 { per_second } else { burst };
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + SECOND / per_second;
        let is_admitted = full_at <= now + SECOND * burst / per_second;
        if is_admitted {
            self.full_at = Some(full_at);
        }
        is_admitted
    }

    /// True if all of it is there.
    pub(super) fn is_full_at(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_brings_so_many_and_saves_up_no_more_than_a_burst() {
        let start = Instant::now();
        for burst in [0, 4, 6] {
            let mut bucket = Bucket::default();
            let mut admitted =
                |at| (0..10).filter(|_| bucket.admits_at(start + at, 4, burst)).count();
            let at_once = if burst == 6 { 6 } else { 4 };
            assert_eq!(admitted(Duration::ZERO), at_once);
            assert_eq!(admitted(Duration::from_millis(249)), 0);
            assert_eq!(admitted(Duration::from_millis(250)), 1);
            assert_eq!(admitted(Duration::from_secs(100)), at_once);
        }
        assert!((0..10).all(|_| Bucket::default().admits_at(start, 0, 0)), "no limit");
    }
}
