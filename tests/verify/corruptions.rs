//! A good journal, spoilt in one place. Each time the promise must be named that is broken, and the event.

use crate::support::{Journal, verify};
use serde_json::{Value, json};

/// The journals of one conversation.
#[derive(Clone)]
struct Journals {
    server: Journal,
    anton: Journal,
    bjarke: Journal,
    oliver: Journal,
}

fn good() -> Journals {
    let load = Journal::load;
    Journals {
        server: load("server"),
        anton: load("anton"),
        bjarke: load("bjarke"),
        oliver: load("oliver"),
    }
}

impl Journals {
    fn verify(&self, arguments: &[&str]) -> crate::support::Verdict {
        let folder = tempfile::tempdir().unwrap();
        let all = [
            (&self.server, "server"),
            (&self.anton, "anton"),
            (&self.bjarke, "bjarke"),
            (&self.oliver, "oliver"),
        ];
        let kept = all.into_iter().filter(|(journal, _)| !journal.0.is_empty());
        let files: Vec<_> = kept.map(|(journal, name)| journal.save(folder.path(), name)).collect();
        verify(arguments, &files)
    }

    /// Spoils the journals and checks what is found.
    #[track_caller]
    fn broken(mut self, spoil: impl FnOnce(&mut Self), promise: &str, node: &str, time: u64) {
        spoil(&mut self);
        let verdict = self.verify(&[]);
        is_broken(&verdict, promise, node, time);
    }

    /// The server's journal alone.
    fn server_alone(mut self) -> Self {
        for journal in [&mut self.anton, &mut self.bjarke, &mut self.oliver] {
            journal.0.clear();
        }
        self
    }
}

#[track_caller]
fn is_broken(verdict: &crate::support::Verdict, promise: &str, node: &str, time: u64) {
    assert_eq!((verdict.code, &*verdict.error), (1, ""), "{:#}", verdict.json);
    let it = verdict.of(promise);
    let found = (&it["outcome"], &it["node"], &it["time"]);
    assert_eq!(found, (&"broken".into(), &node.into(), &time.into()), "{:#}", verdict.json);
    assert!(!it["lines"].as_array().unwrap().is_empty(), "{it:#}");
}

const ANTON: &str = "Anton 127.0.0.1:20";
const BJARKE: &str = "Bjarke 127.0.0.1:40";

fn set(journal: &mut Journal, time: u64, field: &str, value: Value) {
    let place = journal.at(time);
    journal.0[place][field] = value;
}

#[test]
fn the_good_journal_is_good() {
    for arguments in [&[][..], &["--strict"]] {
        let verdict = good().verify(arguments);
        verdict.is_clean();
        verdict.held("join told to all", 3);
        verdict.held("leave told to all", 3);
        verdict.held("publish reaches everyone", 4);
        verdict.held("causal delivery", 4);
        // 1 + 2 + 3 of joins, 2 each of four messages, 2 + 1 of leaves.
        verdict.held("conservation", 17);
    }
    let verdict = good().server_alone().verify(&["--strict"]);
    verdict.is_clean();
    // Bjarke and Anton said what they had seen: three and four, three and five.
    assert!(verdict.of("conservation")["over"].as_u64() > Some(0), "{:#}", verdict.json);
}

#[test]
fn swapped_times() {
    let spoil = |journals: &mut Journals| {
        set(&mut journals.bjarke, 8, "time", json!(11_000));
        set(&mut journals.bjarke, 11, "time", json!(8));
        set(&mut journals.bjarke, 11_000, "time", json!(11));
    };
    good().broken(spoil, "clock condition", BJARKE, 8);
}

#[test]
fn a_missing_plus_one() {
    // Bjarke receives at 8 what was sent at 7.
    let spoil = |journals: &mut Journals| set(&mut journals.bjarke, 8, "time", json!(7));
    good().broken(spoil, "clock condition", BJARKE, 7);
}

#[test]
fn a_missing_plus_one_that_only_the_rules_see() {
    let mut journals = good();
    set(&mut journals.anton, 10, "time", json!(11));
    assert_eq!(journals.verify(&[]).code, 0, "it is no breach of the clock condition");
    is_broken(&journals.verify(&["--strict"]), "exact rules", ANTON, 11);
}

#[test]
fn a_duplicate_time() {
    let spoil = |journals: &mut Journals| set(&mut journals.anton, 2, "time", json!(1));
    good().broken(spoil, "clock condition", ANTON, 1);
}

#[test]
fn a_lost_delivery() {
    // Oliver's first message, which goes to Anton and to Bjarke.
    let mut journals = good();
    let fan =
        journals.server.0.iter().find(|line| line["of"] == "publish" && line["kind"] == "send");
    let base = fan.unwrap()["time"].as_u64().unwrap();
    let lost = |line: &Value| line["cause"] == base + 1;
    journals.bjarke.0.retain(|line| !lost(line));
    is_broken(&journals.verify(&[]), "conservation", "server", base + 1);
}

