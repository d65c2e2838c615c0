//! `chittychat join`: a participant.
//!
//! It checks what it was given before it connects, chooses the view, and turns the way the session
//! ended into an exit code. What is shown while it lasts is the views' matter.

use super::{Failure, secrets::Secrets};
use crate::chat::Participant;
use crate::client::{
    Config, Diary, Farewell, Leave, SavedTerminal,
    line_view::{self, Source},
    script::Script,
    terminal_view::TerminalView,
};
use crate::shutdown::{HangUp, INTERRUPTED, Signals};
use crate::telemetry::{
    export::{self, Service},
    names,
    spans::Policy,
};
use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process,
    time::Duration,
};

/// How long the last spans may take to be sent, once we have left.
const FLUSH: Duration = Duration::from_secs(2);

/// Arguments of `join`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "On a terminal there is a prompt; with a pipe, one line is one message. `exit`, the end of \
    the input, Ctrl-C and the end of the terminal leave politely; a second Ctrl-C leaves at once. If the server \
    is away, join says so and tries again until it is back.\n\n\
    Name, address and port together are who you are: two participants of a room must differ in one of them.\n\n\
    A script has one step a line: `wait 2s`, `say Hello`, `leave`; `repeat` as the last line starts again \
    from the top; lines that start with # are comments."
)]
pub struct Args {
    /// The server: host:port, or with http:// or https:// before it
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    server: String,
    /// Your name, as the others see it: 1 to 64 characters [default: the login name, or guest]
    #[arg(long)]
    name: Option<String>,
    /// The address shown with your name: a label and part of your identity; nobody connects to it
    #[arg(long, default_value = "127.0.0.1")]
    address: String,
    /// The port shown with your name, 0 to 65535: a label and part of your identity; nothing listens on it
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    port: i32,
    #[command(flatten)]
    secrets: Secrets,
    /// Your token, in a file, if the server asks for one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Play a script instead of reading standard input
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Write every event of this participant to FILE, for `chittychat verify`
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Print plain lines, as on a pipe, although this is a terminal
    #[arg(long)]
    plain: bool,
}

/// Joins, and stays until it has left.
///
/// # Errors
/// If the arguments make no sense, the server does not let us in, or words were left unsaid.
pub async fn run(args: Args) -> Result<(), Failure> {
    let name = args.name.unwrap_or_else(login_name);
    let who = Participant::new(&name, &args.address, args.port)
        .map_err(|fault| Failure::Failed(fault.to_string()))?;
    let service = Service { name: names::CLIENT, instance: Some(who.to_string()) };
    let (server, credentials) = args.secrets.credentials(&args.server, args.token_file)?;
    let mut config = Config::at(server, who, credentials);
    let script = args.script.as_deref().map(read_script).transpose()?;
    let spans = export::from_environment(service, Policy::default()).map_err(Failure::Usage)?;
    config.spans = spans.clone();
    if let Some(file) = args.journal {
        config.diary = Diary::open(file, config.who.clone())
            .map_err(|error| Failure::Failed(error.to_string()))?;
    }
    let diary = config.diary.clone();

    let saved = SavedTerminal::save();
    let leave = Leave::default();
    let mut signals = Signals::listen(HangUp::Stops).map_err(Failure::signals)?;
    let signalled = tokio::spawn({
        let leave = leave.clone();
        let saved = saved.clone();
        async move {
            loop {
                signals.next().await;
                if leave.ask() {
                    saved.restore();
                    process::exit(INTERRUPTED);
                }
            }
        }
    });
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let view = (is_terminal && !args.plain && script.is_none()).then(TerminalView::open).flatten();
    let ended = match (view, script) {
        (Some(view), _) => view.run(config, leave, saved.clone()).await,
        (None, Some(script)) => line_view::run(config, Source::Script(script), leave).await,
        (None, None) => {
            let source = Source::Stdin { with_prompt: is_terminal };
            line_view::run(config, source, leave).await
        }
    };
    saved.restore();
    diary.close().await;
    // A second signal ends this too.
    spans.shut_down(FLUSH).await;
    signalled.abort();
    match ended {
        Ok(farewell) => part(farewell),
        Err(error) => Err(Failure::Failed(error.to_string())),
    }
}

/// What a session's end means to whoever started it.
fn part(farewell: Farewell) -> Result<(), Failure> {
    let Farewell { process, was_acknowledged, unsaid, away } = farewell;
    if unsaid > 0 {
        let messages =
            if unsaid == 1 { "1 message was".into() } else { format!("{unsaid} messages were") };
        let why = away.map(|why| format!(": {why}")).unwrap_or_default();
        return Err(Failure::Failed(format!("{messages} not sent{why}")));
    }
    if !process.has_been_present() {
        let why = away.map(|why| format!(": {why}")).unwrap_or_default();
        return Err(Failure::Failed(format!("never joined{why}")));
    }
    if !was_acknowledged && away.is_none() {
        // Gone is gone: the server notices by itself. So this is worth a line and not a failure.
        let _ = writeln!(io::stderr(), "left, but the server did not acknowledge it");
    }
    Ok(())
}

fn login_name() -> String {
    std::env::var("USER").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "guest".into())
}

fn read_script(path: &Path) -> Result<Script, Failure> {
    let file = path.display().to_string();
    let source = fs::read_to_string(path)
        .map_err(|error| Failure::Failed(format!("cannot read the script {file}: {error}")))?;
    Script::parse(&file, &source).map_err(|error| Failure::Failed(error.to_string()))
}
