//! CPU time of another process, from /proc.

use std::collections::HashMap;
use std::fs;

/// What the process has used up to a moment.
pub struct Sample {
    /// Nanoseconds by thread, as the scheduler counts them.
    threads: HashMap<u32, u64>,
    /// Nanoseconds of the whole process, counted in ticks of 10 ms, threads that have ended included.
    process: u64,
}

impl Sample {
    pub fn take(pid: u32) -> Option<Self> {
        Some(Self { threads: threads(pid).unwrap_or_default(), process: process(pid)? })
    }

    /// Nanoseconds used since an earlier sample.
    ///
    /// A block of the benchmark takes a few tenths of a second, of which a tick is some percent, so the scheduler's figures are used
    /// where the kernel keeps them. A thread that has ended takes its figure with it; then the coarse one is the true one.
    pub fn since(&self, earlier: &Self) -> u64 {
        let complete = !earlier.threads.is_empty() && earlier.threads.keys().all(|thread| self.threads.contains_key(thread));
        if complete {
            self.threads.values().sum::<u64>().saturating_sub(earlier.threads.values().sum())
        } else {
            self.process.saturating_sub(earlier.process)
        }
    }
}

fn threads(pid: u32) -> Option<HashMap<u32, u64>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let entry = entry.ok()?;
        let thread = entry.file_name().to_str()?.parse().ok()?;
        let text = fs::read_to_string(entry.path().join("schedstat")).ok()?;
        found.insert(thread, text.split_whitespace().next()?.parse().ok()?);
    }
    Some(found)
}

fn process(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold spaces; user and system time are fields 14 and 15.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    // A tick is 10 ms on every Linux that workerd is built for.
    Some((user + system) * 10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_work() {
        let pid = std::process::id();
        let before = Sample::take(pid).unwrap();
        let mut state = 1_u64;
        while Sample::take(pid).unwrap().since(&before) < 20_000_000 {
            state = std::hint::black_box(state.wrapping_mul(3));
        }
    }

    #[test]
    fn an_ended_thread_leaves_the_coarse_figure() {
        let earlier = Sample { threads: HashMap::from([(1, 5), (2, 7)]), process: 10_000_000 };
        let ended = Sample { threads: HashMap::from([(1, 6)]), process: 30_000_000 };
        let begun = Sample { threads: HashMap::from([(1, 6), (2, 7), (3, 4)]), process: 30_000_000 };
        assert_eq!(ended.since(&earlier), 20_000_000);
        assert_eq!(begun.since(&earlier), 5);
    }
}
