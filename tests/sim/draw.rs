//! How a plan is drawn from a seed.
//!
//! Small worlds are more likely than large ones, and every fault leaves most people alone: a world in
//! which everything breaks at once proves little, because nothing has to hold there.

use crate::plan::{
    Happening, KEEPALIVE, NOTICED, Offence, Opening, Person, Plan, SHORT, Step, Visit,
};
use crate::random::Random;

const NAMES: [&str; 10] =
    ["Anton", "Bjarke", "Oliver", "Åse", "Émile", "Jørgen", "Zoë", "李雷", "\u{1f600}", "a\tb"];

/// Draws the plan of a seed.
pub fn plan(seed: u64) -> Plan {
    let mut random = Random::new(seed);
    let random = &mut random;
    let people = match random.of(1..=10) {
        1..=7 => random.of(3..=8),
        8..=9 => random.of(9..=16),
        _ => random.of(17..=30),
    };
    let people = usize::try_from(people).unwrap();
    let length = random.of(6_000..=20_000);
    let (capacity, max_lag) =
        *random.pick(&[(65_536, 65_536), (65_536, 24), (4_096, 60), (400, 400)]);
    let latency = *random.pick(&[(0, 0), (1, 5), (1, 40), (10, 200), (100, 120)]);
    let mut plan = Plan {
        seed,
        tick: *random.pick(&[10, 20, 20, 40]),
        latency,
        capacity,
        max_lag,
        max_participants: if random.chance(15) { people.div_ceil(2) } else { 1_000 },
        max_jump: if random.chance(50) { 1 << 32 } else { 100_000 },
        people: (0..people).map(|number| person(random, number, people, length)).collect(),
        happenings: Vec::new(),
        end: 0,
    };
    plan.happenings = happenings(random, people, length);
    let last = plan.happenings.last().map_or(0, |(at, _)| *at).max(length);
    plan.end = last + NOTICED + KEEPALIVE.1;
    plan
}

fn person(random: &mut Random, number: usize, people: usize, length: u64) -> Person {
    let is_hostile = random.chance(20);
    let visits = (0..random.of(1..=3)).map(|_| visit(random, number, people, is_hostile)).collect();
    Person {
        // Some differ by their name alone, some by their port alone.
        name: format!(
            "{}{}",
            random.pick(&NAMES),
            if number.is_multiple_of(3) { 0 } else { number }
        ),
        address: "10.0.0.1".to_owned(),
        port: i32::try_from(number).unwrap() * 40,
        arrives: if random.chance(40) { 0 } else { random.of(0..=length / 2) },
        window: if random.chance(35) { 512 } else { 65_535 },
        with_pings: random.chance(50),
        is_patient: random.chance(75),
        visits,
    }
}

fn visit(random: &mut Random, number: usize, people: usize, is_hostile: bool) -> Visit {
    let other = (number + 1 + random.place(people - 1)) % people;
    let opening = if is_hostile { knock(random, other) } else { Opening::Connect };
    let mut steps = Vec::new();
    for _ in 0..random.of(1..=8) {
        steps.push((random.of(0..=900), deed(random)));
    }
    let last = match random.of(1..=10) {
        1..=3 => Some(Step::Disconnect),
        4..=5 => Some(Step::Vanish),
        6 => Some(Step::HalfClose),
        7 if is_hostile => Some(Step::Offend(offence(random, other))),
        _ => None,
    };
    if is_hostile && random.chance(50) {
        let at = random.place(steps.len() + 1);
        steps.insert(at, (random.of(0..=300), Step::Offend(offence(random, other))));
    }
    steps.extend(last.map(|last| (random.of(0..=1_500), last)));
    Visit { pause: random.of(0..=2_500), opening, steps }
}

fn deed(random: &mut Random) -> Step {
    match random.of(1..=20) {
        1..=11 => Step::Say(text(random)),
        12..=14 => Step::Say(unfit(random)),
        15..=16 => Step::Burst(random.of(2..=40), random.of(1..=128)),
        17..=18 => Step::Doze(random.of(100..=6_000)),
        19 => Step::Hang(random.of(50..=SHORT)),
        _ => Step::Hang(random.of(SHORT..=9_000)),
    }
}

