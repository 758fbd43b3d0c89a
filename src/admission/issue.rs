//! Making of keys: the secret that a caller gets once, and the id that names it from then on.

use sha2::{Digest, Sha256};

use super::keys::hex;
use crate::protocol::base64url;

/// How every key that was made over the API begins.
const PREFIX: &str = "maya_";
/// Random bytes in a key.
pub const SECRET_BYTES: u32 = 32;
/// Random bytes in a key's id.
pub const ID_BYTES: u32 = 6;
/// Random bytes in a tenant's salt.
pub const SALT_BYTES: u32 = 16;
/// Characters of the secret in a key.
const SECRET_LETTERS: usize = 43;
/// Characters of the checksum at a key's end.
const CHECKSUM_LETTERS: usize = 6;
/// Hexadecimal digits in a key's id.
const ID_DIGITS: usize = 12;

/// The longest name of a tenant, in characters.
const LONGEST_TENANT: usize = 64;

fn checksum(rest: &str) -> String {
    base64url::encode(&Sha256::digest(rest.as_bytes())).chars().take(CHECKSUM_LETTERS).collect()
}

/// A key from [`SECRET_BYTES`] random bytes: `maya_`, the bytes, and a checksum, by which a mistyped key is known without a look-up.
pub fn key(secret: &[u8]) -> String {
    let rest = format!("{PREFIX}{}", base64url::encode(secret));
    let checksum = checksum(&rest);
    rest + &checksum
}

/// Whether a text has the form and the checksum of a key that [`key`] has made.
pub fn well_formed(key: &str) -> bool {
    let Some(secret) = key.strip_prefix(PREFIX) else { return false };
    let Some((secret, sum)) = secret.split_at_checked(SECRET_LETTERS) else { return false };
    // The last character carries the last four of 256 bits; the two below them are not set.
    let whole = secret.bytes().last().is_some_and(|last| b"AEIMQUYcgkosw048".contains(&last));
    whole
        && secret.bytes().all(base64url::letter)
        && key.split_at_checked(PREFIX.len().saturating_add(SECRET_LETTERS)).is_some_and(|(rest, _)| checksum(rest) == sum)
}

/// The id of a tenant's key from [`ID_BYTES`] random bytes.
pub fn id(tenant: &str, random: &[u8]) -> String {
    format!("{tenant}.{}", hex(random))
}

/// The tenant that a key's id names; none when it is not the id of a key that was made over the API.
pub fn tenant_of(id: &str) -> Option<&str> {
    let (tenant, random) = id.split_once('.')?;
    let digits = random.len() == ID_DIGITS && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (digits && tenant_name(tenant)).then_some(tenant)
}

/// Whether a tenant may be called so: 1 to 64 letters, digits, `-` and `_`, not beginning with `_`, which is the gateway's own.
pub fn tenant_name(name: &str) -> bool {
    (1..=LONGEST_TENANT).contains(&name.len())
        && !name.starts_with('_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
