//! What settings promise, through one fixture: a world of sources that a test adds to and loads.

mod files;
mod print;

use super::{
    nearest::nearest,
    table::{Kind, SETTINGS, Standard},
    *,
};
use std::{fs, path::PathBuf, time::Duration};

/// The sources of one test. Its file is the `chittychat.toml` of a directory that only it has.
struct World {
    directory: tempfile::TempDir,
    sources: Sources,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory for a test");
        let sources = Sources { directory: directory.path().to_owned(), ..Sources::default() };
        Self { directory, sources }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(self, text: &str) -> Self {
        fs::write(self.path(FILE_NAME), text).expect("a file for a test");
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.into(), value.into());
        self
    }

    fn flag(mut self, key: &str, value: &str, name: &str) -> Self {
        self.sources.flags.push(Flag::new(key, value, name));
        self
    }

    fn load(&self) -> Loaded {
        Settings::load(&self.sources).unwrap_or_else(|error| panic!("refused: {error}"))
    }

    /// The lines of the refusal, with the test's directory left out of them.
    fn refusal(&self) -> Vec<String> {
        let error = Settings::load(&self.sources).expect_err("this must be refused");
        let directory = format!("{}/", self.directory.path().display());
        let text = error.to_string().replace(&directory, "");
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn without_sources_the_defaults_hold() {
    let loaded = World::new().load();
    assert_eq!(loaded.settings, Settings::default());
    let Settings { grpc, http, room, .. } = loaded.settings;
    assert_eq!(grpc.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(http.listen.to_string(), "127.0.0.1:8081");
    assert_eq!((room.capacity, room.max_lag, room.max_lag_bytes), (65_536, None, 16 << 20));
    assert_eq!((room.max_lag_entries(), room.wake_window), (65_536, Duration::ZERO));
    let Settings { clock, keepalive, shutdown, limits, log, .. } = Settings::default();
    assert_eq!((clock.max_jump, clock.ceiling), (1 << 32, 0));
    assert_eq!(keepalive.interval, Duration::from_secs(10));
    assert_eq!(keepalive.timeout, Duration::from_secs(20));
    assert_eq!(shutdown.deadline, Duration::from_secs(10));
    assert_eq!(limits.participants, 16_384);
    assert_eq!(limits.messages_per_second, 0);
    assert_eq!(limits.frame_bytes, 65_536);
    assert_eq!((log.format, log.filter.as_str()), (LogFormat::Text, "info"));
}

#[test]
fn each_layer_goes_over_the_one_before() {
    let world = World::new();
    let capacity = |world: &World| {
        let loaded = world.load();
        let origin = loaded.origin("room.capacity").expect("it has a default");
        (loaded.settings.room.capacity, origin.clone())
    };
    assert_eq!(capacity(&world), (65_536, Origin::Default));

    let world = world.file("[room]\ncapacity = 100\n");
    let file = Origin::File(world.path(FILE_NAME));
    assert_eq!(capacity(&world), (100, file));

    let world = world.variable("CHITTYCHAT__ROOM__CAPACITY", "200");
    let variable = Origin::Environment("CHITTYCHAT__ROOM__CAPACITY".into());
    assert_eq!(capacity(&world), (200, variable));

    let world = world.flag("room.capacity", "300", "--capacity");
    let flag = Origin::Flag("--capacity".into());
    assert_eq!(capacity(&world), (300, flag));
}

#[test]
fn layers_add_up_within_a_section() {
    let loaded = World::new()
        .file("keepalive.interval = \"500ms\"\n[room]\ncapacity = 100")
        .variable("CHITTYCHAT__KEEPALIVE__TIMEOUT", "2s")
        .variable("CHITTYCHAT__LOG__FORMAT", "json")
        .flag("room.max_lag", "50", "--max-lag")
        .load();
    let Settings { keepalive, room, log, .. } = loaded.settings;
    assert_eq!(keepalive.interval, Duration::from_millis(500));
    assert_eq!(keepalive.timeout, Duration::from_secs(2));
    assert_eq!((room.capacity, room.max_lag_entries()), (100, 50));
    assert_eq!(log.format, LogFormat::Json);
}

#[test]
fn a_named_file_is_read_instead_of_the_usual_one_and_must_be_there() {
    let mut world = World::new().file("[room]\ncapacity = 100");
    let other = world.path("other.toml");
    world.sources.file = Some(other.clone());
    let [line] = &world.refusal()[..] else {
        panic!("one line is enough");
    };
    assert!(line.starts_with("cannot read other.toml: "), "{line}");

    fs::write(&other, "[room]\ncapacity = 200").expect("a file for a test");
    assert_eq!(world.load().settings.room.capacity, 200);
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_line() {
    let world = World::new().file("[room]\ncapacity = 100\nmax_lag = = 5\n");
    let [line] = &world.refusal()[..] else {
        panic!("one line is enough");
    };
    assert!(line.starts_with("chittychat.toml, line 3: "), "{line}");
}

#[test]
fn a_number_that_is_too_large_is_refused_with_its_line() {
    let world = World::new().file("[room]\ncapacity = 9223372036854775808\n");
    let [line] = &world.refusal()[..] else {
        panic!("one line is enough");
    };
    assert!(line.starts_with("chittychat.toml, line 2: "), "{line}");
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let world = World::new();
    fs::write(world.path(FILE_NAME), b"\xff\xfe").expect("a file for a test");
    let line = &world.refusal()[0];
    assert!(line.starts_with("cannot read chittychat.toml: "), "{line}");
}

#[test]
fn unknown_keys_of_all_sources_are_named_at_once() {
    let lines = World::new()
        .file("[room]\ncapacty = 5\n[room.capacity]\nentries = 5\n[grpc]\n\"listen.on\" = 1")
        .variable("CHITTYCHAT__KEEPALIVE__INTERVALL", "1s")
        .flag("limits.frame_size", "1", "--frames")
        .refusal();
    assert_eq!(
        lines,
        [
            "unknown setting `grpc.\"listen.on\"` in chittychat.toml; did you mean `grpc.listen`?",
            "`room.capacity` is { entries = 5 } in chittychat.toml; a whole number from 16 to 16777216 is wanted",
            "unknown setting `room.capacty` in chittychat.toml; did you mean `room.capacity`?",
            "unknown setting `keepalive.intervall` in the environment (CHITTYCHAT__KEEPALIVE__INTERVALL); did you mean `keepalive.interval`?",
            "unknown setting `limits.frame_size` in the flag --frames; did you mean `limits.frame_bytes`?",
        ]
    );
}

#[test]
fn without_a_near_key_the_known_ones_are_listed_once() {
    let lines = World::new().file("[parrot]\ncolour = 1\n[colours]").refusal();
    assert_eq!(
        lines[..2],
        [
            "unknown setting `colours` in chittychat.toml",
            "unknown setting `parrot.colour` in chittychat.toml",
        ]
    );
    let [known] = &lines[2..] else {
        panic!("one list, not {lines:?}");
    };
    for setting in SETTINGS {
        assert!(known.contains(setting.key), "{known}");
    }
}

#[test]
fn a_slip_is_recognised_and_nonsense_is_not() {
    for (written, meant) in [
        ("room.capacty", Some("room.capacity")),
        ("room.max-lag", Some("room.max_lag")),
        ("ROOM_MAX_LAG", Some("room.max_lag")),
        ("\"room.capacity\"", Some("room.capacity")),
        ("capacity", Some("room.capacity")),
        ("server.deadline", Some("shutdown.deadline")),
        ("listen", None),
        ("parrot.colour", None),
        ("", None),
    ] {
        assert_eq!(nearest(written).map(|s| s.key), meant, "{written}");
    }
}

#[test]
fn a_quoted_key_with_a_dot_is_not_a_path() {
    let lines = World::new().file("\"room.capacity\" = 100").refusal();
    let expected =
        "unknown setting `\"room.capacity\"` in chittychat.toml; did you mean `room.capacity`?";
    assert_eq!(lines, [expected]);
    for odd in ["\"room[99999999999]\" = 1", "\"\".room.capacity = 100"] {
        let lines = World::new().file(odd).refusal();
        assert!(lines[0].starts_with("unknown setting `\""), "{odd}: {lines:?}");
    }
}

#[test]
fn a_section_is_no_value_and_may_be_empty() {
    let lines =
        World::new().file("room = 5").variable("CHITTYCHAT__ROOM__CAPACITY", "100").refusal();
    let expected =
        "`room` is 5 in chittychat.toml; a section with settings such as `room.capacity` is wanted";
    assert_eq!(lines, [expected]);
    World::new().file("[room]").load();
}

#[test]
fn variables_of_ours_are_known_or_refused() {
    let world = World::new()
        .variable("CHITTYCHAT_LOG", "debug,h2=off")
        .variable("CHITTYCHATTER", "x")
        .variable("PATH", "/bin");
    assert_eq!(world.load().settings, Settings::default());

    let lines = world
        .variable("CHITTYCHAT_GRPC_LISTEN", "127.0.0.1:1")
        .variable("CHITTYCHAT_SERVICE_HOST", "10.0.0.1")
        .variable("CHITTYCHAT__grpc__listen", "127.0.0.1:1")
        .refusal();
    let hint = "did you mean `CHITTYCHAT__GRPC__LISTEN`, with two underscores between the levels?";
    assert_eq!(
        lines,
        [
            format!("unknown variable `CHITTYCHAT_GRPC_LISTEN` in the environment; {hint}"),
            "unknown variable `CHITTYCHAT_SERVICE_HOST` in the environment; kubernetes sets it for \
             a service called chittychat unless the pod has `enableServiceLinks: false`"
                .to_owned(),
            format!("unknown variable `CHITTYCHAT__grpc__listen` in the environment; {hint}"),
        ]
    );
}

#[test]
fn no_two_variables_set_one_key() {
    for twin in ["CHITTYCHAT__ROOM.CAPACITY", "CHITTYCHAT__Room__Capacity"] {
        let world =
            World::new().variable("CHITTYCHAT__ROOM__CAPACITY", "100").variable(twin, "200");
        let lines = world.refusal();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(&format!("unknown variable `{twin}`")), "{lines:?}");
    }
}

#[test]
fn a_bare_number_is_no_duration() {
    let lines = World::new()
        .file("[keepalive]\ninterval = 10\ntimeout = \"10\"")
        .variable("CHITTYCHAT__KEEPALIVE__INTERVAL", "10")
        .refusal();
    let wanted = "a duration such as 10s or 500ms, 100ms to 1h, is wanted";
    assert_eq!(
        lines,
        [
            format!("`keepalive.interval` is 10 in chittychat.toml; {wanted}"),
            format!("`keepalive.timeout` is \"10\" in chittychat.toml; {wanted}"),
            format!(
                "`keepalive.interval` is 10 in the environment (CHITTYCHAT__KEEPALIVE__INTERVAL); {wanted}"
            ),
        ]
    );
}

#[test]
fn what_resembles_a_whole_number_is_none() {
    for odd in ["100.0", "true", "\"100\"", "[100]", "\"\"\"\n100\"\"\""] {
        let lines = World::new().file(&format!("room.capacity = {odd}")).refusal();
        assert_eq!(lines.len(), 1, "{odd}: {lines:?}");
        assert!(lines[0].starts_with("`room.capacity` is "), "{lines:?}");
    }
    for odd in ["", "100.0", "yes", "0x64", " 100", "9223372036854775808"] {
        let world = World::new().variable("CHITTYCHAT__ROOM__CAPACITY", odd);
        assert_eq!(world.refusal().len(), 1, "{odd}");
    }
}

#[test]
fn every_value_out_of_range_is_named_with_its_range() {
    let lines = World::new()
        .file("[room]\ncapacity = 15\n[shutdown]\ndeadline = \"0s\"")
        .variable("CHITTYCHAT__LOG__FORMAT", "")
        .flag("grpc.listen", "localhost:8080", "--listen")
        .flag("limits.frame_bytes", "4194305", "--frame-bytes")
        .refusal();
    assert_eq!(
        lines,
        [
            "`room.capacity` is 15 in chittychat.toml; a whole number from 16 to 16777216 is wanted",
            "`shutdown.deadline` is \"0s\" in chittychat.toml; a duration such as 10s or 500ms, 100ms to 10m, is wanted",
            "`log.format` is empty in the environment (CHITTYCHAT__LOG__FORMAT); `text` or `json` is wanted",
            "`grpc.listen` is localhost:8080 in the flag --listen; an IP address and port such as 127.0.0.1:8080 is wanted",
            "`limits.frame_bytes` is 4194305 in the flag --frame-bytes; a whole number from 4096 to 4194304 is wanted",
        ]
    );
}

#[test]
fn a_value_that_a_higher_layer_covers_is_judged_too() {
    let lines = World::new()
        .file("[room]\ncapacity = 1")
        .flag("room.capacity", "100", "--capacity")
        .refusal();
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn the_lag_may_reach_the_capacity_and_not_exceed_it() {
    let world =
        World::new().file("[room]\nmax_lag = 100").variable("CHITTYCHAT__ROOM__CAPACITY", "100");
    assert_eq!(world.load().settings.room.max_lag_entries(), 100);

    let lines = world.flag("room.capacity", "99", "--capacity").refusal();
    let expected = "`room.max_lag` is 100 in chittychat.toml; a whole number from 1 to 99, \
                    which is `room.capacity` (flag --capacity), is wanted";
    assert_eq!(lines, [expected]);
}

#[test]
fn the_lag_is_not_held_against_a_capacity_that_is_refused() {
    let lines = World::new().file("[room]\ncapacity = 100000000\nmax_lag = 100000").refusal();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("`room.capacity` "), "{lines:?}");
}

#[test]
fn what_strangers_wrote_is_shown_on_one_line() {
    let lines = World::new()
        .file("\"a\\nb\" = 1")
        .variable("CHITTYCHAT__LOG__FORMAT", "a\x1b[31m\nb")
        .variable("CHITTYCHAT_\u{202e}\n", "x")
        .refusal();
    assert_eq!(lines.len(), 4, "three problems and the list: {lines:?}");
    assert!(!lines.concat().contains(['\x1b', '\u{202e}']), "{lines:?}");
}

#[test]
fn the_table_and_the_types_agree() {
    for setting in SETTINGS {
        let ends = match &setting.kind {
            Kind::Address => vec!["0.0.0.0:0".to_owned(), "[::1]:65535".to_owned()],
            Kind::Count(range) => vec![range.start().to_string(), range.end().to_string()],
            Kind::Span(range) => [range.start(), range.end()]
                .map(|end| humantime::format_duration(*end).to_string())
                .to_vec(),
            Kind::Ratio => ["0.0", "1.0", "0.25"].map(str::to_owned).into(),
            Kind::File(_) => vec![String::new()],
            Kind::Place => ["", "/var/log/journal"].map(str::to_owned).into(),
            Kind::Link(word) => vec![String::new(), format!("https://a.example/{word}")],
            Kind::Filter => ["off", "info,chittychat::delivery=debug"].map(str::to_owned).into(),
            Kind::Switch => ["true", "false"].map(str::to_owned).into(),
            Kind::Choice(words) => words.iter().map(ToString::to_string).collect(),
        };
        for end in ends {
            let mut world = World::new().variable(&setting.variable(), &end);
            if let Standard::SameAs(other) = setting.standard {
                world = world.flag(other, "16777216", "--other");
            }
            world.load();
        }
    }
}

#[test]
fn a_default_is_what_the_table_says() {
    let loaded = World::new().load();
    for setting in SETTINGS {
        let is_set = matches!(setting.standard, Standard::Text(_));
        let origin = is_set.then_some(&Origin::Default);
        assert_eq!(loaded.origin(setting.key), origin, "{}", setting.key);
    }
    assert_eq!(loaded.origin("room"), None);
}

#[test]
fn the_documentation_has_a_row_for_each_setting() {
    let table = settings_table();
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(rows.len(), SETTINGS.len() + 2);
    assert!(rows.iter().all(|row| row.matches('|').count() == 5), "{table}");
    for expected in [
        "| `grpc.listen` | `127.0.0.1:8080` | IP address and port | where the chat listens; port 0 takes any free port |",
        "| `room.max_lag` | as `room.capacity` | 1 to `room.capacity` | entries that a participant may lie behind before it is evicted |",
        "| `keepalive.timeout` | `20s` | 100ms to 1h | wait for the answer before the connection counts as lost |",
        "| `log.format` | `text` | `text` or `json` | form of the server's log lines |",
    ] {
        assert!(rows.contains(&expected), "{table}");
    }
}
