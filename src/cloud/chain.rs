//! The models that may answer a request: the one that is asked for, then those that stand in for it, in order.

use super::models::{Capability, Models, Resolved};

/// The most models that are asked for one request.
pub const MOST: usize = 3;
/// The most fallbacks that are followed: links that are passed over lead on, and may lead around.
const MOST_LINKS: usize = 8;

/// The models, the one that is asked for first.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'m> {
    models: [Option<Resolved<'m>>; MOST],
}

/// What a model that stands in must be able to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// To see pictures.
    pub pictures: bool,
    /// To read so many tokens, if it is known how many it can read.
    pub input_tokens: u64,
}

impl Needs {
    fn met_by(self, model: Resolved<'_>) -> bool {
        let sees = model.row.is_some_and(|row| row.capabilities.contains(&Capability::Vision));
        let reads = model.row.and_then(|row| row.context_tokens).is_none_or(|most| self.input_tokens <= u64::from(most));
        (sees || !self.pictures) && reads
    }
}

impl<'m> Chain<'m> {
    /// A model alone.
    pub fn of_one(model: Resolved<'m>) -> Self {
        Self { models: [Some(model), None, None] }
    }

    /// A model, its fallback, that one's fallback, and so on, each once: those that can do what is needed and that the caller may call.
    /// Whether the first one can, and may be called, is said elsewhere.
    pub fn of(models: &'m Models, first: Resolved<'m>, needs: Needs, may_call: impl Fn(&str) -> bool) -> Self {
        let mut chain = Self::of_one(first);
        let mut last = first;
        for _ in 0..MOST_LINKS {
            let Some(fallback) = last.row.and_then(|row| row.fallback.as_deref()) else { break };
            last = models.resolve(fallback);
            if chain.models().any(|known| known.id == last.id) {
                break;
            }
            if needs.met_by(last) && may_call(last.id) {
                let Some(free) = chain.models.iter_mut().find(|place| place.is_none()) else { break };
                *free = Some(last);
            }
        }
        chain
    }

    /// The models in their order.
    pub fn models(&self) -> impl Iterator<Item = Resolved<'m>> {
        self.models.into_iter().flatten()
    }

    /// The model at a place.
    pub fn get(&self, place: usize) -> Option<Resolved<'m>> {
        self.models.get(place).copied().flatten()
    }
}
