//! Where words go: the grid as lengths on a page, and boxes for words that never overlap.
//!
//! That they do not is so by construction. A spot of the grid has its words on one side, in one line that
//! is lower than a row is high; and two neighbouring columns are as far apart as the widest pair of words
//! that meet between them needs. So a box overlaps neither the one above or below nor the one beside it.
//! Words of a participant stand away from the server, those of the server away from where the message
//! goes or comes from, so that few lines cross them.
//!
//! Lengths are in pixels of a picture that is not scaled; the origin is its upper left corner.

use super::{
    Arrow, Column, Dot, End, Layout,
    text::width,
    words::{Name, Tone, Words},
};
use crate::causality::{fact::Evidence, graph::Graph};
use std::collections::{BTreeMap, BTreeSet};

/// From one row to the next.
pub const ROW: u32 = 24;
/// How high a line of words is.
pub const LINE: u32 = 16;
/// The size of type of names.
pub const NAME_SIZE: u32 = 15;
/// The size of type of all else.
pub const SIZE: u32 = 12;
/// The radius of a dot.
pub const DOT: u32 = 5;

/// From a line to the words beside it.
const GAP: u32 = 10;
/// From a number to the words behind it, and between the words of two columns.
const SPACE: u32 = 8;
/// The least distance of two columns.
const NEAREST: u32 = 120;
/// Around the whole.
const MARGIN: u32 = 20;
/// From the upper edge to the first row: there stand the names.
const HEAD: u32 = 76;
/// Below the last row.
const FOOT: u32 = 30;

/// What words are, which is how they look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The name over a column.
    Name,
    /// The address below it.
    Address,
    /// A Lamport time.
    Number,
    /// A few words about an event.
    Words(Tone),
}

/// On which side of its column something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It ends at the line.
    Left,
    /// It begins at the line.
    Right,
    /// It has the line in its middle.
    Middle,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Its left edge.
    pub left: u32,
    /// Its upper edge.
    pub top: u32,
    /// How wide it is.
    pub width: u32,
    /// How high it is.
    pub height: u32,
}

impl Bounds {
    /// True if two rectangles have any of their insides in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.left < other.left + other.width
            && other.left < self.left + self.width
            && self.top < other.top + other.height
            && other.top < self.top + self.height
    }
}

/// Words and their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// What they are.
    pub role: Role,
    /// The words.
    pub text: String,
    /// The column that they belong to.
    pub column: usize,
    /// On which side of it they stand.
    pub side: Side,
    /// The room that they have.
    pub bounds: Bounds,
}

/// A layout on a page.
#[derive(Debug)]
pub struct Placed {
    /// How wide the page is.
    pub width: u32,
    /// How high the page is.
    pub height: u32,
    /// Where each column's line stands.
    pub columns: Vec<u32>,
    /// All words.
    pub labels: Vec<Label>,
}

impl Placed {
    /// How far down a row is.
    #[must_use]
    pub fn row(row: usize) -> u32 {
        HEAD + ROW * u32::try_from(row).unwrap_or(u32::MAX / ROW / 2)
    }

    /// Where the lines begin that come from before the window.
    #[must_use]
    pub fn top() -> u32 {
        HEAD - FOOT / 2
    }

    /// Where the lines end that go on after the window.
    #[must_use]
    pub fn bottom(&self) -> u32 {
        self.height - FOOT / 2
    }
}

/// The words of one spot.
struct Spot {
    side: Side,
    number: String,
    words: Option<(Tone, String)>,
}

impl Spot {
    fn number_width(&self) -> u32 {
        width(&self.number, SIZE)
    }

    /// How far its words go from the line.
    fn reach(&self) -> u32 {
        let words = self.words.as_ref().map_or(0, |(_, words)| SPACE + width(words, SIZE));
        GAP + self.number_width() + words
    }
}

