//! A script for a short video: how long it and its scenes may be, when each begins, and what makes it fit.
//!
//! The model of duration is that of texts for listening (`speech.rs`): words at a rate, and pauses. A length that was asked for is kept so: a video is
//! never shorter, for scenes are held longer, and at most a tenth longer, for sentences are left out; it is never longer than its platforms allow.

pub mod captions;

use super::compose::{cleaned, enforced};
use super::draft::{Draft, Fault, Judged, sound, translated, unfaithful, useless};
use super::order::{Order, wrong};
use super::platform::{Platform, Rules};
use super::sentences::{sentences, shortened};
use super::speech::{SENTENCE_MS, script};
use crate::content::brand::Brand;
use crate::error::Error;

/// Where a video is for when nothing is said.
pub const USUAL: [Platform; 3] = [Platform::TikTok, Platform::Instagram, Platform::YouTube];
/// The shortest and the longest script, in seconds.
pub const SECONDS: (u32, u32) = (5, 180);
/// The length of a script when nothing is said, in seconds.
const USUAL_SECONDS: u32 = 30;
/// By how much a script may be longer than was asked for, in hundredths.
pub const TOLERANCE: u64 = 10;
/// How long a scene usually is, in seconds.
const SCENE_SECONDS: u32 = 6;
/// The fewest and the most scenes.
const SCENES: (usize, usize) = (2, 10);
/// The shortest scene, in ms: what is shorter is not seen.
const SHORTEST_MS: u64 = 1200;
/// The most characters that are looked at for one scene, and for the length of a text: more than anybody says in the longest script.
const LONGEST_SPOKEN: usize = 6000;
/// The longest caption on the screen, and the longest description of what is to be seen, in characters.
const LONGEST_CAPTION: usize = 60;
const LONGEST_VISUAL: usize = 300;

/// The longest script for some platforms, in seconds.
fn longest(platforms: &[Platform], rules: &dyn Fn(Platform) -> Rules) -> u32 {
    let limits = platforms.iter().filter_map(|platform| rules(*platform).video_seconds);
    limits.filter_map(|limit| u32::try_from(limit).ok()).min().unwrap_or(SECONDS.1).clamp(SECONDS.0, SECONDS.1)
}

/// Checks what is asked for, as far as that does not depend on an operator.
///
/// # Errors
/// 400 naming the field.
pub fn check(seconds: Option<u32>, platforms: &[Platform]) -> Result<(), Error> {
    if let Some(place) = platforms.iter().position(|platform| *platform == Platform::Sms) {
        return Err(wrong(format!("platforms[{place}]"), "takes no video"));
    }
    bounded(seconds, SECONDS.1)
}

/// Checks that a length is one that the platforms take.
///
/// # Errors
/// 400 naming the longest.
pub fn check_platforms(order: &Order, rules: &dyn Fn(Platform) -> Rules) -> Result<(), Error> {
    bounded(order.seconds, longest(&order.platforms, rules))
}

fn bounded(seconds: Option<u32>, most: u32) -> Result<(), Error> {
    if seconds.is_some_and(|seconds| !(SECONDS.0..=most).contains(&seconds)) {
        return Err(wrong("seconds", &format!("must be a whole number from {} to {most} for these platforms", SECONDS.0)));
    }
    Ok(())
}

/// How a script is to be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long it is to be, in ms.
    pub target_ms: u64,
    /// How long it may be, in ms.
    pub most_ms: u64,
    /// How many scenes it is to have.
    pub scenes: usize,
    /// How many words are said in each.
    pub words: usize,
    /// The rate of speaking, in words a minute.
    pub rate: u32,
}

/// The plan for an order.
pub fn plan(order: &Order, rules: &dyn Fn(Platform) -> Rules) -> Plan {
    let rate = order.words_a_minute;
    let limit_ms = u64::from(longest(&order.platforms, rules)).saturating_mul(1000);
    let shortest_ms = u64::from(SECONDS.0).saturating_mul(1000);
    let usual = || {
        // A text takes as long as it takes.
        let start: String = order.subject.chars().take(LONGEST_SPOKEN).collect();
        let natural = spoken_ms(&start, rate).saturating_add(u64::from(SENTENCE_MS));
        if order.from_text { natural } else { u64::from(USUAL_SECONDS).saturating_mul(1000) }
    };
    let target_ms = order.seconds.map_or_else(usual, |seconds| u64::from(seconds).saturating_mul(1000)).clamp(shortest_ms, limit_ms);
    let scene_ms = u64::from(SCENE_SECONDS).saturating_mul(1000);
    let by_time = usize::try_from(target_ms.checked_div(scene_ms).unwrap_or_default()).unwrap_or(SCENES.1);
    let scenes = by_time.max(order.pictures.len()).clamp(SCENES.0, SCENES.1);
    let pauses = u64::try_from(scenes).unwrap_or_default().saturating_mul(u64::from(SENTENCE_MS));
    let words = target_ms.saturating_sub(pauses).saturating_mul(u64::from(rate)) / 60_000;
    let words = usize::try_from(words).unwrap_or_default().checked_div(scenes).unwrap_or_default().max(3);
    let most_ms = (target_ms.saturating_mul(TOLERANCE.saturating_add(100)) / 100).min(limit_ms);
    Plan { target_ms, most_ms, scenes, words, rate }
}

