//! The view for a person at a terminal: a line editor below, and the room above it.
//!
//! The editor (rustyline) owns the terminal while it waits for a line; what arrives meanwhile is
//! handed to it and printed above the prompt. In the short time between two prompts nobody owns the
//! terminal, and a line printed then could end up in the middle of another. So there is a [`Gate`]:
//! printing waits until the editor is up again.
//!
//! The editor blocks a thread of its own and cannot be told to stop. If the session ends first, the
//! thread is left behind, and [`SavedTerminal`] puts the terminal back as it was.

use super::{
    Command, Config, Farewell, Leave, Process, SavedTerminal, SessionError, Update,
    input::{self, Request},
    line_view::{MAX_COMMANDS, MAX_UPDATES, attend},
    paint::{self, Painter},
};
use crate::chat::message::MAX_TEXT;
use rustyline::{
    ColorMode, Config as EditorConfig, Context, Editor, ExternalPrinter, Helper,
    completion::Completer,
    error::ReadlineError,
    highlight::Highlighter,
    hint::{Hint, Hinter},
    history::MemHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};
use std::{
    borrow::Cow,
    env, fmt,
    io::{self, Write as _},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};
use tokio::{sync::mpsc, task};

const PROMPT: &str = "> ";
/// From this many characters on, the editor shows how many are left.
const COUNTED_FROM: usize = 100;
/// The most lines of history.
const MAX_HISTORY: usize = 200;

type LineEditor = Editor<Assistant, MemHistory>;

/// A terminal with a line editor, before the session starts.
pub struct TerminalView {
    editor: LineEditor,
    printer: Box<dyn ExternalPrinter + Send>,
    gate: Arc<Gate>,
    has_colour: bool,
}

impl fmt::Debug for TerminalView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalView").field("has_colour", &self.has_colour).finish_non_exhaustive()
    }
}

impl TerminalView {
    /// Takes the terminal. Nothing comes back if it cannot do what an editor needs; the plain view
    /// works there.
    #[must_use]
    pub fn open() -> Option<Self> {
        // The convention of no-color.org: set and not empty.
        let has_colour = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colours = if has_colour { ColorMode::Enabled } else { ColorMode::Disabled };
        let config = EditorConfig::builder()
            .max_history_size(MAX_HISTORY)
            .and_then(|config| config.history_ignore_dups(true))
            .ok()?
            .color_mode(colours)
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = LineEditor::with_history(config, history).ok()?;
        let gate = Arc::new(Gate::default());
        editor.set_helper(Some(Assistant { gate: Arc::clone(&gate), has_colour }));
        let printer = Box::new(editor.create_external_printer().ok()?);
        Some(Self { editor, printer, gate, has_colour })
    }

    /// Runs a participant until it has left.
    ///
    /// # Errors
    /// As [`super::run`].
    pub async fn run(
        self,
        config: Config,
        leave: Leave,
        saved: SavedTerminal,
    ) -> Result<Farewell, SessionError> {
        let Self { editor, printer, gate, has_colour } = self;
        let (updates, shown) = mpsc::channel(MAX_UPDATES);
        let (commands, taken) = mpsc::channel(MAX_COMMANDS);
        let painter = Painter::new(config.who.name(), has_colour);
        let shower = task::spawn_blocking({
            let gate = Arc::clone(&gate);
            move || show(&painter, shown, printer, &gate)
        });
        let words = commands.clone();
        let wish = leave.clone();
        thread::spawn(move || {
            read(editor, &words, &wish, &saved);
            gate.open();
            wish.ask();
        });
        let process = Process::new(&config.who);
        let farewell = attend(config, process, (commands, taken), updates, &leave).await;
        // Everything that was reported is shown before the end. A panic has been reported already.
        let _ = shower.await;
        farewell
    }
}

