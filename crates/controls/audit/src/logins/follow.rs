//! What is new in the machine's record of logins, given what the trail has of it already.
//!
//! Nothing is kept beside the trail: what was told is read back from it at each start, and whatever is told is remembered only
//! once it is there. So each line is told once, however often the service or the machine stops.

use std::collections::HashSet;

use super::record::{Digest, Kind, Login, RECORD, records};

/// What the trail has of the record.
#[derive(Debug, Default)]
pub struct Followed {
    /// The file that was followed last.
    file: Option<u64>,
    /// Its lines, as far as they are known: of some it is known only that there is one.
    known: Vec<Option<Digest>>,
    /// What it held before it lost something, until it holds that again.
    before: Option<Vec<Option<Digest>>>,
    /// Every line that was told.
    told: HashSet<Digest>,
}

/// A file as it is now.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// By which it is known when it has another name: the number of its inode.
    pub file: u64,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// What there is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A line that is not in the trail.
    Line {
        /// In which file.
        file: u64,
        /// Its place there.
        number: usize,
        /// What it is known by.
        digest: Digest,
        /// What it says.
        login: Login,
    },
    /// A line that is in the trail already, and stands in this place now.
    Again {
        /// In which file.
        file: u64,
        /// Its place there.
        number: usize,
        /// What it is known by.
        digest: Digest,
    },
    /// The record begins anew.
    Begun {
        /// The file that it is now; none if there is none.
        file: Option<u64>,
        /// Why.
        why: Began,
    },
}

/// Why a record begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Began {
    /// It was set aside whole, as is done once a month or so.
    Rotated,
    /// It does not hold any more what it held.
    Lost {
        /// Lines that it held.
        had: usize,
        /// Those of them that are still in their place.
        kept: usize,
    },
    /// It holds again what it held before it lost something.
    Restored,
}

/// What is known of a file's lines when they are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knowing {
    /// What was known until now.
    AsItWas,
    /// Nothing: its record has begun anew.
    Nothing,
}

impl Followed {
    /// What there is to tell of the record as it is now (`None`: there is none). `aside` are the files beside it, one of which
    /// may be the record from before; they are asked for only where it is another file now.
    #[must_use]
    pub fn news(&self, now: Option<&Snapshot>, aside: impl FnOnce() -> Vec<Snapshot>) -> Vec<News> {
        let lines: Vec<&[u8; RECORD]> =
            now.map_or_else(Vec::new, |now| records(&now.bytes).collect());
        let kept = kept(&self.known, &lines);
        let file = now.map(|now| now.file);
        let same = file == self.file;
        let aside = if same { Vec::new() } else { aside() };
        let former = aside.iter().find(|former| self.is_former(former));
        let restored = self.before.as_ref();
        if let Some((before, file)) = restored.zip(file)
            && kept_whole(before, &lines)
        {
            let why = Began::Restored;
            let mut news = vec![News::Begun {
                file: Some(file),
                why,
            }];
            news.extend(self.lines(file, &lines, Knowing::Nothing));
            return news;
        }
        if kept == self.known.len() && (same || file.is_some() && former.is_none()) {
            return file.map_or_else(Vec::new, |file| self.lines(file, &lines, Knowing::AsItWas));
        }
        let mut news = Vec::new();
        let why = match former {
            Some(former) => {
                let lines: Vec<_> = records(&former.bytes).collect();
                news.extend(self.lines(former.file, &lines, Knowing::AsItWas));
                Began::Rotated
            }
            None => Began::Lost {
                had: self.known.len(),
                kept,
            },
        };
        // Set aside, and the next not made yet.
        if why == Began::Rotated && file.is_none() {
            return news;
        }
        news.push(News::Begun { file, why });
        let new = file.map(|file| self.lines(file, &lines, Knowing::Nothing));
        news.extend(new.into_iter().flatten());
        news
    }

    /// Takes in what was told, or what the trail says was told, in its order.
    pub fn take(&mut self, news: &News) {
        match *news {
            News::Line {
                file,
                number,
                digest,
                ..
            }
            | News::Again {
                file,
                number,
                digest,
            } => {
                self.file = Some(file);
                if self.known.len() <= number {
                    self.known.resize(number.saturating_add(1), None);
                }
                if let Some(known) = self.known.get_mut(number) {
                    *known = Some(digest);
                }
                self.told.insert(digest);
            }
            News::Begun { file, why } => {
                self.file = file;
                let known = std::mem::take(&mut self.known);
                match why {
                    Began::Rotated => {}
                    Began::Lost { .. } => {
                        self.before.get_or_insert(known);
                    }
                    Began::Restored => self.before = None,
                }
            }
        }
    }

    /// Whether this file is the one that was followed, with all that it held.
    fn is_former(&self, former: &Snapshot) -> bool {
        let lines: Vec<_> = records(&former.bytes).collect();
        Some(former.file) == self.file && kept_whole(&self.known, &lines)
    }

    /// What is to be told, or remembered, of these lines.
    fn lines(&self, file: u64, lines: &[&[u8; RECORD]], knowing: Knowing) -> Vec<News> {
        let mut seen = HashSet::new();
        let news = |(number, line): (usize, &&[u8; RECORD])| {
            let digest = Digest::of(*line);
            let known = knowing == Knowing::AsItWas && Some(file) == self.file;
            if known && self.known.get(number) == Some(&Some(digest)) {
                return None;
            }
            if self.told.contains(&digest) || !seen.insert(digest) {
                return Some(News::Again {
                    file,
                    number,
                    digest,
                });
            }
            Some(News::Line {
                file,
                number,
                digest,
                login: named(lines, number, line),
            })
        };
        lines.iter().enumerate().filter_map(news).collect()
    }
}

/// So many lines stand where they stood.
fn kept(known: &[Option<Digest>], lines: &[&[u8; RECORD]]) -> usize {
    let pairs = known.iter().zip(lines);
    pairs
        .filter(|(known, line)| known.is_none_or(|known| known == Digest::of(line.as_slice())))
        .count()
}

fn kept_whole(known: &[Option<Digest>], lines: &[&[u8; RECORD]]) -> bool {
    kept(known, lines) == known.len()
}

/// What a line says; an end is whose it was that began at the same terminal.
fn named(lines: &[&[u8; RECORD]], number: usize, line: &[u8; RECORD]) -> Login {
    let mut login = Login::of(line);
    if login.kind == Kind::Logout && login.account.is_empty() {
        let earlier = lines.iter().take(number).rev().map(|line| Login::of(line));
        let began = earlier
            .take_while(|earlier| earlier.kind != Kind::Boot)
            .find(|earlier| earlier.terminal == login.terminal);
        if let Some(began) = began.filter(|began| began.kind == Kind::Login) {
            login.account = began.account;
        }
    }
    login
}

#[cfg(test)]
mod tests;