/// A text that is to be passed on.
fn text(random: &mut Random) -> String {
    match random.of(1..=8) {
        1 => "x".repeat(128),
        // More bytes than characters.
        2 => "ø".repeat(usize::try_from(random.of(65..=128)).unwrap()),
        3 => "\u{1f600}".repeat(128),
        4 => "a\tb".to_owned(),
        _ => format!("word {}", random.of(0..=999)),
    }
}

/// A text that is not to be passed on.
fn unfit(random: &mut Random) -> String {
    let unfit = ["", "a\nb", "\u{1b}[2J", "\u{7f}", "a\rb", "\u{85}"];
    match random.of(1..=2) {
        1 => "y".repeat(usize::try_from(random.of(129..=300)).unwrap()),
        _ => (*random.pick(&unfit)).to_owned(),
    }
}

fn knock(random: &mut Random, other: usize) -> Opening {
    match random.of(1..=20) {
        1..=8 => Opening::Connect,
        9..=11 => Opening::ConnectAs(other),
        12 => Opening::Nothing,
        13 => Opening::Junk(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n".to_vec()),
        14 => Opening::Junk(Vec::new()),
        15 => Opening::Offence(Offence::Publish),
        16 => Opening::Offence(Offence::Disconnect),
        _ => Opening::Offence(offence(random, other)),
    }
}

fn offence(random: &mut Random, other: usize) -> Offence {
    match random.of(1..=14) {
        1 => Offence::UnknownType(*random.pick(&[3, 4, 77, -1])),
        2 => Offence::MissingReference,
        3 => Offence::EmptyName,
        4 => Offence::LongName,
        5 => Offence::NameWithEscape,
        6 => Offence::BadPort(*random.pick(&[-1, 65_536, i32::MIN])),
        7 => Offence::PublishAs(other),
        8 => Offence::DisconnectAs(other),
        9 => Offence::NegativeTime(*random.pick(&[-1, i64::MIN])),
        10 => Offence::ClockJump,
        11 => Offence::Oversized,
        12 => Offence::Undecodable,
        _ => Offence::Connect,
    }
}

fn happenings(random: &mut Random, people: usize, length: u64) -> Vec<(u64, Happening)> {
    let mut happenings = Vec::new();
    for person in 0..people {
        if random.chance(60) {
            continue;
        }
        let mut at = random.of(0..=length / 2);
        for _ in 0..random.of(1..=2) {
            let (first, lasts, second) = fault(random, person);
            happenings.push((at, first));
            happenings.extend(second.map(|second| (at + lasts, second)));
            // Far enough from the next for a connection to be found dead and another to stand.
            at += lasts + random.of(NOTICED..=2 * NOTICED);
        }
    }
    let mut at = random.of(3_000..=length);
    for _ in 0..*random.pick(&[0, 0, 0, 1, 1, 2]) {
        let stop = if random.chance(50) { Happening::Kill } else { Happening::Drain };
        happenings.push((at, stop));
        at += random.of(4_500..=6_000);
        happenings.push((at, Happening::Start));
        at += random.of(5_000..=9_000);
    }
    happenings.sort_by_key(|(at, _)| *at);
    happenings
}

/// Something that happens to a person, how long it lasts, and what ends it.
fn fault(random: &mut Random, it: usize) -> (Happening, u64, Option<Happening>) {
    match random.of(1..=12) {
        1..=2 => (Happening::Crash(it), random.of(10..=3_000), Some(Happening::Reboot(it))),
        3 => (Happening::Crash(it), 0, None),
        4..=5 => (Happening::Cut(it), random.of(50..=9_000), Some(Happening::Mend(it))),
        6 => (Happening::CutOut(it), random.of(50..=9_000), Some(Happening::Mend(it))),
        7 => (Happening::CutIn(it), random.of(50..=9_000), Some(Happening::Mend(it))),
        8..=9 => (Happening::Hold(it), random.of(20..=SHORT), Some(Happening::Release(it))),
        10 => (Happening::Hold(it), random.of(SHORT..=8_000), Some(Happening::Release(it))),
        _ => (Happening::Slow(it, random.of(1..=400)), 0, None),
    }
}
