//! A space-time diagram as SVG: one vertical line a process, events as dots, messages as slanted arrows.
//!
//! The picture needs nothing from outside and has no script. It says in words what it shows: as a whole
//! for a screen reader, and of each event and message for whoever points at it.

use super::{
    legend::{self, Key},
    markup::Xml,
    style::{COLOURS, sheet},
};
use crate::causality::{
    event::{Kind, Subject},
    fate::Fate,
    graph::Graph,
    layout::{
        Arrow, Dot, End, Ending, Layout,
        labels::{self, DOT, Label, Placed, ROW, Role, Side, is_hollow},
        text::is_plain,
        words::{Tone, Words, noun},
    },
};
use std::fmt::Write as _;

/// The shape of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    /// Somebody came.
    Up,
    /// Somebody went.
    Down,
}

/// The shape of an event: at the server those of joins and leaves are others.
pub(super) fn shape(graph: &Graph, dot: &Dot) -> Shape {
    match graph.fact(dot.at).kind {
        Kind::Received(Subject::Connect) => Shape::Up,
        Kind::Sent(Subject::Ack) | Kind::Lost => Shape::Down,
        _ => Shape::Circle,
    }
}

/// The picture of a layout.
#[must_use]
pub fn svg(graph: &Graph, layout: &Layout) -> String {
    let placed = labels::place(graph, layout);
    let drawing = Drawing { graph, layout, words: Words::of(graph), placed: &placed };
    let lines = placed.bottom();
    let (entries, ends) = legend::entries(graph, layout, (20, lines + 20), placed.width);
    let (width, height) = (placed.width.max(ends.0 + 20), ends.1 + 16);
    let participants = layout.columns.iter().filter(|column| column.place != 0);
    let speakers = participants.count().min(COLOURS);
    // Writing to a string does not fail, here and below.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 \
         {width} {height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">Space-time diagram of a conversation</title>\n<desc id=\"desc\">{}</desc>\n\
         <style>\n{}</style>\n",
        Xml(&drawing.description()),
        sheet(speakers)
    );
    drawing.heads(&mut svg, speakers);
    let _ = writeln!(svg, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>");
    drawing.rows(&mut svg);
    drawing.lines(&mut svg);
    drawing.messages(&mut svg);
    drawing.events(&mut svg);
    drawing.words(&mut svg);
    svg += "<g class=\"legend\">\n";
    for entry in entries {
        let (x, y) = (entry.left + 8, entry.middle);
        match entry.key {
            Key::Dot(shape, is_hollow) => {
                let _ = writeln!(svg, "{}/>", outline(shape, is_hollow, "", (x, y)));
            }
            Key::Cross => cross(&mut svg, (x, y)),
            Key::Unknown => {
                let from = entry.left;
                let _ = writeln!(svg, "<path class=\"message unknown\" d=\"M{from} {y}h16\"/>");
            }
        }
        let (x, y) = (entry.words_at(), entry.middle + 4);
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\">{}</text>", Xml(entry.words));
    }
    svg += "</g>\n</svg>\n";
    svg
}

struct Drawing<'a> {
    graph: &'a Graph,
    layout: &'a Layout,
    words: Words<'a>,
    placed: &'a Placed,
}

