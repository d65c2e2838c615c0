//! The terminal as it was, to be put back when the process ends while the line editor is up.
//!
//! The editor puts the terminal back itself whenever it returns. This is for the two cases in which
//! it cannot: the session ends while the editor waits for a key, and a second signal.

use std::sync::{Arc, Mutex, PoisonError};

/// Ends bracketed paste, which the editor has switched on, and leaves the line of the prompt.
#[cfg(unix)]
const LEAVE_PROMPT: &[u8] = b"\x1b[?2004l\r\n";

/// The terminal's settings. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct SavedTerminal(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What standard input was set to, if it is a terminal.
    #[cfg(unix)]
    settings: Option<nix::sys::termios::Termios>,
    is_editing: bool,
}

impl SavedTerminal {
    /// Takes down the settings of the terminal, if there is one.
    #[must_use]
    pub fn save() -> Self {
        let saved = Self::default();
        #[cfg(unix)]
        saved.with(|state| state.settings = nix::sys::termios::tcgetattr(std::io::stdin()).ok());
        saved
    }

    /// Tells whether the editor is up.
    pub fn set_editing(&self, is_editing: bool) {
        self.with(|state| state.is_editing = is_editing);
    }

    /// Puts the terminal back, if the editor is up.
    pub fn restore(&self) {
        self.with(|state| {
            if !std::mem::take(&mut state.is_editing) {
                return;
            }
            #[cfg(unix)]
            if let Some(settings) = &state.settings {
                use nix::sys::termios::{SetArg, tcsetattr};
                use std::io::Write as _;
                // If the terminal is gone, there is nothing to put back.
                let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, settings);
                let _ = std::io::stdout().write_all(LEAVE_PROMPT);
                let _ = std::io::stdout().flush();
            }
        });
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
