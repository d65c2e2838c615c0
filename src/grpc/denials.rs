//! How often somebody may be refused for what they showed, before they are shown out.
//!
//! A proof that holds is never refused because of others that do not, wherever these come from: to look
//! at one costs next to nothing, and people share addresses and proxies. What is limited is refusals. A
//! connection that has used up its own, or those of its address, is told to go with its next one; opening
//! another is an attempt like any other, and attempts have bounds at the door. Whoever goes on all the same
//! is cut, unless somebody who was let in is on the same connection.
//!
//! An address is known while it has a debt, a few seconds at most, and so many at a time. Beyond that all
//! unknown ones share one allowance.

use super::bucket::Bucket;
use crate::telemetry::audit;
use std::{collections::BTreeMap, mem, net::IpAddr, time::Duration};
use tokio::time::Instant;

/// What one connection may have refused.
pub(super) const ON_CONNECTION: Rate = Rate { burst: 10, per_second: 5 };
/// What all from one address may have refused. Many people can be behind one.
const FROM_ADDRESS: Rate = Rate { burst: 100, per_second: 20 };
/// What all from unknown addresses may, if too many are known.
const FROM_OTHERS: Rate = Rate { burst: 1000, per_second: 200 };
/// The most addresses that are known at once.
const MOST_ADDRESSES: usize = 4096;
/// How often those without a debt are looked for once there are as many.
const BETWEEN_PRUNINGS: Duration = Duration::from_secs(1);
/// How many who are let in have a line each in a second.
const LET_IN: u32 = 100;
/// How many more a connection may have refused after it was told to go.
pub(super) const UNHEEDED: u32 = 100;

/// So many at once, and then so many a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    burst: u32,
    per_second: u32,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Denials {
    addresses: BTreeMap<IpAddr, Bucket>,
    others: Bucket,
    pruned_at: Option<Instant>,
}

/// The lines about those who were let in: so many a second have one each, and the others are counted.
#[derive(Debug, Default)]
pub(super) struct LetIn {
    lines: Bucket,
    /// Those who had none since the last line about them.
    others: u64,
}

impl LetIn {
    /// Whether one more has a line of its own.
    pub(super) fn has_line(&mut self, now: Instant) -> bool {
        let has_line = self.lines.admits_at(now, LET_IN, LET_IN);
        self.others += u64::from(!has_line);
        has_line
    }

    /// Tells of those who had none.
    pub(super) fn tell_others(&mut self) {
        if self.others > 0 {
            audit::more_let_in(mem::take(&mut self.others));
        }
    }
}

impl Rate {
    /// Takes one of it. False if none is left.
    pub(super) fn admits(self, bucket: &mut Bucket, now: Instant) -> bool {
        bucket.admits_at(now, self.per_second, self.burst)
    }
}

impl Denials {
    /// Notes that a request from there is refused. False if there were too many.
    pub(super) fn admit(&mut self, address: IpAddr, now: Instant) -> bool {
        if let Some(known) = self.addresses.get_mut(&address) {
            return FROM_ADDRESS.admits(known, now);
        }
        let is_full = self.addresses.len() >= MOST_ADDRESSES;
        if is_full && self.pruned_at.is_none_or(|at| now >= at + BETWEEN_PRUNINGS) {
            self.pruned_at = Some(now);
            self.addresses.retain(|_, bucket| !bucket.is_full_at(now));
        }
        if self.addresses.len() >= MOST_ADDRESSES {
            return FROM_OTHERS.admits(&mut self.others, now);
        }
        FROM_ADDRESS.admits(self.addresses.entry(address).or_default(), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::default();
        let mut taken =
            |at| (0..100).filter(|_| ON_CONNECTION.admits(&mut bucket, start + at)).count();
        assert_eq!(taken(Duration::ZERO), 10);
        assert_eq!(taken(Duration::from_millis(199)), 0);
        assert_eq!(taken(Duration::from_millis(200)), 1);
        assert_eq!(taken(Duration::from_secs(100)), 10);
    }

    #[test]
    fn addresses_do_not_pay_for_each_other_and_are_forgotten() {
        let start = Instant::now();
        let mut denials = Denials::default();
        let taken = |denials: &mut Denials, number, at: Duration| {
            (0..1000).filter(|_| denials.admit(address(number), start + at)).count()
        };
        assert_eq!(taken(&mut denials, 1, Duration::ZERO), 100);
        assert_eq!(taken(&mut denials, 2, Duration::ZERO), 100);
        for number in 0..10_000 {
            denials.admit(address(number), start);
        }
        assert_eq!(denials.addresses.len(), MOST_ADDRESSES);
        // Those who find no place share what is left for them.
        assert_eq!(taken(&mut denials, 20_000, Duration::ZERO), 0);
        // All debts are paid by then.
        let later = Duration::from_secs(10);
        assert_eq!(taken(&mut denials, 20_000, later), 100);
        assert_eq!(denials.addresses.len(), 1);
    }
}
