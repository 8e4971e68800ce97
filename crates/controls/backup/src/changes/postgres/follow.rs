//! Following a server: asking several times a second where its log ends, and copying what has come of it.

use std::{
    convert::Infallible,
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    FollowServer, arriving,
    link::{Link, Places},
    receive::{Receiver, clear, image},
    slot,
};
use crate::changes::{
    BASE, Beat, ChangesError, Facts,
    beat::Closes,
    generation::{Generation, Image},
    leftovers,
    log::Seen,
    reckoning::{Clock, Reckoning},
    resume::{Left, left},
    room,
};

/// How often the server is asked.
const LOOK: Duration = Duration::from_millis(250);

/// How often the rest is seen to: files of the log that are not needed any more, a word that all is well.
const TEND: SignedDuration = SignedDuration::from_secs(1);

/// How often it is looked whether there is room for more.
const ROOM: SignedDuration = SignedDuration::from_mins(1);

/// An image that takes longer is spoken of.
const SLOW: SignedDuration = SignedDuration::from_hours(1);

/// What a page of the log is counted as.
const PAGE: u32 = 8192;

/// Follows a server, until that does not go on; and then says why. Whoever follows it next goes on where it was left, if the
/// server has kept its log from there on, or begins a new generation.
pub async fn follow(what: &FollowServer, clock: &dyn Clock) -> ChangesError {
    match following(what, clock).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn following(what: &FollowServer, clock: &dyn Clock) -> Result<Infallible, ChangesError> {
    let mut follower = Follower::begin(what, clock).await?;
    loop {
        follower.look().await?;
        follower.tend().await?;
        tokio::time::sleep(LOOK).await;
    }
}

/// Where the server's log ended when it was asked.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// Before it was asked: whatever was committed by then lies before the end.
    from: Timestamp,
    /// After it had answered: whatever lies before the end was written by then.
    at: Timestamp,
    end: u64,
}

struct Follower<'a> {
    what: &'a FollowServer,
    clock: &'a dyn Clock,
    /// By which clock the times are noted.
    by: Option<Reckoning>,
    link: Link,
    receiver: Receiver,
    arriving: PathBuf,
    /// The log has been copied up to this place.
    copied: u64,
    /// A look whose end has not come over yet.
    waiting: Option<Look>,
    /// The generation that counts.
    current: Option<(Generation, u64)>,
    /// The one whose image is being made.
    rising: Option<(Generation, Image)>,
    /// When it was seen that the image is made.
    made: Option<Timestamp>,
    /// Everything committed before this moment has been copied.
    looked: Timestamp,
    closes: Closes,
    tended: Timestamp,
    room: (Timestamp, Option<String>),
    /// Bytes of the server's databases, when that was asked last.
    size: u64,
    /// Held, so that nobody else writes here.
    _lock: File,
}

