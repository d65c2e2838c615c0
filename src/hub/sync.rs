//! The locks and atomics that threads meet at in the hub: the standard library's.
//!
//! In the library's own tests with the feature `shuttle` they are shuttle's, of the same names, which give
//! a scheduler the choice of who goes on at each of them: that is for `interleavings.rs`. No program is
//! ever built so, whatever its features. It is the product's own code that is tried
//! that way, and not a model of it. Nothing else in the hub may use locks or atomics of its own, but for
//! what no two threads can meet at (`throttle` has a thread for itself, and is off there).

#[cfg(all(test, feature = "shuttle"))]
pub(super) use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, feature = "shuttle")))]
pub(super) use std::sync::{Mutex, MutexGuard, atomic};