/// How long something takes to say, in ms.
pub fn spoken_ms(text: &str, rate: u32) -> u64 {
    script(text, rate).milliseconds
}

/// A scene.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// What is said.
    pub spoken: String,
    /// What is to be seen.
    pub visual: String,
    /// What stands on the screen.
    pub caption: String,
    /// The picture that it shows, from 1.
    pub image: Option<usize>,
    /// When it begins, in ms.
    pub start_ms: u64,
    /// How long it is, in ms.
    pub duration_ms: u64,
    /// How much of that somebody speaks, in ms.
    pub spoken_ms: u64,
}

/// A script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Film {
    /// Its scenes.
    pub scenes: Vec<Scene>,
    /// How long it is, in ms.
    pub duration_ms: u64,
    /// Why it is not what was asked for: `too_long` when sentences had to be left out, `too_short` when more than half is silence.
    pub fault: Option<&'static str>,
}

/// Judges a scene.
pub fn scene(order: &Order, brand: Option<&Brand>, plan: &Plan, draft: Option<Draft>) -> Judged {
    let Some(draft) = draft else { return useless("missing", "it is missing") };
    let given = order.given(brand);
    let (draft, mut fault) = match sound(order, brand, draft, &given) {
        Err(judged) => return judged,
        Ok(sound) => sound,
    };
    let shown = draft.list.join("\n");
    if super::prompt::reveals(&shown) {
        return useless("instructions_revealed", "it repeats how you were told to work");
    }
    let strange = super::draft::strange_links(&shown, &given);
    if !strange.is_empty() {
        return useless("invented_link", "it shows a link that is not in the order");
    }
    if order.from_text {
        if let Some(fault) = translated(order, &order.subject, &draft.text) {
            return Judged::Useless(fault);
        }
        // A scene says a part of the text: what it adds is at fault, not what it leaves to others. What is seen is the model's own.
        let caption = draft.list.get(1).map(String::as_str).unwrap_or_default();
        if let Some(fault) = unfaithful("", &format!("{}\n{caption}", draft.text), &given) {
            return Judged::Useless(fault);
        }
    }
    let words = script(&draft.text, plan.rate).words;
    let about = plan.words;
    if words > about.saturating_mul(13) / 10 {
        fault = fault.or(Some(Fault { code: "too_long", words: format!("`spoken` has {words} words: say it in {about}") }));
    } else if words.saturating_mul(3) < about {
        fault = fault.or(Some(Fault { code: "too_short", words: format!("`spoken` has {words} words: it needs about {about}") }));
    }
    match fault {
        Some(fault) => Judged::Usable(draft, fault),
        None => Judged::Good(draft),
    }
}

/// A scene of what was written for it, in the brand's words, within its bounds; none when nothing is said in it.
pub fn made(order: &Order, brand: Option<&Brand>, draft: &Draft) -> Option<Scene> {
    let line = |text: &str, most: usize| shortened(&enforced(brand, &cleaned(text)).replace('\n', " "), most);
    let spoken = enforced(brand, &cleaned(&draft.text)).replace('\n', " ");
    if script(&spoken, order.words_a_minute).words == 0 {
        return None;
    }
    let image = draft.number.filter(|number| number.fract() == 0.0);
    let image = (1..=order.pictures.len()).find(|place| u32::try_from(*place).is_ok_and(|place| image == Some(f64::from(place))));
    let shown = |place: usize, most: usize| draft.list.get(place).map(|text| line(text, most)).filter(|text| !text.is_empty());
    let visual = shown(0, LONGEST_VISUAL).unwrap_or_else(|| match image {
        Some(place) => format!("Picture {place}"),
        None => "The speaker, facing the camera".to_owned(),
    });
    let caption = shown(1, LONGEST_CAPTION).unwrap_or_else(|| line(first_sentence(&spoken), LONGEST_CAPTION));
    Some(Scene { spoken, visual, caption, image, ..Scene::default() })
}

fn first_sentence(text: &str) -> &str {
    sentences(text).into_iter().next().and_then(|range| text.get(range)).unwrap_or(text)
}

/// Scenes of a text without a model: its sentences, as evenly as they come.
pub fn by_rule(order: &Order, brand: Option<&Brand>, text: &str, plan: &Plan) -> Vec<Scene> {
    let said: Vec<&str> = sentences(text).into_iter().filter_map(|range| text.get(range)).collect();
    let count = said.len().min(plan.scenes).max(1);
    let each = said.len().div_ceil(count).max(1);
    let of = |(place, part): (usize, &[&str])| {
        let number = place.saturating_add(1);
        let shows = u32::try_from(number).ok().filter(|_| number <= order.pictures.len()).map(f64::from);
        made(order, brand, &Draft { text: part.join(" "), list: Vec::new(), number: shows })
    };
    let scenes: Vec<Scene> = said.chunks(each).enumerate().filter_map(of).collect();
    if !scenes.is_empty() {
        return scenes;
    }
    // Nothing in it can be said: it is shown.
    vec![Scene {
        spoken: "…".to_owned(),
        visual: "The words on a plain ground".to_owned(),
        caption: shortened(&enforced(brand, &cleaned(text)).replace('\n', " "), LONGEST_CAPTION),
        ..Scene::default()
    }]
}

