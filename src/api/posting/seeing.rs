//! Pictures that posts are about: which model sees them, and the texts that stand in for them.

use serde_json::{Value, json};

use super::{Desk, Outcome};
use crate::cloud::inquire::Asker;
use crate::cloud::route;
use crate::content::draft::{Slot, stand_in};
use crate::content::film;
use crate::content::order::Task;
use crate::content::pictures::{self, alt_room};
use crate::content::sentences::shortened;
use crate::error::Error;

/// The code of an order with pictures that no model sees.
const NO_MODEL: &str = "no_vision_model";

impl Desk<'_> {
    /// Checks what an order asks of models and platforms, before anything is asked or told.
    ///
    /// # Errors
    /// 400: what to change.
    pub fn check(&self) -> Result<(), Error> {
        let (order, rules) = (self.order, |platform| self.rules(platform));
        if order.task == Task::Video {
            film::check_platforms(order, &rules)?;
        } else {
            pictures::check(order.pictures.len(), &order.platforms, &rules)?;
        }
        if order.pictures.is_empty() { Ok(()) } else { self.seeing().map(|_| ()) }
    }

    /// The model that sees the order's pictures: the one that is named, else the one that usually writes, else the best that does see.
    ///
    /// # Errors
    /// 400 when there is none: what to change.
    pub(super) fn seeing(&self) -> Result<String, Error> {
        let Asker { config, caller, .. } = self.door.asker;
        let models = &config.models;
        let refused = |param: &'static str, message: String| Err(Error::invalid(NO_MODEL, param, message).final_word());
        let Some(best) = models.seeing(|id| caller.may(config, id)) else {
            let message = "No model that this key may call sees pictures. Leave `images` out, or have the operator name a model that does: in MODELS, with \
                           `vision` among its `capabilities`.";
            return refused("images", message.to_owned());
        };
        match &self.order.model {
            Some(named) if route::is_auto(named) || models.sees(named) => Ok(named.clone()),
            Some(_) => refused(
                "model",
                format!("The model does not see pictures. Name one that does, such as `{best}`, or `auto`, or leave `images` out."),
            ),
            None => {
                let usual = self.model();
                let able = models.sees(&usual) && caller.may(config, &usual) || route::is_auto(&usual);
                Ok(if able { usual } else { best.to_owned() })
            }
        }
    }

    /// A place for the alternative text of each picture.
    pub(super) fn alternatives(&self) -> Vec<Slot> {
        let slot = |number| Slot { key: format!("image_{number}"), platform: None, variant: number, source: String::new() };
        (1..=self.order.pictures.len()).map(slot).collect()
    }

    /// What an answer says of each picture.
    pub(super) fn described(&self, outcomes: Vec<Outcome>) -> Vec<Value> {
        let count = outcomes.len();
        let of = |(place, Outcome { draft, fault }): (usize, Outcome)| {
            // Code does not see: it says what is known of the picture.
            let about = || format!("Picture {} of {count}: {}", place.saturating_add(1), stand_in(self.order).replace('\n', " "));
            let alt = draft.map(|draft| draft.text).filter(|text| !text.is_empty());
            let alt = alt.unwrap_or_else(|| shortened(&self.in_brand(&about()), self.alt_room()));
            json!({"alt": alt, "length": alt.chars().count(), "degraded": fault.is_some(), "reason": fault})
        };
        outcomes.into_iter().enumerate().map(of).collect()
    }

    /// How long an alternative text may be, in characters.
    pub(super) fn alt_room(&self) -> usize {
        alt_room(&self.order.platforms, &|platform| self.rules(platform))
    }

    fn in_brand(&self, text: &str) -> String {
        crate::content::compose::enforced(self.brand.as_ref(), text)
    }
}
