//! Who is present, encoded: kept as people come and go, so that a newcomer's list is a copy.
//!
//! Encoding the list anew for each newcomer would make a thousand joins cost a million references, each
//! with its strings copied. Here a reference is encoded once, when its holder joins. It decides
//! nothing about who is present: it reads that from the entries of the log, like anybody else.

use super::encoded::{Roster, to_reference};
use crate::chat::{Seat, What};
use prost::encoding::message;

/// The number of `participants`.
const PARTICIPANTS: u32 = 105;
/// The most bytes of a list. Most clients read messages of up to 4 MiB.
const MOST_BYTES: usize = 1 << 20;

/// The list as of the last entry read. See the module's text.
#[derive(Debug, Default)]
pub struct Roll {
    bytes: Vec<u8>,
    /// Whose references the bytes are, in join order, and how long each is.
    seats: Vec<(Seat, usize)>,
}

impl Roll {
    /// Takes in what the next entry says of who is present.
    pub fn read(&mut self, what: &What) {
        match what {
            What::Join { seat, who, .. } => {
                let before = self.bytes.len();
                message::encode(PARTICIPANTS, &to_reference(who), &mut self.bytes);
                self.seats.push((*seat, self.bytes.len() - before));
            }
            What::Leave { seat, .. } => {
                // Seats are numbered in join order.
                if let Ok(at) = self.seats.binary_search_by_key(seat, |(seat, _)| *seat) {
                    let start: usize = self.seats[..at].iter().map(|(_, length)| length).sum();
                    let (_, length) = self.seats.remove(at);
                    self.bytes.drain(start..start + length);
                }
            }
            What::Close { .. } => *self = Self::default(),
            What::Publish { .. } | What::Refusal { .. } => {}
        }
    }

    /// The list for a newcomer: in join order, up to 1 MiB of it.
    #[must_use]
    pub fn roster(&self) -> Roster {
        let mut length = self.bytes.len();
        for (_, last) in self.seats.iter().rev() {
            if length <= MOST_BYTES {
                break;
            }
            length -= last;
        }
        Roster(self.bytes[..length].into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{
        Act, Departure, Draft, Entry, LamportTime, Outcome, Participant, Room, Rules,
    };
    use crate::wire::pb;
    use prost::Message as _;

    /// A room, what it has entered in its log, and the roll that has read that.
    struct World {
        room: Room,
        entries: Vec<Entry>,
        roll: Roll,
    }

    impl World {
        fn join(&mut self, name: &str, address: &str) -> Seat {
            let who = Participant::new(name, address, 1).expect("a legal reference");
            let (sent, seen, trace) = (LamportTime::ZERO, LamportTime::ZERO, Default::default());
            let draft = Draft { sent, seen, trace, act: Ok(Act::Connect(who)) };
            let Outcome::Joined(welcome) = self.room.accept(None, draft, &mut self.entries) else {
                panic!("{name} is new");
            };
            self.read();
            welcome.cursor.seat()
        }

        fn read(&mut self) {
            self.entries.drain(..).for_each(|entry| self.roll.read(&entry.what));
        }

        /// What a newcomer reads, and what the room says.
        fn names(&self) -> (Vec<String>, Vec<String>) {
            let list = pb::Message::decode(&*self.roll.roster().0).expect("it is a message");
            let read = list.participants.into_iter().map(|who| who.client_name).collect();
            (read, self.room.present().map(|who| who.name().to_owned()).collect())
        }
    }

    fn world() -> World {
        World { room: Room::new(Rules::default()), entries: Vec::new(), roll: Roll::default() }
    }

    #[test]
    fn it_says_who_is_present_in_join_order() {
        let mut world = world();
        let seats: Vec<Seat> =
            ["Anton", "Bjarke", "Oliver", "Ø"].map(|name| world.join(name, "127.0.0.1")).into();
        for (leaving, left) in [(1, "Anton Oliver Ø"), (0, "Oliver Ø"), (3, "Oliver")] {
            world.room.remove(seats[leaving], Departure::Lost, &mut world.entries);
            world.read();
            let (read, present) = world.names();
            assert_eq!((read.join(" "), &read), (left.to_owned(), &present));
        }
        world.join("Bjarke", "127.0.0.1");
        assert_eq!(world.names().0, ["Oliver", "Bjarke"], "who comes back comes last");
        world.room.close(&mut world.entries);
        world.read();
        assert_eq!(world.names(), (vec![], vec![]));
    }

    #[test]
    fn a_list_is_cut_short_before_it_outgrows_a_message() {
        let mut world = world();
        for number in 0..4_000 {
            world.join(&format!("{number:064}"), &"a".repeat(255));
        }
        let (read, present) = world.names();
        assert!(world.roll.bytes.len() > MOST_BYTES);
        let bytes = world.roll.roster().0.len();
        assert!(bytes <= MOST_BYTES && bytes > MOST_BYTES - 400, "{bytes}");
        assert_eq!(read, present[..read.len()]);
    }
}
