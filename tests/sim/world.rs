//! A run of a plan: the hosts, the network between them, and what happens to both.
//!
//! Everything runs in one thread and in virtual time, so a run depends on its plan alone.

use crate::chronicle::{Chronicle, Pen, Seen};
use crate::host::{self, DEADLINE};
use crate::network::SERVER;
use crate::person::{Soul, live};
use crate::plan::{Happening, Plan};
use std::{
    rc::Rc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::sync::Notify;
use turmoil::{Builder, Sim};

/// How long a run goes on after the room is closed for good.
const AFTERWARDS: u64 = DEADLINE.as_secs() * 1_000 + 3_000;

/// Runs a plan to its end.
///
/// # Errors
/// If a host fails, which none may.
pub fn run(plan: &Plan) -> Result<Chronicle, String> {
    let plan = Rc::new(plan.clone());
    let pen = Pen::default();
    let mut world = World {
        sim: simulation(&plan),
        stop: Rc::default(),
        arrivals: arrivals(&plan),
        pen: pen.clone(),
        plan,
    };
    let outcome = world.run();
    drop(world);
    let chronicle = Rc::into_inner(pen.0).expect("nobody writes any more").into_inner();
    outcome.map(|()| chronicle)
}

fn simulation(plan: &Plan) -> Sim<'static> {
    Builder::new()
        .rng_seed(plan.seed)
        .epoch(UNIX_EPOCH)
        .enable_random_order()
        .simulation_duration(Duration::from_secs(3_600))
        .tick_duration(Duration::from_millis(plan.tick))
        .min_message_latency(Duration::from_millis(plan.latency.0))
        .max_message_latency(Duration::from_millis(plan.latency.1))
        .build()
}

/// Who comes when, the last first.
fn arrivals(plan: &Plan) -> Vec<(u64, usize)> {
    let mut arrivals: Vec<_> =
        (0..).zip(&plan.people).map(|(number, person)| (person.arrives, number)).collect();
    arrivals.sort_unstable();
    arrivals.reverse();
    arrivals
}

struct World {
    sim: Sim<'static>,
    stop: Rc<Notify>,
    arrivals: Vec<(u64, usize)>,
    pen: Pen,
    plan: Rc<Plan>,
}

impl World {
    fn run(&mut self) -> Result<(), String> {
        let (plan, pen, stop) = (self.plan.clone(), self.pen.clone(), self.stop.clone());
        self.sim.host(SERVER, move || host::serve(plan.clone(), pen.clone(), stop.clone()));
        let plan = self.plan.clone();
        let mut happenings = plan.happenings.iter().peekable();
        let mut is_over = false;
        while self.now() < plan.end + AFTERWARDS {
            let now = self.now();
            while self.arrivals.last().is_some_and(|(at, _)| *at <= now) {
                let (_, person) = self.arrivals.pop().expect("there is one");
                self.arrive(person);
            }
            while let Some((_, happening)) = happenings.next_if(|(at, _)| *at <= now) {
                self.let_happen(happening);
            }
            if !is_over && now >= plan.end {
                is_over = true;
                self.pen.0.borrow_mut().is_over = true;
                self.stop.notify_one();
            }
            self.sim.step().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        u64::try_from(self.sim.elapsed().as_millis()).unwrap()
    }

    fn arrive(&mut self, person: usize) {
        let (plan, pen, soul) = (self.plan.clone(), self.pen.clone(), Rc::<Soul>::default());
        self.sim.host(name(person), move || live(plan.clone(), person, pen.clone(), soul.clone()));
    }

    fn let_happen(&mut self, happening: &Happening) {
        // Whoever has not come yet is spared.
        let is_here = |it: usize| !self.arrivals.iter().any(|(_, person)| *person == it);
        let sim = &mut self.sim;
        match *happening {
            Happening::Crash(it) if is_here(it) => sim.crash(name(it)),
            Happening::Reboot(it) if is_here(it) => sim.bounce(name(it)),
            Happening::Cut(it) if is_here(it) => sim.partition(name(it), SERVER),
            Happening::CutOut(it) if is_here(it) => sim.partition_oneway(name(it), SERVER),
            Happening::CutIn(it) if is_here(it) => sim.partition_oneway(SERVER, name(it)),
            Happening::Mend(it) if is_here(it) => sim.repair(name(it), SERVER),
            Happening::Hold(it) if is_here(it) => sim.hold(name(it), SERVER),
            Happening::Release(it) if is_here(it) => sim.release(name(it), SERVER),
            Happening::Slow(it, latency) if is_here(it) => {
                sim.set_link_latency(name(it), SERVER, Duration::from_millis(latency));
            }
            Happening::Kill => sim.crash(SERVER),
            Happening::Drain => self.stop.notify_one(),
            Happening::Start => sim.bounce(SERVER),
            _ => return,
        }
        self.pen.write_at(self.now(), Seen::Happened(format!("{happening:?}")));
    }
}

fn name(person: usize) -> String {
    format!("person-{person}")
}
