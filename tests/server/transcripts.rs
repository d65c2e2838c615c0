//! The two conversations of the original's report, through real processes: `serve`, and a `join` for
//! each participant, fed through its standard input. Every line they print is compared.

use super::support::{Process, Server};

const FIRST: &str = include_str!("../fixtures/first-conversation.txt");
const SECOND: &str = include_str!("../fixtures/second-conversation.txt");

/// One step: who does what. Nobody goes on before everybody present has heard of it.
enum Step {
    Join(&'static str, &'static str),
    Say(&'static str, &'static str),
    Leave(&'static str),
}

#[tokio::test]
async fn the_first_conversation() {
    let steps = [
        Step::Join("Client1", "40"),
        Step::Join("Client2", "20"),
        Step::Say("Client1", "Hello"),
        Step::Say("Client2", "Hi"),
        Step::Leave("Client1"),
        Step::Leave("Client2"),
    ];
    assert_eq!(play(&steps).await, FIRST);
}

#[tokio::test]
async fn the_second_conversation() {
    let steps = [
        Step::Join("Anton", "20"),
        Step::Join("Bjarke", "40"),
        Step::Join("Oliver", "60"),
        Step::Say("Oliver", "Hi"),
        Step::Say("Bjarke", "Good Morning"),
        Step::Say("Anton", "Hello"),
        Step::Leave("Anton"),
        Step::Leave("Bjarke"),
        Step::Leave("Oliver"),
    ];
    assert_eq!(play(&steps).await, SECOND);
}

/// Plays a conversation, and returns what all nodes printed, one after the other.
async fn play(steps: &[Step]) -> String {
    let filter = ("CHITTYCHAT_LOG", "info,chittychat::delivery=debug");
    let mut server = Server::start(&[filter]).await;
    let address = server.address.to_string();
    // Everybody who was ever there, in join order; and whether they still are.
    let mut people: Vec<(&str, Process, bool)> = Vec::new();
    for step in steps {
        match *step {
            Step::Join(name, port) => {
                let arguments = ["join", "--server", &address, "--name", name, "--port", port];
                people.push((name, Process::start(&arguments, &[]), true));
                hear(&people, &["Name: ", name, "has joined the chat"], None).await;
            }
            Step::Say(name, text) => {
                tell(&mut people, name, text);
                hear(&people, &[&format!("Name: {name}] {text}")], Some(name)).await;
            }
            Step::Leave(name) => {
                tell(&mut people, name, "exit");
                let person = people.iter_mut().find(|(known, ..)| *known == name);
                let (_, process, is_present) = person.expect("who leaves was there");
                *is_present = false;
                assert_eq!(process.exit_code().await, 0);
                hear(&people, &[name, "has left the chat"], None).await;
            }
        }
    }
    assert_eq!(server.stop().await, 0);
    let mut shown = section("Server", &server.process.err.so_far());
    for (name, process, _) in &people {
        assert_eq!(process.err.so_far(), Vec::<String>::new(), "{name} has nothing to complain of");
        shown += &format!("\n{}", section(name, &process.out.so_far()));
    }
    shown
}

/// Waits until everybody present, but for one, has printed a line with these parts.
async fn hear(people: &[(&str, Process, bool)], parts: &[&str], but: Option<&str>) {
    for (name, process, is_present) in people {
        if *is_present && Some(*name) != but {
            process.out.wait_for(parts).await;
        }
    }
}

fn tell(people: &mut [(&str, Process, bool)], name: &str, line: &str) {
    let person = people.iter_mut().find(|(known, ..)| *known == name);
    person.expect("only who is there says something").1.tell(line);
}

/// A node's name and its lines with a Lamport time, without the wall time before it.
fn section(name: &str, lines: &[String]) -> String {
    let stamped = lines.iter().filter_map(|line| {
        let (wall, rest) = line.split_at_checked("2023/10/29 18:32:06 ".len())?;
        assert!(wall.starts_with("20") && wall.ends_with(' '), "a wall time first: {line}");
        rest.starts_with("[Lamport time: ").then_some(rest)
    });
    let lines: Vec<_> = stamped.collect();
    format!("{name}\n{}\n", lines.join("\n"))
}
