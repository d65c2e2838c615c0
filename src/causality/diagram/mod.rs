//! Writers: a graph as a picture, as the source of a picture, and as a log for somebody else's viewer.
//!
//! Each takes a graph and a layout of it and returns a text. Whatever strangers wrote goes through
//! [`text`](super::layout::text) and then through the escaping of the form, so that a name is a name in
//! each of them and never markup, a directive or the end of a line.

mod legend;
mod markup;
mod mermaid;
mod shiviz;
mod style;
mod svg;

pub use mermaid::mermaid;
pub use shiviz::{SHIVIZ_PARSER, shiviz};
pub use svg::svg;
