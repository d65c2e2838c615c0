//! Where everything stands in a space-time diagram: which column is whose line, which row is which
//! time, and which message leads from where to where.
//!
//! A node is a column and a Lamport time is a row, so whatever has the same time stands at the same
//! height, and no message of a sound clock goes up. Times that nobody used take no room. These are
//! places in a grid and not on a page: how far its lines are apart, and where words go, is worked out
//! in [`labels`], and nothing here knows of any form of picture. Two that draw the same graph, on paper
//! and live, draw the same picture.
//!
//! ```text
//! Graph + Window ── Layout::of ──> columns, rows, dots, arrows ── labels::place ──> boxes
//! ```

pub mod labels;
mod plan;
pub mod text;
pub mod words;

use super::{
    event::Subject,
    fact::Evidence,
    fate::Fate,
    graph::{At, Graph},
};
use std::{collections::BTreeSet, fmt};

/// The most events of a diagram.
pub const MOST_EVENTS: u64 = 5_000;
/// The most columns of a diagram.
pub const MOST_COLUMNS: usize = 64;

/// What of a graph is to be drawn.
#[derive(Clone, Debug)]
pub struct Window {
    /// The first Lamport time.
    pub from: u64,
    /// The last Lamport time.
    pub to: u64,
    /// Which nodes beside the server; without a choice, all. Of the server's events only those remain
    /// that concern them.
    pub only: Option<BTreeSet<u32>>,
    /// In which order the columns stand.
    pub seating: Seating,
}

impl Default for Window {
    fn default() -> Self {
        Self { from: 0, to: u64::MAX, only: None, seating: Seating::Reading }
    }
}

/// In which order the columns stand. The server is in the middle, where messages cross the fewest lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seating {
    /// From left to right in the order of their joins. A newcomer moves others.
    #[default]
    Reading,
    /// From the server outwards, left and right in turn. Who sits, stays: for what is still growing.
    Outward,
}

impl Seating {
    /// The place of the `rank`-th that joined, from 0, of `count`: negative to the left of the server,
    /// which has 0, and positive to the right.
    #[must_use]
    pub fn place(self, rank: usize, count: usize) -> i64 {
        let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        match self {
            Self::Reading => {
                let place = signed(rank) - signed(count.div_ceil(2));
                if place >= 0 { place + 1 } else { place }
            }
            Self::Outward => {
                let distance = signed(rank / 2) + 1;
                if rank.is_multiple_of(2) { -distance } else { distance }
            }
        }
    }
}

/// Lamport times as rows: each that is used has one, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(Vec<u64>);

impl Rows {
    /// Makes room for a time and returns its row. All rows behind it move if it is not the last.
    pub fn note(&mut self, time: u64) -> usize {
        match self.0.binary_search(&time) {
            Ok(row) => row,
            Err(row) => {
                self.0.insert(row, time);
                row
            }
        }
    }

    /// The row of a time that is used.
    #[must_use]
    pub fn of(&self, time: u64) -> Option<usize> {
        self.0.binary_search(&time).ok()
    }

    /// The times, in order.
    #[must_use]
    pub fn times(&self) -> &[u64] {
        &self.0
    }
}

/// A node's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Whose.
    pub node: u32,
    /// Where it stands: 0 is the server's, negative is left of it, positive right.
    pub place: i64,
    /// The row of its first event; nothing if that was before the window.
    pub begins: Option<usize>,
    /// The row of its end, and how that came; nothing if it goes on.
    pub ends: Option<(usize, Ending)>,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It said so.
    Left,
    /// The server noticed.
    Lost,
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dot {
    /// Which event.
    pub at: At,
    /// The column, counted from the left.
    pub column: usize,
    /// The row, counted from above.
    pub row: usize,
    /// How it is known. What the node did not record itself is to be drawn hollow.
    pub evidence: Evidence,
}

/// A message, or what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// Its send.
    pub sent: At,
    /// Where it begins.
    pub from: End,
    /// Where it ends.
    pub to: End,
    /// What it is about.
    pub subject: Subject,
    /// Who speaks, joins or leaves, if that is known.
    pub author: Option<u32>,
}

/// An end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The event with this number.
    Dot(usize),
    /// In this column, earlier than the window begins.
    Above(usize),
    /// In this column, later than the window ends.
    Below(usize),
    /// On the way to this column: it never arrived, and this is why.
    Lost(usize, Fate),
}

impl End {
    /// The column of an end that is no event of the diagram.
    #[must_use]
    pub fn outside(self) -> Option<usize> {
        match self {
            Self::Dot(_) => None,
            Self::Above(column) | Self::Below(column) | Self::Lost(column, _) => Some(column),
        }
    }
}

/// A diagram as places in a grid.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Lines, from left to right.
    pub columns: Vec<Column>,
    /// Times, from above.
    pub rows: Rows,
    /// Events, by node and place.
    pub dots: Vec<Dot>,
    /// Messages, in the order of their sends.
    pub arrows: Vec<Arrow>,
}

/// There is more than a diagram can hold and anybody can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch {
    /// How many events.
    pub events: u64,
    /// Of how many nodes.
    pub nodes: usize,
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, nodes } = self;
        write!(
            f,
            "{events} events of {nodes} nodes are more than a diagram holds, which is {MOST_EVENTS} \
             events of {MOST_COLUMNS} nodes"
        )
    }
}

impl Layout {
    /// The layout of a window of a graph.
    ///
    /// # Errors
    /// If there is more in it than a diagram holds.
    pub fn of(graph: &Graph, window: &Window) -> Result<Self, TooMuch> {
        plan::layout(graph, window)
    }

    /// The column of a node.
    #[must_use]
    pub fn column_of(&self, node: u32) -> Option<usize> {
        self.columns.iter().position(|column| column.node == node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_sits_in_the_middle() {
        let seats =
            |seating: Seating| -> Vec<i64> { (0..5).map(|rank| seating.place(rank, 5)).collect() };
        assert_eq!(seats(Seating::Reading), [-3, -2, -1, 1, 2]);
        assert_eq!(seats(Seating::Outward), [-1, 1, -2, 2, -3]);
        // Who sits, stays.
        assert!(
            (0..5).all(|rank| Seating::Outward.place(rank, 5) == Seating::Outward.place(rank, 9))
        );
    }

    #[test]
    fn a_time_has_a_row_once_it_is_used() {
        let mut rows = Rows::default();
        assert_eq!([7, 3, 4_000_000_000, 3].map(|time| rows.note(time)), [0, 0, 2, 0]);
        assert_eq!(rows.times(), [3, 7, 4_000_000_000]);
        assert_eq!((rows.of(7), rows.of(8)), (Some(1), None));
    }
}
