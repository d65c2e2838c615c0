//! The two conversations of the original's report, through real processes and sockets, with every
//! line of every node compared: once with our own `join`, fed through its standard input, and once
//! with peers generated from the original's schema.

use super::legacy::Legacy;
use super::support::{Process, Server};

const FIRST: &str = include_str!("../fixtures/first-conversation.txt");
const SECOND: &str = include_str!("../fixtures/second-conversation.txt");

/// One step: who does what. Nobody goes on before everybody present has heard of it.
enum Step {
    Join(&'static str, u16),
    Say(&'static str, &'static str),
    Leave(&'static str),
}

const FIRST_STEPS: [Step; 6] = [
    Step::Join("Client1", 40),
    Step::Join("Client2", 20),
    Step::Say("Client1", "Hello"),
    Step::Say("Client2", "Hi"),
    Step::Leave("Client1"),
    Step::Leave("Client2"),
];

const SECOND_STEPS: [Step; 9] = [
    Step::Join("Anton", 20),
    Step::Join("Bjarke", 40),
    Step::Join("Oliver", 60),
    Step::Say("Oliver", "Hi"),
    Step::Say("Bjarke", "Good Morning"),
    Step::Say("Anton", "Hello"),
    Step::Leave("Anton"),
    Step::Leave("Bjarke"),
    Step::Leave("Oliver"),
];

/// Somebody who can take part.
trait Actor: Sized {
    async fn join(server: &Server, name: &str, port: u16) -> Self;
    async fn say(&mut self, text: &str);
    /// Leaves, and comes back only when that is done.
    async fn leave(&mut self);
    /// Hears something whose line holds these parts.
    async fn hear(&mut self, parts: &[&str]);
    /// The lines so far, with a Lamport time in front.
    fn lines(&self) -> Vec<String>;
}

#[tokio::test]
async fn the_first_conversation() {
    assert_eq!(play::<Process>(&FIRST_STEPS).await, FIRST);
}

#[tokio::test]
async fn the_second_conversation() {
    assert_eq!(play::<Process>(&SECOND_STEPS).await, SECOND);
}

#[tokio::test]
async fn the_first_conversation_between_legacy_peers() {
    assert_eq!(play::<Legacy>(&FIRST_STEPS).await, FIRST);
}

#[tokio::test]
async fn the_second_conversation_between_legacy_peers() {
    assert_eq!(play::<Legacy>(&SECOND_STEPS).await, SECOND);
}

/// A participant, and whether it is there.
struct Person<A> {
    name: &'static str,
    actor: A,
    is_present: bool,
}

/// Plays a conversation, and returns what all nodes printed, one after the other.
async fn play<A: Actor>(steps: &[Step]) -> String {
    let filter = ("CHITTYCHAT_LOG", "info,chittychat::delivery=debug");
    let mut server = Server::start(&[filter]).await;
    let mut people: Vec<Person<A>> = Vec::new();
    for step in steps {
        match *step {
            Step::Join(name, port) => {
                let actor = A::join(&server, name, port).await;
                people.push(Person { name, actor, is_present: true });
                hear(&mut people, &["Name: ", name, "has joined the chat"], None).await;
            }
            Step::Say(name, text) => {
                person(&mut people, name).actor.say(text).await;
                hear(&mut people, &[&format!("Name: {name}] {text}")], Some(name)).await;
            }
            Step::Leave(name) => {
                let leaver = person(&mut people, name);
                leaver.actor.leave().await;
                leaver.is_present = false;
                hear(&mut people, &[name, "has left the chat"], None).await;
            }
        }
    }
    assert_eq!(server.stop().await, 0);
    let mut shown = section("Server", &stamped(&server.process.err.so_far()));
    for Person { name, actor, .. } in &people {
        shown += &format!("\n{}", section(name, &actor.lines()));
    }
    shown
}

fn person<'a, A>(people: &'a mut [Person<A>], name: &str) -> &'a mut Person<A> {
    people.iter_mut().find(|person| person.name == name).expect("only who is there does something")
}

/// Waits until everybody present, but for one, has heard something.
async fn hear<A: Actor>(people: &mut [Person<A>], parts: &[&str], but: Option<&str>) {
    let others = people.iter_mut().filter(|person| Some(person.name) != but);
    for person in others.filter(|person| person.is_present) {
        person.actor.hear(parts).await;
    }
}

fn section(name: &str, lines: &[String]) -> String {
    format!("{name}\n{}\n", lines.join("\n"))
}

/// The lines that have a Lamport time, without the wall time before it.
fn stamped(lines: &[String]) -> Vec<String> {
    let rests = lines.iter().filter_map(|line| {
        let (wall, rest) = line.split_at_checked("2023/10/29 18:32:06 ".len())?;
        assert!(wall.starts_with("20") && wall.ends_with(' '), "a wall time first: {line}");
        rest.starts_with("[Lamport time: ").then(|| rest.to_owned())
    });
    rests.collect()
}

impl Actor for Process {
    async fn join(server: &Server, name: &str, port: u16) -> Self {
        let (address, port) = (server.address.to_string(), port.to_string());
        let arguments = ["join", "--server", &address, "--name", name, "--port", &port];
        Process::start(&arguments, &[])
    }

    async fn say(&mut self, text: &str) {
        self.tell(text);
    }

    async fn leave(&mut self) {
        self.tell("exit");
        assert_eq!(self.exit_code().await, 0);
        assert_eq!(self.err.so_far(), Vec::<String>::new(), "nothing to complain of");
    }

    async fn hear(&mut self, parts: &[&str]) {
        self.out.wait_for(parts).await;
    }

    fn lines(&self) -> Vec<String> {
        stamped(&self.out.so_far())
    }
}

impl Actor for Legacy {
    async fn join(server: &Server, name: &str, port: u16) -> Self {
        Legacy::join(server.address, name, port).await
    }

    async fn say(&mut self, text: &str) {
        Legacy::say(self, text);
    }

    async fn leave(&mut self) {
        Legacy::leave(self).await;
    }

    async fn hear(&mut self, parts: &[&str]) {
        self.hears().await;
        let line = self.lines.last().expect("something was heard");
        assert!(parts.iter().all(|part| line.contains(part)), "{line} was to hold {parts:?}");
    }

    fn lines(&self) -> Vec<String> {
        self.lines.clone()
    }
}
