//! A script: what a participant says when nobody sits at the keyboard, for bots and demos.
//!
//! ```text
//! # comments and blank lines are skipped
//! wait 2s
//! say Hello
//! leave
//! wait 10s
//! repeat
//! ```
//!
//! It is read and checked as a whole before anything is sent. `leave` ends the visit, so only `wait`
//! and `repeat` may follow it; `repeat` stands last and starts again from the top, for ever, coming
//! back into the room if the script has left it. Without `leave` a script leaves at its end. There
//! is no step for joining: a script is in the room when its first step begins, and a script that is
//! cut off waits until it is back before it goes on.

use crate::chat::{Text, escape::Escaped, message::TextFault};
use std::{fmt, time::Duration};

/// The shortest time that one round of a repeating script may wait, so that a bot floods nobody.
const SHORTEST_ROUND: Duration = Duration::from_millis(10);

/// A script, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What is done in the room.
    pub visit: Vec<Step>,
    /// True if the script leaves the room itself.
    pub leaves: bool,
    /// How long it waits after leaving.
    pub pause: Duration,
    /// True if it starts again at its end.
    pub repeats: bool,
}

/// What a script does in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Waits.
    Wait(Duration),
    /// Says something.
    Say(Text),
}

impl Script {
    /// Reads a script. `file` is what an error calls it.
    ///
    /// # Errors
    /// With file, line and what is allowed.
    pub fn parse(file: &str, source: &str) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        let mut last_line = 0;
        for (line, text) in (1..).zip(source.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            script.add(text).map_err(|fault| ScriptError::new(file, line, fault))?;
            last_line = line;
        }
        let waits = script.visit.iter().map(|step| match step {
            Step::Wait(time) => *time,
            Step::Say(_) => Duration::ZERO,
        });
        let round = waits.fold(script.pause, Duration::saturating_add);
        if script.repeats && round < SHORTEST_ROUND {
            return Err(ScriptError::new(file, last_line, Fault::Breathless));
        }
        Ok(script)
    }

    fn add(&mut self, line: &str) -> Result<(), Fault> {
        if self.repeats {
            return Err(Fault::AfterRepeat);
        }
        let (step, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        match step {
            "wait" => {
                let time = humantime::parse_duration(rest)
                    .map_err(|error| Fault::Wait(error.to_string()))?;
                if self.leaves {
                    self.pause = self.pause.saturating_add(time);
                } else {
                    self.visit.push(Step::Wait(time));
                }
            }
            "say" if self.leaves => return Err(Fault::AfterLeave),
            "say" => self.visit.push(Step::Say(Text::new(rest).map_err(Fault::Say)?)),
            "leave" | "repeat" if !rest.is_empty() => return Err(Fault::Unknown(line.into())),
            "leave" if self.leaves => return Err(Fault::AfterLeave),
            "leave" => self.leaves = true,
            "repeat" => self.repeats = true,
            _ => return Err(Fault::Unknown(line.into())),
        }
        Ok(())
    }
}

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {fault}")]
pub struct ScriptError {
    file: String,
    line: usize,
    fault: Fault,
}

impl ScriptError {
    fn new(file: &str, line: usize, fault: Fault) -> Self {
        Self { file: file.into(), line, fault }
    }
}

/// What is wrong with a line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Unknown(String),
    Wait(String),
    Say(TextFault),
    AfterLeave,
    AfterRepeat,
    Breathless,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(line) => {
                let line: String = line.chars().take(60).collect();
                write!(
                    f,
                    "\"{}\" is no step; allowed are wait 2s, say TEXT, leave, repeat and lines that start with #",
                    Escaped(&line)
                )
            }
            Self::Wait(why) => {
                write!(f, "wait takes a duration such as 2s, 500ms or 1m 30s: {}", Escaped(why))
            }
            Self::Say(fault) => write!(f, "this cannot be said: {fault}"),
            Self::AfterLeave => f.write_str("after leave only wait and repeat are allowed"),
            Self::AfterRepeat => f.write_str("nothing is allowed after repeat"),
            Self::Breathless => write!(
                f,
                "a script that repeats must wait; at least {} in all is allowed",
                humantime::format_duration(SHORTEST_ROUND)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> String {
        Script::parse("bots.txt", source).expect_err(source).to_string()
    }

    #[test]
    fn a_script_is_a_visit_and_what_follows() {
        let source = "# a bot\n\nwait 2s\n  say Hello,  you \nleave\nwait 1m\nwait 5s\nrepeat\n";
        let script = Script::parse("bots.txt", source).expect("a legal script");
        let hello = Text::new("Hello,  you").expect("a legal text");
        assert_eq!(script.visit, [Step::Wait(Duration::from_secs(2)), Step::Say(hello)]);
        assert!(script.leaves && script.repeats);
        assert_eq!(script.pause, Duration::from_secs(65));
    }

    #[test]
    fn an_empty_script_joins_and_leaves() {
        assert_eq!(Script::parse("x", "# nothing\n"), Ok(Script::default()));
    }

    #[test]
    fn an_error_names_file_line_and_what_is_allowed() {
        let unknown = error("say a\n\nsya\x1b b");
        assert!(unknown.starts_with("bots.txt:3: ") && unknown.contains("say TEXT"), "{unknown}");
        assert!(unknown.contains(r"\u{1b}"), "{unknown}");
        assert!(error("wait soon").contains("500ms"));
        assert!(error("wait").contains("500ms"));
        assert!(error("say").contains("1 to 128"));
        assert!(error(&format!("say {}", "x".repeat(129))).contains("129"));
        assert!(error("leave now").contains("no step"));
    }

    #[test]
    fn the_order_of_steps_is_checked() {
        assert!(error("leave\nsay a").starts_with("bots.txt:2: after leave"));
        assert!(error("leave\nleave").contains("after leave"));
        assert!(error("wait 1s\nrepeat\nsay a").starts_with("bots.txt:3: nothing"));
        assert!(error("say a\nrepeat").starts_with("bots.txt:2: a script that repeats must wait"));
    }
}
