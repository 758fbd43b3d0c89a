//! Pictures that posts are about, as the upstream takes them, and the texts that stand in for them.

use std::rc::Rc;

use super::order::wrong;
use super::platform::{Platform, Rules};
use crate::error::Error;

/// Pictures as `data:` URLs.
pub type Pictures = Rc<[String]>;

/// The most pictures: Cerebras takes five a request (its documentation on images, 2026-11).
pub const MOST: usize = 5;
/// The most bytes of all of them as they are written. Cerebras takes 10 MB; a Worker has 128 MB of memory, in which a body lies several times.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The longest alternative text, in characters: what is longer is not listened to.
pub const LONGEST_ALT: usize = 400;

/// The beginnings that Cerebras takes, with what the bytes of such a picture begin with in base64.
const FORMS: [(&str, &str); 2] = [("data:image/png;base64,", "iVBORw0KGgo"), ("data:image/jpeg;base64,", "/9j/")];

/// Checks pictures.
///
/// # Errors
/// 400 naming the one that cannot be.
pub fn checked(given: Vec<String>) -> Result<Pictures, Error> {
    if given.len() > MOST {
        return Err(wrong("images", &format!("has more than {MOST} entries")));
    }
    for (place, url) in given.iter().enumerate() {
        let path = format!("images[{place}]");
        if url.starts_with("https://") || url.starts_with("http://") {
            return Err(wrong(path, "is an address, and Cerebras takes none: send the picture itself, as `data:image/png;base64,…`"));
        }
        let data = FORMS.iter().find_map(|(form, first)| url.strip_prefix(form).map(|data| (data, *first)));
        let Some((data, first)) = data else {
            return Err(wrong(path, "must begin with `data:image/png;base64,` or `data:image/jpeg;base64,`"));
        };
        let plain = data.trim_end_matches('=');
        let is_base64 = plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
        if !is_base64 || data.len().saturating_sub(plain.len()) > 2 || !plain.starts_with(first) {
            return Err(wrong(path, "is not base64 of such a picture"));
        }
    }
    if given.iter().map(String::len).fold(0, usize::saturating_add) > MOST_BYTES {
        return Err(wrong("images", &format!("has more than {MOST_BYTES} bytes in all: send smaller pictures, or fewer")));
    }
    Ok(given.into())
}

/// How long an alternative text may be on all of some platforms, in characters.
pub fn alt_room(platforms: &[Platform], rules: &dyn Fn(Platform) -> Rules) -> usize {
    platforms.iter().filter_map(|platform| rules(*platform).alt).min().unwrap_or(LONGEST_ALT).min(LONGEST_ALT)
}

/// Checks that every platform takes as many pictures.
///
/// # Errors
/// 400 naming the platform that does not.
pub fn check(count: usize, platforms: &[Platform], rules: &dyn Fn(Platform) -> Rules) -> Result<(), Error> {
    for platform in platforms {
        if let Some(most) = rules(*platform).images.filter(|most| count > *most) {
            let what =
                format!("has {count} pictures, and a post on {} has {most} at the most: send fewer, or leave it out", platform.name());
            return Err(wrong("images", &what));
        }
    }
    Ok(())
}
