//! Scripts for video.

use serde_json::{Value, json};

use super::{Desk, Outcome};
use crate::content::draft::{self, Draft, Slot};
use crate::content::facts::lost;
use crate::content::film::captions::{cues, srt, webvtt};
use crate::content::film::{self, Scene, by_rule, laid_out, made};
use crate::content::prompt::Work;
use crate::error::Error;

/// Seconds to a thousandth.
fn seconds(ms: u64) -> f64 {
    f64::from(u32::try_from(ms).unwrap_or(u32::MAX)) / 1000.0
}

impl Desk<'_> {
    /// A script of scenes.
    pub(super) async fn film(&mut self) -> Result<Value, Error> {
        let plan = film::plan(self.order, &|platform| self.rules(platform));
        let slot = |number| Slot { key: format!("scene_{number}"), platform: None, variant: number, source: String::new() };
        let slots: Vec<Slot> = (1..=plan.scenes).map(slot).collect();
        let judge = |desk: &Self, _: &Slot, draft: Option<Draft>| film::scene(desk.order, desk.brand.as_ref(), &plan, draft);
        let outcomes = self.drafts(Work::Film, None, &slots, &judge).await?;
        self.step("generation", json!({}));
        let brand = self.brand.as_ref();
        let (mut scenes, mut fault): (Vec<Scene>, Option<&'static str>) = (Vec::new(), None);
        for Outcome { draft, fault: own } in outcomes {
            let scene = draft.and_then(|draft| made(self.order, brand, &draft));
            // How long a scene is does not matter when the whole is as long as it should be.
            let own = own.filter(|code| scene.is_none() || !matches!(*code, "too_long" | "too_short"));
            fault = fault.or(own).or(scene.is_none().then_some("missing"));
            scenes.extend(scene);
        }
        if scenes.is_empty() {
            scenes = by_rule(self.order, brand, &draft::stand_in(self.order), &plan);
        }
        let film = laid_out(scenes, &plan);
        let fault = fault.or(film.fault);
        let said: Vec<String> = film.scenes.iter().map(|scene| format!("{}\n{}", scene.spoken, scene.caption)).collect();
        let missing: Vec<String> = if self.order.from_text {
            lost(&self.order.subject, &said.join("\n")).into_iter().map(|fact| fact.text).collect()
        } else {
            Vec::new()
        };
        let cues = cues(&film);
        let scenes: Vec<Value> = film
            .scenes
            .iter()
            .map(|scene| {
                json!({
                    "start": seconds(scene.start_ms),
                    "duration": seconds(scene.duration_ms),
                    "spoken": scene.spoken,
                    "caption": scene.caption,
                    "visual": scene.visual,
                    "image": scene.image,
                })
            })
            .collect();
        let platforms: Vec<Value> = self
            .order
            .platforms
            .iter()
            .map(|platform| json!({"platform": platform.name(), "limit_seconds": self.rules(*platform).video_seconds}))
            .collect();
        let told = json!({
            "scenes": scenes,
            "seconds": seconds(film.duration_ms),
            "words_per_minute": plan.rate,
            "platforms": platforms,
            "srt": srt(&cues),
            "webvtt": webvtt(&cues),
            "lost": missing,
            "degraded": fault.is_some(),
            "reason": fault,
        });
        self.step("script", json!({}));
        Ok(self.told("video_script", told))
    }
}
