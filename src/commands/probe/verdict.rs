//! What became of a case: a verdict, and one line that says what was seen.

use crate::chat::escape::Escaped;
use serde::Serialize;
use std::{fmt, time::Duration};

/// What is said of a server after a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// It did what a correct server does, and nobody else was harmed.
    Survived,
    /// It did not.
    Failed,
    /// What was seen allows no judgement: the server neither did what a correct one does nor what would
    /// be wrong.
    Unclear,
    /// The case was not run, because the server had gone before.
    Gone,
}

impl Verdict {
    /// All of them, in the order in which they are counted.
    pub(super) const ALL: [Self; 4] = [Self::Survived, Self::Failed, Self::Unclear, Self::Gone];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Survived => "survived",
            Self::Failed => "failed",
            Self::Unclear => "unclear",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A verdict and its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// One line, escaped.
    pub evidence: String,
}

impl Finding {
    /// A finding. Whatever the evidence quotes, nothing in it acts on a terminal.
    pub(super) fn new(verdict: Verdict, evidence: impl fmt::Display) -> Self {
        Self { verdict, evidence: Escaped(&evidence.to_string()).to_string() }
    }

    /// The server did what a correct one does not.
    pub(super) fn failed(evidence: impl fmt::Display) -> Self {
        Self::new(Verdict::Failed, evidence)
    }

    /// It cannot be said.
    pub(super) fn unclear(evidence: impl fmt::Display) -> Self {
        Self::new(Verdict::Unclear, evidence)
    }
}

/// What a case has seen of a server that did as a correct one does; or a finding that it did not, or
/// that it cannot be said.
pub(super) type Seen = Result<String, Finding>;

/// A case that has been run, or could not be.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Which.
    pub case: &'static super::case::Case,
    /// What became of it.
    pub finding: Finding,
    /// How long it took.
    pub took: Duration,
}