impl Drawing<'_> {
    fn description(&self) -> String {
        let times = self.layout.rows.times();
        let names = self.layout.columns.iter().map(|column| self.words.full_name(column.node));
        let names: Vec<_> = names.collect();
        let lost = self.layout.arrows.iter().filter(|it| is_lost(it)).count();
        let (first, last) = (times.first().unwrap_or(&0), times.last().unwrap_or(&0));
        let processes = match names.len() {
            1 => "One process".to_owned(),
            count => format!("{count} processes, from left to right"),
        };
        format!(
            "{processes}: {}. Time runs downwards, from Lamport time {first} to {last}. {} events and {} \
             messages, of which {lost} never arrived.",
            names.join(", "),
            self.layout.dots.len(),
            self.layout.arrows.len()
        )
    }

    /// The class for the colour of a node; none for the server.
    fn colour(&self, node: Option<u32>) -> Option<usize> {
        let column = self.layout.column_of(node?)?;
        let columns = &self.layout.columns;
        (columns[column].place != 0).then(|| {
            let before = columns[..column].iter().filter(|column| column.place != 0);
            before.count() % COLOURS
        })
    }

    fn class(&self, node: Option<u32>) -> String {
        self.colour(node).map(|colour| format!(" by{colour}")).unwrap_or_default()
    }

    /// The heads of arrows, one of each colour. Their tips touch the dots.
    fn heads(&self, svg: &mut String, speakers: usize) {
        *svg += "<defs>\n";
        for colour in std::iter::once(None).chain((0..speakers).map(Some)) {
            let id = colour.map_or("head".to_owned(), |colour| format!("head{colour}"));
            let class = colour.map_or(String::new(), |colour| format!(" by{colour}"));
            let _ = writeln!(
                svg,
                "<marker id=\"{id}\" markerUnits=\"userSpaceOnUse\" markerWidth=\"11\" \
                 markerHeight=\"10\" refX=\"{}\" refY=\"5\" orient=\"auto\"><path class=\"head{class}\" \
                 d=\"M0 0.5L11 5L0 9.5L2.5 5z\"/></marker>",
                11 + DOT
            );
        }
        *svg += "</defs>\n";
    }

    fn rows(&self, svg: &mut String) {
        *svg += "<g class=\"rows\">\n";
        let right = self.placed.width - 20;
        for row in 0..self.layout.rows.times().len() {
            let _ = writeln!(svg, "<path class=\"row\" d=\"M20 {}H{right}\"/>", Placed::row(row));
        }
        *svg += "</g>\n";
    }

    fn lines(&self, svg: &mut String) {
        *svg += "<g class=\"lines\">\n";
        for (column, x) in self.layout.columns.iter().zip(&self.placed.columns) {
            let top = column.begins.map_or(Placed::top(), Placed::row);
            let bottom = column.ends.map_or(self.placed.bottom(), |(row, _)| Placed::row(row));
            let class = self.class(Some(column.node));
            let name = self.words.full_name(column.node);
            let _ = writeln!(
                svg,
                "<path class=\"line{class}\" d=\"M{x} {top}V{}\"><title>{}</title></path>",
                bottom.max(top),
                Xml(&name)
            );
            let mut cap = |y| {
                let from = x - 8;
                let _ = writeln!(svg, "<path class=\"cap{class}\" d=\"M{from} {y}h16\"/>");
            };
            if column.begins.is_some() {
                cap(top - DOT - 4);
            }
            if let Some((_, Ending::Left)) = column.ends {
                cap(bottom + DOT + 4);
            }
            if let Some((_, Ending::Lost)) = column.ends {
                cross(svg, (*x, bottom));
            }
        }
        *svg += "</g>\n";
    }

    fn messages(&self, svg: &mut String) {
        *svg += "<g class=\"messages\">\n";
        for arrow in &self.layout.arrows {
            let (from, to) = (self.point(arrow.from, arrow.to), self.point(arrow.to, arrow.from));
            let mut class = self.class(arrow.author);
            let is_said = arrow.subject == Subject::Publish;
            class += if is_said { " said" } else { "" };
            let head = self.colour(arrow.author).map_or("head".to_owned(), |n| format!("head{n}"));
            let mut end = format!(" marker-end=\"url(#{head})\"");
            if let End::Lost(_, fate) = arrow.to {
                end = String::new();
                class += if fate == Fate::Unknown { " unknown" } else { "" };
            } else if matches!(arrow.to, End::Below(_)) {
                end = String::new();
                class += " beyond";
            } else if !matches!(arrow.from, End::Dot(_)) {
                class += " beyond";
            }
            let _ = writeln!(
                svg,
                "<path class=\"message{class}\" d=\"M{} {}L{} {}\"{end}><title>{}</title></path>",
                from.0,
                from.1,
                to.0,
                to.1,
                Xml(&self.message(arrow))
            );
            if is_lost(arrow) {
                cross(svg, to);
            }
        }
        *svg += "</g>\n";
    }

    /// Where an end of a message is, given the other one.
    fn point(&self, end: End, other: End) -> (u32, u32) {
        let place = |dot: &Dot| (self.placed.columns[dot.column], Placed::row(dot.row));
        let from = match other {
            End::Dot(dot) => place(&self.layout.dots[dot]),
            _ => (0, 0),
        };
        // A part of the way, in percent.
        let towards = |column: usize, part: u32| {
            (from.0 * (100 - part) + self.placed.columns[column] * part) / 100
        };
        match end {
            End::Dot(dot) => place(&self.layout.dots[dot]),
            End::Above(column) => (towards(column, 75), Placed::top()),
            End::Below(column) => (towards(column, 75), self.placed.bottom()),
            End::Lost(column, _) => (towards(column, 62), from.1 + ROW / 2),
        }
    }

    fn message(&self, arrow: &Arrow) -> String {
        let (from, at) = (self.words.full_name(arrow.sent.node), self.graph.time(arrow.sent));
        let end = match arrow.to {
            End::Dot(dot) => {
                let to = self.layout.dots[dot].at;
                format!("received by {} at {}", self.words.full_name(to.node), self.graph.time(to))
            }
            End::Below(column) | End::Above(column) | End::Lost(column, _) => {
                let to = self.words.full_name(self.layout.columns[column].node);
                match arrow.to {
                    End::Lost(_, Fate::Missing { .. }) => format!("never received by {to}"),
                    End::Lost(_, Fate::Evicted) => format!("unread by {to}, which was evicted"),
                    End::Lost(_, Fate::Gone) => format!("unread by {to}, which was gone"),
                    End::Lost(..) => format!("no record says whether {to} received it"),
                    _ => format!("received by {to} later"),
                }
            }
        };
        format!("{}, sent by {from} at {at}, {end}", noun(arrow.subject))
    }

    fn events(&self, svg: &mut String) {
        *svg += "<g class=\"events\">\n";
        for dot in &self.layout.dots {
            let at = (self.placed.columns[dot.column], Placed::row(dot.row));
            let class = self.class(Some(dot.at.node));
            let shape = outline(shape(self.graph, dot), is_hollow(dot), &class, at);
            let _ = writeln!(
                svg,
                "{shape}><title>{}</title></path>",
                Xml(&self.words.sentence(dot.at))
            );
        }
        *svg += "</g>\n";
    }

    fn words(&self, svg: &mut String) {
        *svg += "<g class=\"words\">\n";
        for Label { role, text, column, side, bounds } in &self.placed.labels {
            let colour = self.class(Some(self.layout.columns[*column].node));
            let class = match role {
                Role::Name => format!("name{colour}"),
                Role::Address => "address".to_owned(),
                Role::Number => "number".to_owned(),
                Role::Words(Tone::Said) => format!("said{colour}"),
                Role::Words(Tone::Came) => "came".to_owned(),
                Role::Words(Tone::Went) => "went".to_owned(),
                Role::Words(Tone::Quiet) => "quiet".to_owned(),
            };
            let (x, anchor) = match side {
                Side::Left => (bounds.left + bounds.width, " text-anchor=\"end\""),
                Side::Middle => (bounds.left + bounds.width / 2, " text-anchor=\"middle\""),
                Side::Right => (bounds.left, ""),
            };
            // In a font of which nothing is known it may be wider, so it is told how wide to be.
            let fitted = if is_plain(text) {
                String::new()
            } else {
                format!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", bounds.width.max(1))
            };
            let y = bounds.top + 12;
            let _ = writeln!(
                svg,
                "<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}{fitted}>{}</text>",
                Xml(text)
            );
        }
        *svg += "</g>\n";
    }
}

