//! What has run: how long each instance did, and what runs of the application that was not started here.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use super::Supervisor;
use super::kept::What;
use crate::protocol::{Count, Ran};
use crate::restart::Run;

/// Runs that ended longer ago are forgotten.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// The most that are remembered of one instance: more than a crash loop makes in a day.
const MOST: usize = 4096;
/// A process has fewer ancestors than this.
const DEEPEST: usize = 64;

/// Runs that have ended, as times since the supervisor began, by the instance.
#[derive(Default)]
pub(super) struct Runs(BTreeMap<String, VecDeque<Run>>);

impl Runs {
    /// One has ended.
    pub fn add(&mut self, name: &str, run: Run) {
        let runs = self.0.entry(name.to_owned()).or_default();
        let old = |past: &Run| run.ended.saturating_sub(past.ended) > KEPT;
        while runs.len() >= MOST || runs.front().is_some_and(old) {
            runs.pop_front();
        }
        runs.push_back(run);
    }

    /// How long each ran from `from` to `now`. `going` are those that run, with when they began.
    fn within(
        &self,
        going: impl Iterator<Item = (String, Duration)>,
        from: Duration,
        now: Duration,
    ) -> BTreeMap<String, Ran> {
        let mut all: BTreeMap<String, Ran> = BTreeMap::new();
        let part = |started: Duration, ended: Duration| ended.saturating_sub(started.max(from));
        for (name, runs) in &self.0 {
            let whole: Duration = runs.iter().map(|run| part(run.started, run.ended)).sum();
            if !whole.is_zero() {
                all.entry(name.clone()).or_default().whole = whole;
            }
        }
        for (name, started) in going {
            let ran = all.entry(name).or_default();
            ran.whole += part(started, now);
            ran.now = true;
        }
        all
    }
}

impl<R: FnOnce(&str)> Supervisor<R> {
    /// What ran within so long before now.
    pub(super) fn count(&self, within: Duration) -> Count {
        let now = self.began.elapsed();
        let within = within.min(now).min(KEPT);
        let going = self.kept.iter().filter_map(|(name, kept)| {
            let since = kept.since()?.duration_since(self.began);
            matches!(kept.what, What::Instance(_)).then(|| (name.clone(), since))
        });
        Count {
            within,
            instances: self.ran.within(going, now.saturating_sub(within), now),
            strays: strays(&self.plan.layout.bin()),
        }
    }
}

/// Processes that run a program of this folder, other than Avouch itself, and have no ancestor in this process. Those that
/// may not be looked at are not seen.
fn strays(folder: &Path) -> Vec<u32> {
    let (Ok(folder), Ok(entries)) = (folder.canonicalize(), std::fs::read_dir("/proc")) else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| runs_from(*pid, &folder) && is_foreign(*pid))
        .collect()
}

fn runs_from(pid: u32, folder: &Path) -> bool {
    let Ok(program) = std::fs::read_link(format!("/proc/{pid}/exe")) else {
        return false;
    };
    // One that was replaced since it was started is still that program.
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    program.starts_with(folder) && name.trim_end_matches(" (deleted)") != "avouch"
}

/// Whether none of its ancestors is this process. One that has gone meanwhile is nobody's.
fn is_foreign(pid: u32) -> bool {
    let mut at = pid;
    for _ in 0..DEEPEST {
        match parent(at) {
            None => return false,
            Some(own) if own == std::process::id() => return false,
            Some(0) => return true,
            Some(above) => at = above,
        }
    }
    true
}

fn parent(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything; the parent is the second field after it.
    let (_, after) = status.rsplit_once(')')?;
    after.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn run(started: u32, ended: u32) -> Run {
        Run {
            started: SECOND * started,
            ended: SECOND * ended,
        }
    }

    #[test]
    fn only_what_lies_in_the_time_is_counted_and_what_runs_counts_until_now() {
        let mut runs = Runs::default();
        runs.add("hillside", run(0, 10));
        runs.add("hillside", run(20, 30));
        runs.add("riverside", run(0, 5));
        let going = [("hillside".to_owned(), SECOND * 40)];
        let seen = runs.within(going.into_iter(), SECOND * 8, SECOND * 45);
        let whole = SECOND * (2 + 10 + 5);
        assert_eq!(
            seen.into_iter().collect::<Vec<_>>(),
            [("hillside".to_owned(), Ran { whole, now: true })]
        );
    }

    #[test]
    fn runs_are_remembered_for_a_day_and_never_too_many() {
        let mut runs = Runs::default();
        runs.add("a", run(0, 10));
        let later = 11 + u32::try_from(KEPT.as_secs()).unwrap();
        runs.add("a", run(later - 1, later));
        assert_eq!(runs.0["a"].len(), 1);
        for _ in 0..MOST + 9 {
            runs.add("a", run(later, later));
        }
        assert_eq!(runs.0["a"].len(), MOST);
    }

    #[test]
    fn a_process_of_ones_own_is_no_stray_and_neither_is_one_that_has_gone() {
        assert!(!is_foreign(u32::MAX));
        let parent = parent(std::process::id()).unwrap();
        assert!(is_foreign(parent));
    }
}
