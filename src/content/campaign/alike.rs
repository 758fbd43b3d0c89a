//! Posts that say the same. A reader of one platform must not meet a post twice; that a thing is said on several platforms is what a
//! campaign is for. So posts are compared within their platform.

use crate::content::platform::Platform;
use crate::edge::embedding::{Vector, cosine, embed};

/// From which likeness (cosine) on two posts say the same. Of the pairs in `tests/fixtures/alike.json`, those that say the same in other words
/// are alike by 0.88 to 1, and different posts of one campaign by 0.27 to 0.51; nearer to the former, for the embedding does not know the
/// order of words and a post must not be rewritten for its subject.
pub const ALIKE: f32 = 0.80;

/// Posts in their order in time that are like an earlier one on their platform: the place of each, and of that one. What is like a
/// duplicate alone is none.
pub fn alike(posts: &[(usize, Platform, &str)]) -> Vec<(usize, usize)> {
    let mut own: Vec<(usize, Platform, Vector)> = Vec::with_capacity(posts.len());
    let mut found = Vec::new();
    for (place, platform, text) in posts {
        let vector = embed(text);
        let earlier = own.iter().find(|(_, other, known)| other == platform && cosine(known, &vector) >= ALIKE);
        match earlier {
            Some((first, ..)) => found.push((*place, *first)),
            None => own.push((*place, *platform, vector)),
        }
    }
    found
}
