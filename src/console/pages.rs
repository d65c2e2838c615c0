//! How many pages are told what happens, and which of them goes if another wants to be.
//!
//! Nobody can tell a page that is looked at from one that has stopped reading while little happens. So if all
//! places are taken, the page goes that has had its for longest: a page that is there connects again and goes
//! on where it was, and one that is not has held nobody up. A place is one's own for [`AT_LEAST`], so
//! that too many pages do not drive each other out all the time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// How long a place is one's own.
const AT_LEAST: Duration = Duration::from_secs(10);

/// See the module's text.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) most: usize,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// Those there are, in the order in which they came.
    pages: BTreeMap<u64, (Instant, Arc<Notify>)>,
    next: u64,
}

/// A page's place, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Place {
    pages: Arc<Pages>,
    number: u64,
    /// Told when somebody else gets the place.
    pub(super) is_to_go: Arc<Notify>,
}

impl Pages {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, book: Mutex::default() })
    }

    /// A place, if there is one or somebody has had one for long enough.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut book = self.lock();
        if book.pages.len() >= self.most {
            let (number, (since, _)) = book.pages.first_key_value()?;
            let number = (since.elapsed() >= AT_LEAST).then_some(*number)?;
            book.pages.remove(&number)?.1.notify_one();
        }
        let (number, is_to_go) = (book.next, Arc::<Notify>::default());
        book.next += 1;
        book.pages.insert(number, (Instant::now(), Arc::clone(&is_to_go)));
        Some(Place { pages: Arc::clone(self), number, is_to_go })
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It is gone already if somebody else has it.
        self.pages.lock().pages.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test(start_paused = true)]
    async fn if_all_places_are_taken_the_oldest_page_goes() {
        let pages = Pages::new(8);
        let mut places: Vec<_> = (0..8).map(|_| pages.enter().expect("free")).collect();
        assert!(pages.enter().is_none(), "everybody has just come");
        tokio::time::sleep(AT_LEAST).await;
        places.push(pages.enter().expect("the first has had its time"));
        let told = |place: &Place| place.is_to_go.notified().now_or_never().is_some();
        assert_eq!(places.iter().map(told).filter(|it| *it).count(), 1);
        assert_eq!(pages.lock().pages.len(), 8);
        drop(places);
        assert!(pages.lock().pages.is_empty());
    }
}
