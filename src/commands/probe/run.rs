//! Runs cases one after the other, each with bystanders of its own, and looks after each whether the
//! server still serves.

use super::{
    case::Case,
    peer::Target,
    scene::{Naming, Scene},
    verdict::{Finding, Outcome, Verdict},
};
use std::time::Instant;
use tokio::time::timeout;

/// How many times the longest wait a case may take, what it does itself,
const CASE: u32 = 12;
/// and what comes before it, and what after.
const AROUND: u32 = 4;
/// How many times the longest wait a case may take in all.
pub(super) const WAITS_PER_CASE: u32 = CASE + 2 * AROUND;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Probe {
    target: Target,
    naming: Naming,
    /// Whether the server did not serve any more after the last case.
    is_gone: bool,
}

impl Probe {
    /// A probe of a server that two participants can talk over.
    ///
    /// # Errors
    /// With what they cannot do: then nothing can be said of the server.
    pub(super) async fn new(target: Target) -> Result<Self, String> {
        let probe = Self { target, naming: Naming::new(), is_gone: false };
        let scene = probe.scene(AROUND).await?;
        scene.clear().await;
        Ok(probe)
    }

    async fn scene(&self, waits: u32) -> Result<Scene<'_>, String> {
        let bound = self.target.patience * waits;
        let set = timeout(bound, Scene::set(&self.target, &self.naming)).await;
        set.unwrap_or_else(|_| Err(format!("it is not served within {bound:?}")))
    }

    /// Runs one case.
    pub(super) async fn run(&mut self, case: &'static Case) -> Outcome {
        let started = Instant::now();
        let finding = match self.scene(if self.is_gone { 1 } else { AROUND }).await {
            Err(why) => {
                self.is_gone = true;
                Finding::new(Verdict::Gone, format!("not run, the server is gone: {why}"))
            }
            Ok(scene) => {
                let (finding, is_gone) = self.play(case, scene).await;
                self.is_gone = is_gone;
                finding
            }
        };
        Outcome { case, finding, took: started.elapsed() }
    }

    /// What a case found, and whether the server is gone after it.
    async fn play(&self, case: &Case, mut scene: Scene<'_>) -> (Finding, bool) {
        let bound = self.target.patience * CASE;
        let seen = timeout(bound, (case.run)(&mut scene)).await;
        let finding = match seen {
            Ok(Ok(evidence)) => Finding::new(Verdict::Survived, evidence),
            Ok(Err(finding)) => finding,
            Err(_) => Finding::unclear(format!("it was not over within {bound:?}")),
        };
        let bound = self.target.patience * AROUND;
        let harm = match timeout(bound, newcomer_talks(&mut scene)).await {
            Ok(Ok(())) => {
                scene.clear().await;
                return (finding, false);
            }
            Ok(Err(harm)) => harm,
            Err(_) => format!("they cannot talk within {bound:?}"),
        };
        scene.clear().await;
        let (after, is_gone) = match self.scene(1).await {
            Ok(fresh) => {
                fresh.clear().await;
                ("those who come now are served".to_owned(), false)
            }
            Err(why) => (format!("the server is gone: {why}"), true),
        };
        // A case that could not be judged, or went well until then, is judged by what it left behind.
        let seen = match finding.verdict {
            Verdict::Failed => finding.evidence,
            _ => format!("{}; then bystanders were harmed: {harm}", finding.evidence),
        };
        (Finding::failed(format!("{seen}; {after}")), is_gone)
    }
}

/// After a case: somebody new comes in, and it and all the bystanders hear each other.
async fn newcomer_talks(scene: &mut Scene<'_>) -> Result<(), String> {
    let newcomer = scene.join("dora").await.map_err(|finding| finding.evidence)?;
    scene.bystanders.push(newcomer);
    scene.rounds(1).await.map(|_| ())
}