fn is_lost(arrow: &Arrow) -> bool {
    matches!(arrow.to, End::Lost(_, fate) if fate != Fate::Unknown)
}

/// An event, all but the end of its tag.
fn outline(shape: Shape, is_hollow: bool, class: &str, (x, y): (u32, u32)) -> String {
    let fill = if is_hollow { "hollow" } else { "full" };
    let (kind, path) = match shape {
        Shape::Circle => (
            "",
            format!(
                "M{} {y}a{DOT} {DOT} 0 1 0 {w} 0a{DOT} {DOT} 0 1 0 -{w} 0z",
                x - DOT,
                w = 2 * DOT
            ),
        ),
        Shape::Up => (" came", format!("M{x} {}l7 11h-14z", y - 7)),
        Shape::Down => (" went", format!("M{x} {}l7 -11h-14z", y + 7)),
    };
    format!("<path class=\"dot {fill}{kind}{class}\" d=\"{path}\"")
}

/// Where something ended for good. It is as high as there is room between the words of two rows.
fn cross(svg: &mut String, (x, y): (u32, u32)) {
    let (left, top) = (x - 4, y - 4);
    let _ = writeln!(svg, "<path class=\"cross\" d=\"M{left} {top}l8 8m0 -8l-8 8\"/>");
}