/// Finds the place of every line and of all words.
#[must_use]
pub fn place(graph: &Graph, layout: &Layout) -> Placed {
    let words = Words::of(graph);
    let spots = spots(graph, layout, &words);
    let names: Vec<Name> = layout.columns.iter().map(|column| words.name(column.node)).collect();
    let columns = columns(layout, &spots, &names);
    let rows = layout.rows.times().len();
    let height = Placed::row(rows.saturating_sub(1)) + FOOT;
    let mut labels = Vec::new();
    for (column, name) in names.into_iter().enumerate() {
        let mut add = |role, text: String, size, top| {
            let width = width(&text, size);
            let left = columns[column] - width / 2;
            let bounds = Bounds { left, top, width, height: LINE };
            if !text.is_empty() {
                labels.push(Label { role, text, column, side: Side::Middle, bounds });
            }
        };
        add(Role::Name, name.name, NAME_SIZE, MARGIN - 6);
        add(Role::Address, name.address, SIZE, MARGIN - 6 + LINE + 2);
    }
    for ((column, row), spot) in spots {
        let top = Placed::row(row) - LINE / 2;
        let mut from_line = GAP;
        let mut add = |role, text: String| {
            let width = width(&text, SIZE);
            let left = match spot.side {
                Side::Left => columns[column] - from_line - width,
                _ => columns[column] + from_line,
            };
            from_line += width + SPACE;
            let bounds = Bounds { left, top, width, height: LINE };
            labels.push(Label { role, text, column, side: spot.side, bounds });
        };
        add(Role::Number, spot.number);
        if let Some((tone, words)) = spot.words {
            add(Role::Words(tone), words);
        }
    }
    let reach = labels.iter().map(|label| label.bounds.left + label.bounds.width).max();
    let last = columns.last().map_or(0, |line| line + NEAREST / 2);
    let width = reach.unwrap_or_default().max(last) + MARGIN;
    Placed { width, height, columns, labels }
}

/// The words of each spot. Two events at one spot, which no clock allows, share the words of the first.
fn spots(graph: &Graph, layout: &Layout, words: &Words<'_>) -> BTreeMap<(usize, usize), Spot> {
    let partners = partners(layout);
    // Messages that are seen to come in from their sender.
    let arriving: BTreeSet<usize> = layout
        .arrows
        .iter()
        .filter_map(|arrow| match (arrow.from, arrow.to) {
            (End::Dot(_), End::Dot(to)) => Some(to),
            _ => None,
        })
        .collect();
    let mut spots = BTreeMap::new();
    for (number, dot) in layout.dots.iter().enumerate() {
        let few = words.few(dot.at, !arriving.contains(&number));
        let spot = spots.entry((dot.column, dot.row)).or_insert_with(|| Spot {
            side: side(&layout.columns, dot, partners.get(&number).copied()),
            number: graph.time(dot.at).to_string(),
            words: None,
        });
        spot.words = spot.words.take().or(few);
    }
    spots
}

/// The column of the other end of each event's message.
fn partners(layout: &Layout) -> BTreeMap<usize, usize> {
    let column = |end: End| match end {
        End::Dot(dot) => layout.dots[dot].column,
        End::Above(column) | End::Below(column) | End::Lost(column, _) => column,
    };
    let mut partners = BTreeMap::new();
    for Arrow { from, to, .. } in &layout.arrows {
        for (one, other) in [(from, to), (to, from)] {
            if let End::Dot(dot) = one {
                partners.insert(*dot, column(*other));
            }
        }
    }
    partners
}

fn side(columns: &[Column], dot: &Dot, partner: Option<usize>) -> Side {
    match columns[dot.column].place {
        0 if partner.is_some_and(|partner| partner > dot.column) => Side::Left,
        place if place < 0 => Side::Left,
        _ => Side::Right,
    }
}

/// Where each column's line stands.
fn columns(layout: &Layout, spots: &BTreeMap<(usize, usize), Spot>, names: &[Name]) -> Vec<u32> {
    // How far the words of each row go to the right of a column.
    let mut before: BTreeMap<usize, u32> = BTreeMap::new();
    let half = |name: &Name| {
        let widest = width(&name.name, NAME_SIZE).max(width(&name.address, SIZE));
        widest.div_ceil(2)
    };
    let mut lines = Vec::with_capacity(names.len());
    let mut line = MARGIN;
    for column in 0..layout.columns.len() {
        let mut reach: BTreeMap<usize, u32> = BTreeMap::new();
        // The first line keeps its distance from the edge, every other from the line before.
        let mut apart = match column.checked_sub(1) {
            Some(left) => NEAREST.max(half(&names[left]) + half(&names[column]) + 2 * SPACE),
            None => half(&names[column]).max(NEAREST / 2),
        };
        let space = if column == 0 { 0 } else { SPACE };
        for ((_, row), spot) in spots.range((column, 0)..(column + 1, 0)) {
            let met = before.get(row).copied().unwrap_or_default();
            let own = if spot.side == Side::Left { spot.reach() } else { 0 };
            apart = apart.max(met + own + space);
            if spot.side == Side::Right {
                reach.insert(*row, spot.reach());
            }
        }
        let longest = before.values().max().copied().unwrap_or_default();
        apart = apart.max(longest + GAP);
        line += apart;
        lines.push(line);
        before = reach;
    }
    lines
}

/// True of what a node did not record itself: its dot is hollow.
#[must_use]
pub fn is_hollow(dot: &Dot) -> bool {
    dot.evidence != Evidence::Recorded
}
