//! The legend: what the shapes mean that are in the picture, and no others.

use super::svg::{Shape, shape};
use crate::causality::{
    fate::Fate,
    graph::Graph,
    layout::{
        End, Layout,
        labels::{LINE, SIZE, is_hollow},
        text::width,
    },
};

/// From one entry to the next.
const SPACE: u32 = 22;
/// For the shape before the words.
const SHAPE: u32 = 20;

/// What an entry explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// An event.
    Dot(Shape, bool),
    /// A message that was lost.
    Cross,
    /// A message of which no record says what became of it.
    Unknown,
}

/// An entry and its place: the left end of its shape, and the middle of its line.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) words: &'static str,
    pub(super) left: u32,
    pub(super) middle: u32,
}

impl Entry {
    /// Where its words begin.
    pub(super) fn words_at(&self) -> u32 {
        self.left + SHAPE
    }
}

/// The entries, from a point on in lines of about this width; and how far they go, across and down.
pub(super) fn entries(
    graph: &Graph,
    layout: &Layout,
    (start, top): (u32, u32),
    wide: u32,
) -> (Vec<Entry>, (u32, u32)) {
    let (mut left, mut middle) = (start, top + LINE / 2);
    let mut right = start;
    let entries = used(graph, layout).into_iter().map(|(key, words)| {
        let width = SHAPE + width(words, SIZE);
        if left > start && left + width > wide {
            left = start;
            middle += LINE + 6;
        }
        let entry = Entry { key, words, left, middle };
        right = right.max(left + width);
        left += width + SPACE;
        entry
    });
    let entries: Vec<_> = entries.collect();
    (entries, (right, middle + LINE / 2))
}

fn used(graph: &Graph, layout: &Layout) -> Vec<(Key, &'static str)> {
    let has = |shape_of: Shape, hollow: bool| {
        let is_it = |dot| shape(graph, dot) == shape_of && is_hollow(dot) == hollow;
        layout.dots.iter().any(is_it)
    };
    let lost = |is_it: fn(Fate) -> bool| {
        let fates = layout.arrows.iter().filter_map(|arrow| match arrow.to {
            End::Lost(_, fate) => Some(fate),
            _ => None,
        });
        fates.into_iter().any(is_it)
    };
    let all = [
        (
            has(Shape::Circle, false),
            Key::Dot(Shape::Circle, false),
            "an event, with its Lamport time",
        ),
        (
            layout.dots.iter().any(is_hollow),
            Key::Dot(Shape::Circle, true),
            "not recorded by its own process, but worked out",
        ),
        (has(Shape::Up, false), Key::Dot(Shape::Up, false), "joins"),
        (has(Shape::Down, false), Key::Dot(Shape::Down, false), "leaves"),
        (lost(|fate| fate != Fate::Unknown), Key::Cross, "never arrived"),
        (lost(|fate| fate == Fate::Unknown), Key::Unknown, "no record says whether it arrived"),
    ];
    all.into_iter().filter(|(is_used, ..)| *is_used).map(|(_, key, words)| (key, words)).collect()
}
