//! What is said of an event, for people: in a few words beside it, or in a sentence for who asks.
//!
//! Everything that comes out of here has been through [`shown`].

use super::text::{quoted, shown};
use crate::causality::{
    event::{Kind, Subject},
    fact::{Evidence, Fact, Identity},
    graph::{At, Graph},
};

/// The most characters of a name in a diagram.
const MOST_OF_NAME: usize = 24;
/// The most characters of an address.
const MOST_OF_ADDRESS: usize = 32;
/// The most characters of a text in a few words.
const MOST_OF_TEXT: usize = 30;
/// The most characters of a text in a sentence: more than the rules of the room allow.
const MOST_OF_SENTENCE: usize = 200;

/// What a few words are about, which is how they look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Somebody says something.
    Said,
    /// Somebody came.
    Came,
    /// Somebody went.
    Went,
    /// The protocol at work.
    Quiet,
}

/// A name and what else is needed to tell it from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// What somebody is called.
    pub name: String,
    /// Where from, and which life of it; empty for the server.
    pub address: String,
}

/// The names of all nodes.
#[derive(Debug)]
pub struct Words<'a> {
    graph: &'a Graph,
}

impl<'a> Words<'a> {
    /// Words for a graph.
    #[must_use]
    pub fn of(graph: &'a Graph) -> Self {
        Self { graph }
    }

    /// What a node is called, in two parts.
    #[must_use]
    pub fn name(&self, node: u32) -> Name {
        let it = &self.graph.nodes[node as usize];
        match &it.identity {
            Identity::Server => Name { name: "server".to_owned(), address: String::new() },
            Identity::Participant { name, address, port } => {
                let life = if it.life > 0 { format!(" #{}", it.life) } else { String::new() };
                let address = shown(address, MOST_OF_ADDRESS);
                Name { name: shown(name, MOST_OF_NAME), address: format!("{address}:{port}{life}") }
            }
        }
    }

    /// What a node is called, whole.
    #[must_use]
    pub fn full_name(&self, node: u32) -> String {
        let Name { name, address } = self.name(node);
        if address.is_empty() { name } else { format!("{name} {address}") }
    }

    /// A few words for an event, if it is worth any. `is_origin` is true if what it is about begins here,
    /// as far as the diagram shows.
    #[must_use]
    pub fn few(&self, at: At, is_origin: bool) -> Option<(Tone, String)> {
        let fact = self.graph.fact(at);
        let who =
            |node: Option<u32>| node.map_or("somebody".to_owned(), |node| self.name(node).name);
        let said = |fact: &Fact| Some(quoted(self.text(fact)?, MOST_OF_TEXT));
        match fact.kind {
            Kind::Opened => None,
            Kind::Sent(Subject::Publish) if at.node != 0 => Some((Tone::Said, said(fact)?)),
            Kind::Received(Subject::Publish) if at.node == 0 && is_origin => {
                let text = said(fact).unwrap_or_default();
                Some((Tone::Said, format!("{} {text}", who(self.graph.sender(fact)))))
            }
            Kind::Sent(Subject::Connect) => Some((Tone::Quiet, "Connect".to_owned())),
            Kind::Sent(Subject::Disconnect) => Some((Tone::Quiet, "Disconnect".to_owned())),
            Kind::Received(Subject::Connect) => {
                Some((Tone::Came, format!("{} joins", who(self.graph.sender(fact)))))
            }
            Kind::Sent(Subject::Ack) => {
                Some((Tone::Went, format!("{} leaves", who(self.graph.recipient(at)))))
            }
            Kind::Lost => {
                let lost = self.person(at).and_then(|person| self.graph.node_of(person));
                Some((Tone::Went, format!("{} is lost", who(lost))))
            }
            Kind::Received(Subject::Unfit) => Some((Tone::Quiet, "refused".to_owned())),
            Kind::Sent(Subject::Notice) => Some((Tone::Quiet, "notice".to_owned())),
            _ => None,
        }
    }

    /// What was said in a message, as it was written: for whoever escapes it.
    #[must_use]
    pub fn said(&self, at: At) -> Option<&'a str> {
        self.text(self.graph.fact(at))
    }

    /// What was said. If this end did not record it, the other may have, or whoever heard it.
    fn text(&self, fact: &Fact) -> Option<&'a str> {
        let graph = self.graph;
        graph.pools.text(fact.text).or_else(|| {
            let server = graph.server().filter(|_| fact.message > 0)?;
            let accepted = server.fact_with(fact.message)?;
            let told = server.facts.get(accepted + 1)?;
            let is_it = told.kind == Kind::Sent(Subject::Publish) && told.message == fact.message;
            let first = server.place_of(accepted + 1);
            let heard = graph.sent(0, first..first + if is_it { told.count } else { 0 });
            let mut heard = heard.iter().map(|(_, heard)| graph.fact(*heard).text);
            let said = graph.pools.text(server.facts[accepted].text);
            said.or_else(|| heard.find_map(|text| graph.pools.text(text)))
        })
    }

    fn person(&self, at: At) -> Option<u32> {
        let fact = self.graph.fact(at);
        let within = self.graph.time(at).checked_sub(fact.time)?;
        self.graph.pools.person(fact.people, u32::try_from(within).ok()?)
    }

    /// What happened, without where and when: `receives a join from server`.
    #[must_use]
    pub fn what(&self, at: At) -> String {
        let fact = self.graph.fact(at);
        let name =
            |node: Option<u32>| node.map_or("somebody".to_owned(), |node| self.full_name(node));
        let what = match fact.kind {
            Kind::Opened => "opens its stream".to_owned(),
            Kind::Sent(subject) => {
                let to = if at.node == 0 { self.graph.recipient(at) } else { Some(0) };
                format!("sends {} to {}", noun(subject), name(to))
            }
            Kind::Received(subject) => {
                let from = self.graph.sender(fact);
                format!("receives {} from {}", noun(subject), name(from))
            }
            Kind::Lost => {
                let lost = self.person(at).and_then(|person| self.graph.node_of(person));
                format!("notices that {} is gone", name(lost))
            }
        };
        let text = match fact.kind {
            Kind::Sent(Subject::Publish) | Kind::Received(Subject::Publish) => self.text(fact),
            _ => self.graph.pools.text(fact.text),
        };
        let text = text.map(|text| format!(": {}", quoted(text, MOST_OF_SENTENCE)));
        let known = match fact.evidence {
            Evidence::Recorded => "",
            Evidence::Implied | Evidence::Placed => " (as the server's record says)",
            Evidence::Assumed => " (not recorded; at the earliest then)",
        };
        format!("{what}{}{known}", text.unwrap_or_default())
    }

    /// What happened, where, and when.
    #[must_use]
    pub fn sentence(&self, at: At) -> String {
        format!("{} at {}: {}", self.full_name(at.node), self.graph.time(at), self.what(at))
    }
}

/// What a message is, as a noun.
#[must_use]
pub fn noun(subject: Subject) -> &'static str {
    match subject {
        Subject::Connect => "a Connect",
        Subject::Publish => "a message",
        Subject::Disconnect => "a Disconnect",
        Subject::Join => "a join",
        Subject::Leave => "a leave",
        Subject::Ack => "the Ack",
        Subject::Notice => "a notice",
        Subject::Unfit => "something that is refused",
    }
}
