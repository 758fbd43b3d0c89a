//! The trainer: one linear support vector machine a class, by dual coordinate descent (Hsieh et al. 2008, squared hinge loss), and the file that
//! the Worker reads. Seeded; the same examples give the same bytes.

use maya_edge::edge::embedding::DIMENSIONS;
use maya_edge::edge::features::{EMBEDDING_WEIGHT, Features};
use maya_edge::edge::linear::{Calibration, Linear};
use maya_edge::edge::ngrams::BUCKETS;

/// A text that is learnt from.
#[derive(Clone, Debug)]
pub struct Example {
    /// What the classifier sees of it.
    pub features: Features,
    /// Its class; none when it belongs to no class.
    pub class: Option<usize>,
    /// What an error costs here, against 1 elsewhere.
    pub weight: f32,
}

impl Example {
    /// An example of weight 1.
    pub fn of(text: &str, class: Option<usize>) -> Self {
        Self { features: Features::of(text), class, weight: 1.0 }
    }
}

/// What is chosen by cross-validation.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The price of an error.
    pub cost: f32,
    /// How much the embedding weighs against the grams.
    pub embedding: f32,
    /// Times that all examples are looked at.
    pub rounds: usize,
}

/// The settings of what is shipped.
pub const SETTINGS: Settings = Settings { cost: 1.0, embedding: EMBEDDING_WEIGHT, rounds: 20 };

/// Weights of grams, then of dimensions, then the bias.
type Weights = Vec<f32>;

/// xorshift64*: enough to shuffle.
pub struct Chance(pub u64);

impl Chance {
    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    /// Puts things into another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at + 1));
        }
    }
}

fn dot(weights: &Weights, features: &Features, embedding: f32) -> f32 {
    let grams: f32 = features.grams.iter().map(|(place, value)| weights[usize::from(*place)] * value).sum();
    let dense: f32 = weights[BUCKETS..].iter().zip(&features.embedding).map(|(weight, value)| weight * value).sum();
    grams + embedding * dense + weights[BUCKETS + DIMENSIONS]
}

/// One class against all others.
fn binary(examples: &[Example], class: usize, settings: Settings) -> Weights {
    let mut weights = vec![0.0; BUCKETS + DIMENSIONS + 1];
    let mut alphas = vec![0.0f32; examples.len()];
    let soft = |example: &Example| 0.5 / (settings.cost * example.weight);
    let square = |example: &Example| {
        let dense: f32 = example.features.embedding.iter().map(|value| value * value).sum();
        let grams: f32 = example.features.grams.iter().map(|(_, value)| value * value).sum();
        grams + settings.embedding.powi(2) * dense + 1.0 + soft(example)
    };
    let squares: Vec<f32> = examples.iter().map(square).collect();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut chance = Chance(0x5EED + class as u64);
    for _ in 0..settings.rounds {
        chance.shuffle(&mut order);
        for &at in &order {
            let features = &examples[at].features;
            let sign = if examples[at].class == Some(class) { 1.0 } else { -1.0 };
            let gradient = sign * dot(&weights, features, settings.embedding) - 1.0 + soft(&examples[at]) * alphas[at];
            let alpha = (alphas[at] - gradient / squares[at]).max(0.0);
            let change = (alpha - alphas[at]) * sign;
            if change == 0.0 {
                continue;
            }
            alphas[at] = alpha;
            for (place, value) in &features.grams {
                weights[usize::from(*place)] += change * value;
            }
            for (weight, value) in weights[BUCKETS..].iter_mut().zip(&features.embedding) {
                *weight += change * settings.embedding * value;
            }
            weights[BUCKETS + DIMENSIONS] += change;
        }
    }
    weights
}

/// Trains a classifier and writes it as the Worker reads it, with a byte a weight. It is not calibrated yet.
pub fn train(examples: &[Example], classes: usize, settings: Settings) -> Vec<u8> {
    let all: Vec<Weights> = (0..classes).map(|class| binary(examples, class, settings)).collect();
    let step = |weights: &[f32]| weights.iter().fold(1e-9f32, |most, weight| most.max(weight.abs())) / 127.0;
    let steps: Vec<(f32, f32)> = all.iter().map(|of| (step(&of[..BUCKETS]), step(&of[BUCKETS..BUCKETS + DIMENSIONS]))).collect();
    let mut file = b"MAYALIN1".to_vec();
    file.extend((classes as u32).to_le_bytes());
    file.extend([0; 12]);
    for (of, (grams, dense)) in all.iter().zip(&steps) {
        for value in [*grams, dense * settings.embedding / EMBEDDING_WEIGHT, of[BUCKETS + DIMENSIONS]] {
            file.extend(value.to_le_bytes());
        }
    }
    for at in 0..BUCKETS + DIMENSIONS {
        for (of, (grams, dense)) in all.iter().zip(&steps) {
            let step = if at < BUCKETS { grams } else { dense };
            file.push(((of[at] / step).round() as i8).cast_unsigned());
        }
    }
    calibrate(&mut file, Calibration { temperature: 0.3, none: -100.0, least: 0.5 });
    file
}

/// Writes a calibration into a file.
pub fn calibrate(file: &mut [u8], calibration: Calibration) {
    let values = [calibration.temperature, calibration.none, calibration.least];
    file[12..24].copy_from_slice(&values.map(f32::to_le_bytes).concat());
}

/// Reads a file that `train` has made.
pub fn read(file: &[u8]) -> Linear<'_> {
    Linear::read(file).expect("a trained file is one")
}
