//! Who is present, encoded: kept as people come and go, in pieces that newcomers share.
//!
//! Encoding the list anew for each newcomer would make a thousand joins cost a million references, each
//! with its strings copied, and a list of ten thousand for each of ten thousand would pass through the
//! heap and leave holes of its size. Here a reference is encoded once, when its holder joins, and only
//! the piece that has changed since is copied. It decides nothing about who is present: it reads that
//! from the entries of the log, like anybody else.

use super::encoded::{Roster, to_reference};
use crate::chat::{Participant, Seat, What};
use bytes::Bytes;
use prost::encoding::message;

/// The number of `participants`.
const PARTICIPANTS: u32 = 105;
/// The most bytes of a list. Most clients read messages of up to 4 MiB.
const MOST_BYTES: usize = 1 << 20;
/// A piece of the list takes no more references once it has this many bytes.
const FULL: usize = 8 << 10;

/// The list as of the last entry read. See the module's text.
#[derive(Debug, Default)]
pub struct Roll {
    /// In join order, none of them empty.
    pieces: Vec<Piece>,
}

/// A stretch of the list.
#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    /// Whose references the bytes are, in join order, and how long each is.
    seats: Vec<(Seat, usize)>,
    /// The bytes as newcomers have them, since one asked.
    shared: Option<Bytes>,
}

impl Piece {
    fn add(&mut self, seat: Seat, who: &Participant) {
        let before = self.bytes.len();
        message::encode(PARTICIPANTS, &to_reference(who), &mut self.bytes);
        self.seats.push((seat, self.bytes.len() - before));
        self.shared = None;
    }

    fn remove(&mut self, seat: Seat) {
        // Seats are numbered in join order.
        if let Ok(at) = self.seats.binary_search_by_key(&seat, |(seat, _)| *seat) {
            let start: usize = self.seats[..at].iter().map(|(_, length)| length).sum();
            let (_, length) = self.seats.remove(at);
            self.bytes.drain(start..start + length);
            self.shared = None;
        }
    }

    fn shared(&mut self) -> Bytes {
        self.shared.get_or_insert_with(|| Bytes::copy_from_slice(&self.bytes)).clone()
    }

    /// Its first references, as far as they fit.
    fn cut(&mut self, most: usize) -> Bytes {
        let ends = self.seats.iter().scan(0, |end, (_, length)| {
            *end += length;
            Some(*end)
        });
        let end = ends.take_while(|end| *end <= most).last().unwrap_or(0);
        self.shared().slice(..end)
    }
}

impl Roll {
    /// Takes in what the next entry says of who is present.
    pub fn read(&mut self, what: &What) {
        match what {
            What::Join { seat, who, .. } => {
                if self.pieces.last().is_none_or(|last| last.bytes.len() >= FULL) {
                    self.pieces.push(Piece::default());
                }
                if let Some(last) = self.pieces.last_mut() {
                    last.add(*seat, who);
                }
            }
            What::Leave { seat, .. } => self.remove(*seat),
            What::Close { .. } => *self = Self::default(),
            What::Publish { .. } | What::Refusal { .. } => {}
        }
    }

    fn remove(&mut self, seat: Seat) {
        let first = |piece: &Piece| piece.seats.first().map(|(seat, _)| *seat);
        let after = self.pieces.partition_point(|piece| first(piece) <= Some(seat));
        let Some(at) = after.checked_sub(1) else { return };
        self.pieces[at].remove(seat);
        // Two that have become small are one: there are never many more pieces than full ones.
        let bytes = self.pieces[at].bytes.len();
        let next = self.pieces.get(at + 1).map_or(usize::MAX, |next| next.bytes.len());
        if bytes == 0 {
            self.pieces.remove(at);
        } else if bytes.saturating_add(next) <= FULL {
            let next = self.pieces.remove(at + 1);
            self.pieces[at].bytes.extend(next.bytes);
            self.pieces[at].seats.extend(next.seats);
            self.pieces[at].shared = None;
        }
    }

    /// The list for a newcomer: in join order, up to 1 MiB of it.
    pub fn roster(&mut self) -> Roster {
        let mut left = MOST_BYTES;
        let mut list = Vec::with_capacity(self.pieces.len());
        for piece in &mut self.pieces {
            if piece.bytes.len() > left {
                list.push(piece.cut(left));
                break;
            }
            left -= piece.bytes.len();
            list.push(piece.shared());
        }
        Roster(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{
        Act, ClockBound, Departure, Draft, Entry, LamportTime, Outcome, Room, Rules,
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
            let Outcome::Joined(welcome) =
                self.room.accept(None, draft, ClockBound::OPEN, &mut self.entries)
            else {
                panic!("{name} is new");
            };
            self.read();
            welcome.cursor.seat()
        }

        fn read(&mut self) {
            self.entries.drain(..).for_each(|entry| self.roll.read(&entry.what));
        }

        /// What a newcomer reads, and what the room says.
        fn names(&mut self) -> (Vec<String>, Vec<String>) {
            let bytes = self.roll.roster().0.concat();
            let list = pb::Message::decode(&*bytes).expect("it is a message");
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
    fn it_stays_in_order_and_in_few_pieces_when_many_come_and_go() {
        let mut world = world();
        let mut seats: Vec<Seat> =
            (0..2_000).map(|number| world.join(&format!("P{number}"), "127.0.0.1")).collect();
        let pieces = world.roll.pieces.len();
        assert!(pieces > 4, "{pieces}");
        // From the front, the middle and the end in turns, until one in ten is left.
        for number in 0..1_800 {
            let at = [0, seats.len() / 2, seats.len() - 1][number % 3];
            world.room.remove(seats.remove(at), Departure::Lost, &mut world.entries);
            world.read();
            if number % 100 == 0 {
                let (read, present) = world.names();
                assert_eq!(read, present);
            }
        }
        let (read, present) = world.names();
        assert_eq!((read.len(), &read), (200, &present));
        assert!(world.roll.pieces.len() < pieces / 2, "{}", world.roll.pieces.len());
    }

    #[test]
    fn newcomers_share_what_has_not_changed() {
        let mut world = world();
        for number in 0..1_000 {
            world.join(&format!("P{number}"), "127.0.0.1");
        }
        let first = world.roll.roster().0;
        world.join("Last", "127.0.0.1");
        let second = world.roll.roster().0;
        let shared = first.iter().zip(&second).filter(|(a, b)| a.as_ptr() == b.as_ptr()).count();
        assert_eq!(shared, first.len() - 1, "all but the piece that has grown");
    }

    #[test]
    fn a_list_is_cut_short_before_it_outgrows_a_message() {
        let mut world = world();
        for number in 0..4_000 {
            world.join(&format!("{number:064}"), &"a".repeat(255));
        }
        let (read, present) = world.names();
        assert!(
            world.roll.pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>() > MOST_BYTES
        );
        let bytes = world.roll.roster().0.concat().len();
        assert!(bytes <= MOST_BYTES && bytes > MOST_BYTES - 400, "{bytes}");
        assert_eq!(read, present[..read.len()]);
    }
}
