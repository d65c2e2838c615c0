//! `chittychat diagram`: draws what was recorded, as a picture or as a source for others to draw.
//!
//! It reads what `verify` reads, and like that needs no server and changes nothing. What nobody recorded
//! and must have happened is drawn as such: a diagram shows a story, and is no proof.

mod otlp;

use super::{Failure, inputs::Inputs};
use crate::causality::{
    self, Graph, Layout, Window,
    diagram::{mermaid, shiviz, svg},
    layout::words::Words,
};
use clap::ValueEnum;
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

/// Arguments of `diagram`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A FILE is whatever `verify` reads: journals, log lines, the original's included, or spans. \
    Times are Lamport times.\n\n\
    Exit code 0: drawn. 1: it cannot be written or sent. 2: something cannot be read, or there is nothing to draw, \
    or too much."
)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// The form of the diagram
    #[arg(long, value_enum, default_value_t = Format::Svg)]
    format: Format,
    /// Where to write it; without, to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Draw from this Lamport time on
    #[arg(long, value_name = "TIME", default_value_t = 0)]
    from: u64,
    /// Draw up to this Lamport time
    #[arg(long, value_name = "TIME", default_value_t = u64::MAX, hide_default_value = true)]
    to: u64,
    /// Draw this participant beside the server, and no other that is not named so too
    #[arg(long, value_name = "NODE")]
    only: Vec<String>,
    /// Instead, send it as a trace in which a tick is a millisecond to a collector at this address, by gRPC
    #[arg(long, value_name = "URL", conflicts_with_all = ["format", "output"])]
    as_otlp: Option<String>,
}

/// The forms of a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A picture
    Svg,
    /// The source of a Mermaid sequence diagram
    Mermaid,
    /// A log for ShiViz, with vector clocks
    Shiviz,
}

/// Draws.
///
/// # Errors
/// If something cannot be read, drawn or written.
pub async fn run(args: Args) -> Result<(), Failure> {
    let url = args.as_otlp.clone();
    // It reads files and computes, which a runtime's own threads are not there for.
    let drawing = tokio::task::spawn_blocking(move || draw(&args)).await;
    let stopped = |error| Err(Failure::Failed(format!("the drawing failed: {error}")));
    let (graph, layout) = drawing.unwrap_or_else(stopped)?;
    match url {
        Some(url) => otlp::send(&graph, &layout, &url).await,
        None => Ok(()),
    }
}

/// Draws into a file or on standard output, unless it is to be sent.
fn draw(args: &Args) -> Result<(Graph, Layout), Failure> {
    let (graph, remark) = args.inputs.read().map_err(Failure::Usage)?;
    if let Some(remark) = remark {
        writeln!(io::stderr(), "{remark}").map_err(Failure::output)?;
    }
    let window = window(args, &graph).map_err(Failure::Usage)?;
    // What is assumed only adds to it: whoever has too much without learns that at once.
    layout(&graph, &window).map_err(Failure::Usage)?;
    let graph = causality::assume(graph, &(window.from..=window.to));
    let layout = layout(&graph, &window).map_err(Failure::Usage)?;
    if layout.dots.is_empty() {
        return Err(Failure::Usage(nothing(&graph, &window)));
    }
    if args.as_otlp.is_none() {
        let text = match args.format {
            Format::Svg => svg(&graph, &layout),
            Format::Mermaid => mermaid(&graph, &layout),
            Format::Shiviz => shiviz(&graph, &layout),
        };
        match &args.output {
            Some(path) => fs::write(path, text).map_err(|error| {
                Failure::Failed(format!("cannot write {}: {error}", path.display()))
            })?,
            None => io::stdout().write_all(text.as_bytes()).map_err(Failure::output)?,
        }
    }
    Ok((graph, layout))
}

fn layout(graph: &Graph, window: &Window) -> Result<Layout, String> {
    Layout::of(graph, window).map_err(|too_much| {
        let (first, last) = times(graph);
        format!(
            "{too_much}: draw a part with --from and --to, the times here being {first} to {last}, or \
             some of the nodes with --only"
        )
    })
}

/// The first and the last time of a graph.
fn times(graph: &Graph) -> (u64, u64) {
    let facts = || graph.nodes.iter().flat_map(|node| &node.facts);
    let first = facts().map(|fact| fact.time).min().unwrap_or_default();
    (first, facts().map(causality::Fact::last).max().unwrap_or_default())
}

fn nothing(graph: &Graph, window: &Window) -> String {
    let from = window.from;
    let to = if window.to == u64::MAX { "on".to_owned() } else { format!("to {}", window.to) };
    match times(graph) {
        (0, 0) => "nothing is recorded in this, so there is nothing to draw".to_owned(),
        (first, last) => {
            format!("nothing happened from {from} {to}; the times here are {first} to {last}")
        }
    }
}

fn window(args: &Args, graph: &Graph) -> Result<Window, String> {
    let Args { from, to, .. } = *args;
    if from > to {
        return Err(format!("--from {from} is later than --to {to}"));
    }
    let only = if args.only.is_empty() { None } else { Some(chosen(&args.only, graph)?) };
    Ok(Window { from, to, only, ..Window::default() })
}

/// The nodes with these names, whole or without address.
fn chosen(names: &[String], graph: &Graph) -> Result<BTreeSet<u32>, String> {
    let words = Words::of(graph);
    let nodes = || 0..u32::try_from(graph.nodes.len()).unwrap_or(u32::MAX);
    let mut only = BTreeSet::new();
    for name in names {
        let is_it = |node: &u32| {
            words.name(*node).name == *name
                || words.full_name(*node) == *name
                || graph.name(*node) == *name
        };
        let before = only.len();
        only.extend(nodes().filter(is_it));
        if only.len() == before && !nodes().any(|node| is_it(&node)) {
            let known: Vec<_> = nodes().take(8).map(|node| words.full_name(node)).collect();
            let more = if graph.nodes.len() > 8 { ", …" } else { "" };
            return Err(format!(
                "there is no {:?} in this; there are {}{more}",
                name,
                known.join(", ")
            ));
        }
    }
    Ok(only)
}