#[test]
fn a_reordered_sender() {
    let mut journals = good();
    let is_olivers = |line: &Value| {
        line["kind"] == "receive" && line["of"] == "publish" && line["who"] == json!([3])
    };
    let server = &mut journals.server.0;
    let both: Vec<_> = (0..server.len()).filter(|place| is_olivers(&server[*place])).collect();
    let [first, second] = both[..] else { panic!("Oliver says two things") };
    let causes = [server[first]["cause"].clone(), server[second]["cause"].clone()];
    [server[second]["cause"], server[first]["cause"]] = causes;
    let time = server[second]["time"].as_u64().unwrap();
    is_broken(&journals.verify(&[]), "sender FIFO", "server", time);
}

#[test]
fn a_ghost_join() {
    let spoil = |journals: &mut Journals| {
        let place = journals.server.at(9);
        let ghost =
            json!({"kind": "send", "of": "join", "time": 9, "who": [1], "message": 2, "about": 2});
        journals.server.0.insert(place, ghost);
    };
    good().broken(spoil, "join told to all", "server", 9);
}

#[test]
fn a_leave_before_a_join() {
    let spoil = |journals: &mut Journals| {
        let place = journals.server.at(3);
        let lost = json!({"kind": "lost", "time": 2, "who": [1], "message": 2, "text": "gone"});
        journals.server.0.insert(place, lost);
    };
    good().broken(spoil, "leave told to all", "server", 2);
}

#[test]
fn a_delivery_to_the_author() {
    let mut journals = good().server_alone();
    let server = &mut journals.server.0;
    let is_it = |line: &Value| line["kind"] == "send" && line["of"] == "publish";
    let place = server.iter().position(is_it).unwrap();
    // Oliver is number 3.
    server[place]["who"] = json!([3, 1]);
    let accepted = server[place]["message"].as_u64().unwrap();
    is_broken(&journals.verify(&[]), "publish reaches everyone", "server", accepted);
}

#[test]
fn a_doubled_delivery() {
    let mut journals = good();
    let place = journals.bjarke.at(11);
    let mut again = journals.bjarke.0[place].clone();
    again["time"] = json!(12);
    journals.bjarke.0.insert(place + 1, again);
    is_broken(&journals.verify(&[]), "recipient order", BJARKE, 12);
}

#[test]
fn a_wrong_recipient_order() {
    let mut journals = good().server_alone();
    let place = journals.server.at(9);
    assert_eq!(journals.server.0[place]["who"], json!([[1, 3]]));
    journals.server.0[place]["who"] = json!([2, 1, 3]);
    assert_eq!(journals.verify(&[]).code, 0, "all are told");
    is_broken(&journals.verify(&["--strict"]), "exact rules", "server", 8);
}

#[test]
fn a_delivery_that_somebody_else_was_sent() {
    let mut journals = good();
    let place = journals.server.at(9);
    journals.server.0[place]["who"] = json!([2, 1, 3]);
    is_broken(&journals.verify(&[]), "clock condition", ANTON, 10);
}

#[test]
fn a_message_of_129_characters() {
    let mut journals = good();
    let place = journals.server.0.iter().position(|line| line["text"] == "Good Morning").unwrap();
    journals.server.0[place]["text"] = json!("\u{1f600}".repeat(129));
    let time = journals.server.0[place]["time"].as_u64().unwrap();
    is_broken(&journals.verify(&[]), "at most 128 characters", "server", time);
}

#[test]
fn a_join_that_one_is_not_told_of() {
    let mut journals = good().server_alone();
    set(&mut journals.server, 9, "who", json!([[2, 3]]));
    is_broken(&journals.verify(&[]), "join told to all", "server", 8);
}

#[test]
fn messages_out_of_the_order_of_their_ids() {
    let mut journals = good();
    let is_it = |line: &Value| line["kind"] == "receive" && line["of"] == "publish";
    let places: Vec<_> =
        (0..journals.anton.0.len()).filter(|place| is_it(&journals.anton.0[*place])).collect();
    let anton = &mut journals.anton.0;
    let ids = [anton[places[0]]["message"].clone(), anton[places[1]]["message"].clone()];
    [anton[places[1]]["message"], anton[places[0]]["message"]] = ids;
    let time = anton[places[1]]["time"].as_u64().unwrap();
    is_broken(&journals.verify(&[]), "total order", ANTON, time);
}

#[test]
fn what_a_participant_says_it_has_seen_is_held_against_its_clock() {
    let mut journals = good().server_alone();
    let is_it = |line: &&mut Value| line["kind"] == "receive" && line["text"] == "Good Morning";
    let line = journals.server.0.iter_mut().find(is_it).unwrap();
    let seen = line["seen"].as_u64().unwrap();
    // It cannot have sent at the time of what it had received before.
    line["cause"] = json!(seen);
    is_broken(&journals.verify(&[]), "clock condition", BJARKE, seen);
}