/// Reads lines until somebody leaves or the session has ended.
fn read(
    mut editor: LineEditor,
    words: &mpsc::Sender<Command>,
    leave: &Leave,
    saved: &SavedTerminal,
) {
    let mut draft = String::new();
    while !leave.is_asked() && !words.is_closed() {
        saved.set_editing(true);
        let line = editor.readline_with_initial(PROMPT, (&draft, ""));
        saved.set_editing(false);
        draft.clear();
        let line = match line {
            Ok(line) => line,
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => return,
            Err(error) => {
                // Whoever closed standard error does not want to know.
                let _ = writeln!(io::stderr(), "the terminal cannot be read: {error}");
                return;
            }
        };
        match input::request(&line) {
            Ok(Request::Say(text)) => {
                // A history that is full forgets its oldest line; nothing else can go wrong.
                let _ = editor.add_history_entry(&line);
                // This thread must not wait for the session: the session may be waiting for its
                // updates to be shown, and they for the next prompt.
                if let Err(mpsc::error::TrySendError::Full(_)) = words.try_send(Command::Say(text))
                {
                    draft = line;
                }
            }
            Ok(Request::Exit) => return,
            Ok(Request::Nothing) => {}
            // A key that accepts a line without asking the validator.
            Err(_) => draft = line,
        }
    }
}

/// Shows updates until there are no more.
fn show(
    painter: &Painter,
    mut shown: mpsc::Receiver<Update>,
    mut printer: Box<dyn ExternalPrinter + Send>,
    gate: &Gate,
) {
    while let Some(update) = shown.blocking_recv() {
        let Some(line) = painter.line(&update) else {
            continue;
        };
        gate.pass();
        let line = line + "\n";
        if printer.print(line.clone()).is_err() {
            // The editor has gone in this moment. If the terminal has too, nobody is left to tell.
            let _ = io::stdout().write_all(line.as_bytes());
        }
    }
}

/// Open while the editor is up, and once it is gone for good. See the module's text.
#[derive(Debug, Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }

    fn close(&self) {
        *self.is_open.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// Waits until the gate is open.
    fn pass(&self) {
        let is_open = self.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.wait_while(is_open, |is_open| !*is_open));
    }
}

/// What the editor asks while a line is typed.
struct Assistant {
    gate: Arc<Gate>,
    has_colour: bool,
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = String;
}

impl Hinter for Assistant {
    type Hint = Count;

    fn hint(&self, line: &str, _pos: usize, _context: &Context<'_>) -> Option<Count> {
        // The editor asks for a hint as soon as it is up, and each time it draws a line anew.
        self.gate.open();
        count(line).map(Count)
    }
}

impl Highlighter for Assistant {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.has_colour {
            let style = paint::dim();
            format!("{style}{hint}{style:#}").into()
        } else {
            hint.into()
        }
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match complaint(context.input()) {
            Some(complaint) => ValidationResult::Invalid(Some(complaint)),
            None => {
                // The line is accepted, and the editor goes down.
                self.gate.close();
                ValidationResult::Valid(None)
            }
        })
    }
}

/// A count beside the line. It is no proposal, so there is nothing to complete.
struct Count(String);

impl Hint for Count {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

/// How many characters are left, once that matters.
fn count(line: &str) -> Option<String> {
    match line.chars().count() {
        0..COUNTED_FROM => None,
        chars @ COUNTED_FROM..=MAX_TEXT => Some(format!(" {} left", MAX_TEXT - chars)),
        chars => Some(format!(" {} too many", chars - MAX_TEXT)),
    }
}

/// What is shown beside a line that the server would refuse, and that is therefore kept.
fn complaint(line: &str) -> Option<String> {
    input::request(line).err().map(|unfit| format!("  ({unfit})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_appears_near_the_bound_and_counts_characters() {
        assert_eq!(count(&"ø".repeat(99)), None);
        assert_eq!(count(&"ø".repeat(100)).as_deref(), Some(" 28 left"));
        assert_eq!(count(&"ø".repeat(119)).as_deref(), Some(" 9 left"));
        assert_eq!(count(&"ø".repeat(128)).as_deref(), Some(" 0 left"));
        assert_eq!(count(&"ø".repeat(131)).as_deref(), Some(" 3 too many"));
    }

    #[test]
    fn what_the_server_would_refuse_is_kept_for_editing() {
        let long = complaint(&"x".repeat(129)).expect("one too many");
        assert!(long.contains("129 characters"), "{long}");
        assert!(complaint("pasted\nlines").is_some());
        for fine in ["", "   ", "exit", "Hello"] {
            assert_eq!(complaint(fine), None);
        }
    }

    #[test]
    fn printing_waits_for_the_editor() {
        let gate = Arc::new(Gate::default());
        let waiting = thread::spawn({
            let gate = Arc::clone(&gate);
            move || gate.pass()
        });
        assert!(!waiting.is_finished());
        gate.open();
        waiting.join().expect("the thread does not panic");
        gate.pass();
    }
}
