//! Who comes and who goes: everybody is to be told, and many may come at once.

use super::{
    fate::harmed,
    peer::{Peer, quote},
    scene::{Scene, tells_of_join, tells_of_leave},
    verdict::{Finding, Seen},
};
use crate::wire::original::Message;
use futures_util::future;

/// How many come at once.
const STORM: usize = 50;

pub(super) async fn join_announced(scene: &mut Scene<'_>) -> Seen {
    let newcomer = scene.knock("casper").await.map_err(Finding::unclear)?;
    let hear = async |scene: &mut Scene<'_>, newcomer: &mut Peer| {
        let (patience, name) = (scene.patience(), newcomer.name().to_owned());
        let own = newcomer.hears(patience, |it| tells_of_join(it, &name)).await;
        let own = own.map_err(|why| {
            Finding::failed(format!("the newcomer is not told that it has joined: {why}"))
        })?;
        for peer in &mut scene.bystanders {
            let heard = peer.hears(patience, |it| tells_of_join(it, &name)).await;
            heard.map_err(|why| {
                let who = peer.name();
                Finding::failed(format!("{who} is not told that {name} has joined: {why}"))
            })?;
        }
        let told = scene.bystanders.len();
        Ok(format!("the newcomer and {told} others were told: {}", quote(&own.text)))
    };
    scene.with(newcomer, hear).await
}

pub(super) async fn leave_on_loss(scene: &mut Scene<'_>) -> Seen {
    let guest = scene.guest("casper").await?;
    let (patience, name) = (scene.patience(), guest.name().to_owned());
    guest.cut().await;
    // Some servers notice only when they have something to say.
    scene.rounds(1).await.map_err(harmed)?;
    let told = scene.bystanders.iter_mut().map(|peer| {
        let name = &name;
        async move {
            let told =
                |heard: &[Message]| heard.iter().find(|it| tells_of_leave(it, name)).cloned();
            let heard = peer.until(patience, told).await;
            heard.map_err(|why| {
                Finding::failed(format!("{} is not told that {name} has left: {why}", peer.name()))
            })
        }
    });
    let told = future::try_join_all(told).await?;
    scene.settle().await?;
    for peer in &scene.bystanders {
        let times = peer.heard.iter().filter(|it| tells_of_leave(it, &name)).count();
        if times > 1 {
            let who = peer.name();
            return Err(Finding::failed(format!("{who} was told {times} times that {name} left")));
        }
    }
    let text = told.first().map(|message| quote(&message.text)).unwrap_or_default();
    Ok(format!("{} others were told once: {text}", told.len()))
}

pub(super) async fn join_storm(scene: &mut Scene<'_>) -> Seen {
    scene.third().await?;
    let here: &Scene<'_> = scene;
    let opened = future::try_join_all((0..STORM).map(|_| here.stranger("storm"))).await;
    let mut storm = opened.map_err(Finding::failed)?;
    let seen = come_at_once(scene, &mut storm).await;
    scene.dismiss(storm).await;
    scene.rounds(1).await.map_err(harmed)?;
    seen
}

/// All of them connect and speak, and then they listen.
async fn come_at_once(scene: &mut Scene<'_>, storm: &mut [Peer]) -> Seen {
    let (word, patience) = (scene.word(), scene.patience());
    storm.iter_mut().for_each(Peer::connect);
    storm.iter_mut().for_each(|peer| peer.say(word.as_str()));
    for witness in &mut scene.bystanders {
        let heard = witness.collects(patience, STORM, |it| it.text.contains(&word)).await;
        heard.map_err(|(count, why)| {
            let name = witness.name();
            Finding::failed(format!("{name} heard {count} of {STORM} newcomers: {why}"))
        })?;
    }
    let answer = scene.word();
    if let Some(witness) = scene.bystanders.first_mut() {
        witness.say(answer.as_str());
    }
    let listening = storm.iter_mut().map(|peer| peer.hears_word(patience, &answer));
    let deaf = future::join_all(listening).await.into_iter().filter_map(Result::err);
    let deaf: Vec<_> = deaf.collect();
    if let Some(why) = deaf.first() {
        let deaf = deaf.len();
        return Err(Finding::failed(format!("{deaf} of {STORM} newcomers hear nothing: {why}")));
    }
    let announced = |peer: &&Peer| scene.any_heard(|it| tells_of_join(it, peer.name())).is_some();
    let announced = storm.iter().filter(announced).count();
    Ok(format!("all {STORM} were heard and heard others; {announced} joins were announced"))
}