impl<'a> Follower<'a> {
    async fn begin(what: &'a FollowServer, clock: &'a dyn Clock) -> Result<Self, ChangesError> {
        let arriving = arriving(&what.folder);
        for folder in [&what.folder, &arriving] {
            fs::create_dir_all(folder)
                .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)))
                .map_err(ChangesError::io("create", folder))?;
        }
        let at = what.folder.join("lock");
        let lock = File::create(&at).map_err(ChangesError::io("create", &at))?;
        lock.try_lock()
            .map_err(|error| ChangesError::io("lock", &at)(error.into()))?;
        leftovers::clear(&what.folder)?;
        let slot = slot(&what.folder);
        let mut link = Link::open(&what.server, &slot).await?;
        let now = micros(clock.now());
        let by = what.boot.as_deref();
        let by = by.and_then(|boot| Reckoning::of(boot, clock));
        let size = link.size().await?;
        room::must_have(&what.folder, 0, size)?;
        link.free().await?;
        let places = link.places().await?;
        let left = left(&what.folder)?.filter(|left| {
            left.is_before(now, by.as_ref(), what.last.as_deref())
                && left.facts.cluster.as_ref() == Some(&link.cluster)
                && left.facts.database == what.server.database
        });
        let left = left.and_then(|left| {
            let reached = left.reached?;
            let kept = |arrived: u64| {
                arrived <= reached || link.cluster.segments().has(&arriving, reached)
            };
            (places.end >= reached && places.arrived.is_some_and(kept)).then_some((left, reached))
        });
        let copied = match &left {
            Some((_, reached)) => *reached,
            None => anew(&mut link, &arriving).await?,
        };
        let receiver = Receiver::start(&link.at, &slot, &arriving, &what.server.database)
            .map_err(link.failed())?;
        let mut follower = Self {
            what,
            clock,
            by,
            link,
            receiver,
            arriving,
            copied,
            waiting: None,
            current: None,
            rising: None,
            made: None,
            looked: now,
            closes: Closes::default(),
            tended: now,
            room: (now, None),
            size,
            _lock: lock,
        };
        match left {
            Some((left, _)) => follower.go_on(&left, now)?,
            None => {
                room::must_have(&follower.what.folder, size, size)?;
                follower.raise()?;
            }
        }
        Ok(follower)
    }

    /// Goes on with what another has left.
    fn go_on(&mut self, left: &Left, now: Timestamp) -> Result<(), ChangesError> {
        let folder = &self.what.folder;
        let generation = Generation::resume(folder, left, now, self.by.clone())?;
        // What a follower that was ended had said of its files.
        self.closes.remember(Beat::read(folder).unwrap_or_default());
        self.closes.closed(generation.closed_hash());
        let image = fs::metadata(left.folder.join(BASE))
            .map_err(ChangesError::io("read", &left.folder))?
            .len();
        self.looked = left.up_to;
        self.current = Some((generation, image));
        Ok(())
    }

    /// Begins a generation. Its log begins with the file that is being written, for the image will begin in that or later.
    fn raise(&mut self) -> Result<(), ChangesError> {
        let segments = self.link.cluster.segments();
        let mut generation = Generation::begin(
            &self.what.folder,
            self.looked,
            self.what.last.as_deref(),
            self.by.clone(),
        )?;
        let from = segments.start(self.copied);
        segments
            .read(&self.arriving, from, self.copied, |at, bytes| {
                generation.wal(at, bytes)
            })
            .map_err(ChangesError::io("read", &self.arriving))??;
        generation.reached(self.copied)?;
        generation.seen(Seen {
            pages: 1,
            ..Seen::quiet(self.looked)
        })?;
        let image = generation.image(image(&self.link.at));
        self.made = None;
        self.rising = Some((generation, image));
        Ok(())
    }

    /// Asks once, and copies what has come.
    async fn look(&mut self) -> Result<(), ChangesError> {
        let from = micros(self.clock.now());
        if from < self.looked {
            // A clock that is put right by a little is waited for.
            if self.looked.duration_since(from) < TEND {
                return Ok(());
            }
            return Err(ChangesError::Clock {
                before: self.looked,
                now: from,
            });
        }
        if let Some(by) = &self.by
            && let Some(found) = Reckoning::of(&by.boot, self.clock)
            && found.was_set(by)
        {
            return Err(ChangesError::Clock {
                before: from - found.began.duration_since(by.began),
                now: from,
            });
        }
        self.receiver.must_run().await.map_err(self.link.failed())?;
        let Places { end, arrived } = self.link.places().await?;
        let Some(arrived) = arrived else {
            return Err(
                self.broken("the server has not kept it for so long, or its slot was taken away")
            );
        };
        let now = Look {
            from,
            at: micros(self.clock.now()).max(from),
            end,
        };
        if let Some(waiting) = self.waiting.take_if(|look| look.end <= arrived) {
            self.catch_up(waiting)?;
        }
        match self.waiting {
            None if end <= arrived || end == self.copied => self.catch_up(now),
            None => {
                self.waiting = Some(now);
                Ok(())
            }
            // The end of it is not on the server's own disk, since nobody there waits for that.
            Some(look) if look.end == end && from.duration_since(look.from) >= TEND => {
                self.waiting = Some(now);
                self.link.nudge().await
            }
            Some(_) => Ok(()),
        }
    }

    /// Copies everything before the end of the log at a look, all of which has come over.
    fn catch_up(&mut self, look: Look) -> Result<(), ChangesError> {
        if look.end < self.copied {
            return Err(self.broken("it ends before what was copied of it"));
        }
        let before = self.looked;
        if look.end > self.copied {
            self.closes.changed(before);
            // Before what is new, so that a file that ends in it tells until when nothing had changed.
            for generation in self.generations().filter(|one| one.up_to < before) {
                generation.seen(Seen::quiet(before))?;
            }
            let (current, rising) = (&mut self.current, &mut self.rising);
            let segments = self.link.cluster.segments();
            segments
                .read(&self.arriving, self.copied, look.end, |at, bytes| {
                    let current = current.iter_mut().map(|(one, _)| one);
                    let mut all = current.chain(rising.iter_mut().map(|(one, _)| one));
                    all.try_for_each(|generation| generation.wal(at, bytes))
                })
                .map_err(ChangesError::io("read", &self.arriving))??;
            for generation in self.generations() {
                generation.reached(look.end)?;
                generation.seen(Seen {
                    from: look.from,
                    at: look.at,
                    pages: 1,
                    // Transactions say themselves when they ended: they are told apart however seldom it is looked.
                    apart_ms: 0,
                })?;
            }
            self.copied = look.end;
        }
        self.looked = look.from.max(before);
        Ok(())
    }

    fn generations(&mut self) -> impl Iterator<Item = &mut Generation> {
        let current = self.current.iter_mut().map(|(generation, _)| generation);
        current.chain(self.rising.iter_mut().map(|(generation, _)| generation))
    }

    /// Sees to the rest, about once a second.
    async fn tend(&mut self) -> Result<(), ChangesError> {
        if self
            .rising
            .as_ref()
            .is_some_and(|(_, image)| image.is_finished())
        {
            let made = *self.made.get_or_insert_with(|| micros(self.clock.now()));
            // What the server wrote while it gave the image is in the log before the generation counts.
            if self.looked > made {
                self.change_over()?;
            }
        }
        if self.looked.duration_since(self.tended) < TEND {
            return Ok(());
        }
        self.tended = self.looked;
        clear(&self.arriving, self.link.cluster.segments(), self.copied)?;
        if let Some((generation, _)) = &mut self.current {
            generation.close_if_due(self.looked, self.what.close_after, &mut self.closes)?;
        }
        self.begin_what_is_due().await?;
        let current = self.current.as_ref().map(|(generation, _)| generation);
        let beat = Beat {
            generation: current.map(|generation| generation.name.clone()),
            log: current.map(Generation::hash),
            up_to: self.looked,
            closes: self.closes.told(self.looked),
            count: self.copied,
            trouble: self.room.1.clone().or_else(|| self.is_slow()),
        };
        beat.write(&self.what.folder)
    }

    /// What is to be said of an image that is not made for so long.
    fn is_slow(&self) -> Option<String> {
        let (rising, _) = self.rising.as_ref()?;
        let since = rising.began;
        (self.looked.duration_since(since) >= SLOW).then(|| {
            format!(
                "the server has been giving an image since {since}; if its `archive_mode` is on, it waits for its own \
                 `archive_command`, so see whether that goes well"
            )
        })
    }

    /// The image is made: from now on its generation counts, and the one before ends.
    fn change_over(&mut self) -> Result<(), ChangesError> {
        let Some((generation, image)) = self.rising.take() else {
            return Ok(());
        };
        let facts = Facts {
            database: self.what.server.database.clone(),
            page_size: PAGE,
            mode: 0o600,
            complete: self.looked,
            follows: None,
            image: String::new(),
            cluster: Some(self.link.cluster.clone()),
        };
        let last = Seen::quiet(self.looked);
        generation.change_over(image, facts, last, &mut self.current, &mut self.closes)
    }

    /// Begins the next generation, if its time has come and there is room; sees in any case that there still is some.
    async fn begin_what_is_due(&mut self) -> Result<(), ChangesError> {
        let Some((generation, image)) = &self.current else {
            return Ok(());
        };
        let due = generation.is_over(*image, self.looked, self.what.generation);
        let looked_for_room = self.looked.duration_since(self.room.0) < ROOM;
        if !looked_for_room {
            self.room = (self.looked, None);
            self.size = self.link.size().await?;
            room::must_have(&self.what.folder, 0, self.size)?;
        }
        if !due || self.rising.is_some() || (looked_for_room && self.room.1.is_some()) {
            return Ok(());
        }
        match room::must_have(&self.what.folder, self.size, self.size) {
            Ok(()) => self.raise(),
            Err(error @ (ChangesError::NoRoom { .. } | ChangesError::TooMuch { .. })) => {
                let next = self.looked + ROOM;
                let why = format!("no new image can be made: {error}; it is tried again at {next}");
                self.room = (self.looked, Some(why));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn broken(&self, why: &str) -> ChangesError {
        ChangesError::Broken {
            database: self.what.server.database.clone(),
            why: why.to_owned(),
        }
    }
}

/// Lets the server keep its log for a new slot; from where on.
async fn anew(link: &mut Link, arriving: &PathBuf) -> Result<u64, ChangesError> {
    link.drop_slot().await?;
    fs::remove_dir_all(arriving)
        .and_then(|()| fs::create_dir(arriving))
        .map_err(ChangesError::io("empty", arriving))?;
    link.make_slot().await?;
    Ok(link.cluster.segments().start(link.places().await?.end))
}

/// To the microsecond, as a log keeps it: what is compared with that must not be finer.
fn micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
