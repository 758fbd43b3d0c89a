//! A tenant's own intents, from a few examples each: the nearest mean of the examples' embeddings, and the nearest example.

use super::embedding::{DIMENSIONS, Vector, cosine, unit};
use super::linear::{Calibration, Classified};

/// How cosines become probabilities. Measured on the built-in intents' examples, ten of each given as a tenant would give them, the others told
/// (`edge-eval train` prints it); above the threshold nine of ten answers are right there.
pub const CALIBRATION: Calibration = Calibration { temperature: 0.057, none: 0.2, least: 0.81 };

/// The classes of a tenant.
#[derive(Clone, Debug, Default)]
pub struct Centroids {
    classes: Vec<Class>,
}

#[derive(Clone, Debug)]
struct Class {
    centre: Vector,
    examples: Vec<Vector>,
}

impl Centroids {
    /// Classes from the embeddings of their examples, in the order given. A class without a known word is never guessed before others.
    pub fn of<'e>(classes: impl IntoIterator<Item = &'e [Vector]>) -> Self {
        let class = |examples: &[Vector]| {
            let mut centre = [0.0; DIMENSIONS];
            for example in examples {
                centre.iter_mut().zip(example).for_each(|(sum, value)| *sum += value);
            }
            unit(&mut centre);
            Class { centre, examples: examples.to_vec() }
        };
        Self { classes: classes.into_iter().map(class).collect() }
    }

    /// The score of each class: the mean of the cosine with its centre and the highest with an example of it.
    pub fn scores(&self, vector: &Vector) -> Vec<f32> {
        let score = |class: &Class| {
            let nearest = class.examples.iter().map(|example| cosine(example, vector)).fold(-1.0, f32::max);
            f32::midpoint(cosine(&class.centre, vector), nearest)
        };
        self.classes.iter().map(score).collect()
    }

    /// The class of a text, by its number.
    pub fn classify(&self, vector: &Vector) -> Classified<usize> {
        Classified::from_scores(self.scores(vector).into_iter().enumerate(), CALIBRATION)
    }
}
