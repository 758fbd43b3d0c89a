//! Percentiles and the little JSON that the programs print.

/// The value below which `share` of the sorted values lie (nearest rank); 0 when there are none.
pub fn percentile(sorted: &[u64], share: f64) -> u64 {
    if sorted.is_empty() {
        return 0;
    }
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// `{"p50":…,"p95":…,"p99":…}` of values in any order.
pub fn percentiles(mut values: Vec<u64>) -> String {
    values.sort_unstable();
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| percentile(&values, share));
    format!(r#"{{"p50":{p50},"p95":{p95},"p99":{p99}}}"#)
}

/// Text as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if (control as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!([0.5, 0.95, 0.99].map(|share| percentile(&values, share)), [50, 95, 99]);
        assert_eq!(percentile(&[7], 0.99), 7);
        assert_eq!(percentile(&[], 0.5), 0);
    }

    #[test]
    fn quotes_what_json_forbids() {
        assert_eq!(quoted("a\"b\\c\n"), r#""a\"b\\c\u000a""#);
    }
}
