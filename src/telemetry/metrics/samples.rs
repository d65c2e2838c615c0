//! The latest samples of the delivery latency, for a chart that is drawn while they come.
//!
//! The histogram answers the same question for Prometheus, which asks seldom and wants all that ever was.
//! This one forgets what it has told, and it is three numbers that any thread may add to.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// See the module's text.
#[derive(Debug, Default)]
pub struct Samples {
    count: AtomicU64,
    sum_us: AtomicU64,
    max_us: AtomicU64,
}

/// What was sampled since the last time somebody asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// The mean, in microseconds.
    pub mean_us: u64,
    /// The longest, in microseconds.
    pub max_us: u64,
}

impl Samples {
    pub(super) fn add(&self, sample: Duration) {
        let us = u64::try_from(sample.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
    }

    /// What there is, which is then forgotten; nothing if there is none. A sample that is added meanwhile
    /// may be counted in one answer and summed up in the next.
    pub fn take(&self) -> Option<Recent> {
        let take = |number: &AtomicU64| number.swap(0, Ordering::Relaxed);
        let (count, sum, max_us) = (take(&self.count), take(&self.sum_us), take(&self.max_us));
        sum.checked_div(count).map(|mean_us| Recent { mean_us, max_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_forgotten() {
        let samples = Samples::default();
        assert_eq!(samples.take(), None);
        [10, 20, 60].iter().for_each(|us| samples.add(Duration::from_micros(*us)));
        assert_eq!(samples.take(), Some(Recent { mean_us: 30, max_us: 60 }));
        assert_eq!(samples.take(), None);
    }
}
