//! Base64 for URLs, without padding (RFC 4648 section 5).

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Whether a byte is one of the alphabet's.
pub fn letter(byte: u8) -> bool {
    LETTERS.contains(&byte)
}

/// Bytes as text.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let sixes = [bits >> 18, bits >> 12, bits >> 6, bits].into_iter().take(group.len().saturating_add(1));
        text.extend(sixes.filter_map(|six| LETTERS.get((six & 63) as usize)).copied().map(char::from));
    }
    text
}