/// Takes away what is too long by far, in one look at each scene: sentence by sentence it would take as many looks as there are sentences.
fn bounded_by_far(scenes: &mut [Scene], plan: &Plan, timed: &dyn Fn(&mut Scene)) -> bool {
    let mut shorter = false;
    for scene in scenes.iter_mut().filter(|scene| scene.spoken.len() > LONGEST_SPOKEN) {
        let said = shortened(&scene.spoken, LONGEST_SPOKEN);
        shorter |= said != scene.spoken;
        scene.spoken = said;
        timed(scene);
    }
    let whole = scenes.iter().map(|scene| scene.duration_ms).fold(0, u64::saturating_add);
    if whole <= plan.most_ms.saturating_mul(2) {
        return shorter;
    }
    for scene in scenes.iter_mut() {
        let share = scene.duration_ms.saturating_mul(plan.most_ms).saturating_mul(3) / 2;
        let allowed_ms = share.checked_div(whole).unwrap_or_default();
        let (mut end, mut taken_ms) = (0_usize, 0_u64);
        for range in sentences(&scene.spoken) {
            let own = scene.spoken.get(range.clone()).unwrap_or_default();
            taken_ms = taken_ms.saturating_add(spoken_ms(own, plan.rate)).saturating_add(u64::from(SENTENCE_MS));
            if end > 0 && taken_ms > allowed_ms {
                break;
            }
            end = range.end;
        }
        shorter |= end < scene.spoken.len();
        scene.spoken.truncate(end);
        timed(scene);
    }
    shorter
}

/// Lays scenes out in time: what is too long is left out, what is too short is held.
pub fn laid_out(mut scenes: Vec<Scene>, plan: &Plan) -> Film {
    let timed = |scene: &mut Scene| {
        scene.spoken_ms = spoken_ms(&scene.spoken, plan.rate);
        scene.duration_ms = scene.spoken_ms.saturating_add(u64::from(SENTENCE_MS)).max(SHORTEST_MS);
    };
    scenes.iter_mut().for_each(timed);
    let sum = |scenes: &[Scene]| scenes.iter().map(|scene| scene.duration_ms).fold(0, u64::saturating_add);
    let mut shorter = bounded_by_far(&mut scenes, plan, &timed);
    while sum(&scenes) > plan.most_ms {
        shorter = true;
        let ends = |scene: &Scene| sentences(&scene.spoken).iter().rev().nth(1).map(|range| range.end);
        let longest = scenes.iter().enumerate().filter(|(_, scene)| ends(scene).is_some()).max_by_key(|(_, scene)| scene.duration_ms);
        if let Some(place) = longest.map(|(place, _)| place) {
            // The last sentence of the longest scene that has several.
            if let Some(scene) = scenes.get_mut(place) {
                let end = ends(scene).unwrap_or_default();
                scene.spoken.truncate(end);
                timed(scene);
            }
            continue;
        }
        if scenes.len() > 2 {
            // The scene before the last: the first makes people stay, the last says what to do.
            scenes.remove(scenes.len().saturating_sub(2));
            continue;
        }
        // Words of the longest, as many as there are too many.
        let whole = sum(&scenes);
        let Some(scene) = scenes.iter_mut().max_by_key(|scene| scene.duration_ms) else { break };
        let said = scene.spoken.trim_end_matches('…').trim_end();
        let count = said.chars().count();
        let share = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(plan.most_ms).checked_div(whole).unwrap_or_default();
        let kept = shortened(said, usize::try_from(share).unwrap_or(usize::MAX).min(count.saturating_sub(1)));
        if kept.is_empty() {
            break;
        }
        scene.spoken = kept;
        timed(scene);
    }
    let natural = sum(&scenes);
    let missing = plan.target_ms.saturating_sub(natural);
    let mut left = missing;
    let count = scenes.len();
    for (place, scene) in scenes.iter_mut().enumerate() {
        let last = place.saturating_add(1) == count;
        let share = missing.saturating_mul(scene.duration_ms).checked_div(natural).unwrap_or_default();
        let held = if last { left } else { share.min(left) };
        left = left.saturating_sub(held);
        scene.duration_ms = scene.duration_ms.saturating_add(held);
    }
    let mut at = 0_u64;
    for scene in &mut scenes {
        scene.start_ms = at;
        at = at.saturating_add(scene.duration_ms);
    }
    let silent = missing.saturating_mul(2) > plan.target_ms;
    let fault = if shorter { Some("too_long") } else { silent.then_some("too_short") };
    Film { scenes, duration_ms: at, fault }
}
