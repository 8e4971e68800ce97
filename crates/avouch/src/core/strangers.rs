//! What somebody without a sign-in may leave in the trail.
//!
//! Each refusal leaves an event of its own while there is room for it. What finds none is counted, and one event a minute
//! and organisation says how many there were, from how many addresses and of what kinds. So nobody without an account can
//! fill the disk: of each sort there are at most 89,400 events a day (3,000 and one each second), besides one a minute and
//! organisation. An event takes about 1.5 KiB in the ledger and the index together, so that the three sorts take at most some
//! 400 MiB a day, and 2 MiB each for each organisation. The checks' own requests are known by their marks, and always have
//! room.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use avouch_events::{Action, Actor, Event, Outcome};
use avouch_statement::TenantId;
use jiff::Timestamp;

/// Events at once: a whole trust opens its browsers at the change of a shift.
const AT_ONCE: u32 = 3_000;
/// Events beyond those, each second.
const EACH_SECOND: u32 = 1;
/// Events a minute for one address, behind which a whole site may be: no address takes all the room at once.
const EACH_ADDRESS: u32 = 600;
/// Addresses that are told apart within a minute: some hundred KiB.
const ADDRESSES: usize = 10_000;
/// Reasons that are told apart; there are fewer.
const KINDS: usize = 50;

/// What strangers try. Each has room of its own, so that a flood of one does not hide the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// Asking for something.
    Request,
    /// Trying to sign in.
    SignIn,
    /// Connecting, whatever comes of it.
    Connection,
}

/// What has been written of strangers, and what not.
#[derive(Debug, Default)]
pub struct Strangers(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    rooms: BTreeMap<Sort, Room>,
    minute: i64,
    /// Events of this minute by their sort and address.
    written: HashMap<(Sort, IpAddr), u32>,
    untold: BTreeMap<(Sort, Option<TenantId>), Untold>,
}

/// Room for events, which comes back with time.
#[derive(Debug)]
struct Room {
    left: u32,
    since: Timestamp,
}

/// What found no room.
#[derive(Debug, Default)]
struct Untold {
    first: Timestamp,
    times: u64,
    addresses: HashSet<IpAddr>,
    kinds: BTreeMap<String, u64>,
}

impl Strangers {
    /// Whether this refusal is to be written down by itself; if not, it is counted.
    pub fn write(&self, sort: Sort, event: &Event, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = event.source.parse().ok().map(site);
        let fits = seen.has_room_at(address.map(|address| (sort, address)), now)
            && seen.take_room(sort, now);
        if !fits {
            let place = (sort, event.tenant.clone());
            let untold = seen.untold.entry(place).or_insert_with(|| Untold {
                first: now,
                ..Untold::default()
            });
            untold.add(event, address);
        } else if let Some(address) = address {
            *seen.written.entry((sort, address)).or_default() += 1;
        }
        fits
    }

    /// What found no room since the last time, as events; it counts as told from now on.
    pub fn untold(&self, now: Timestamp) -> Vec<Event> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = std::mem::take(&mut seen.untold).into_iter();
        untold
            .map(|((sort, tenant), untold)| untold.event(sort, tenant.as_ref(), now))
            .collect()
    }
}

impl Seen {
    fn has_room_at(&mut self, place: Option<(Sort, IpAddr)>, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(60);
        // Who comes late with the minute before counts with this one; only a clock that was set back goes further.
        if minute != self.minute && minute != self.minute - 1 {
            self.minute = minute;
            self.written.clear();
        }
        match place.and_then(|place| self.written.get(&place)) {
            Some(written) => *written < EACH_ADDRESS,
            None => self.written.len() < ADDRESSES,
        }
    }

    fn take_room(&mut self, sort: Sort, now: Timestamp) -> bool {
        let room = self.rooms.entry(sort).or_insert(Room {
            left: AT_ONCE,
            since: now,
        });
        // A clock that goes back brings no room.
        let seconds = now.duration_since(room.since).as_secs();
        if seconds != 0 {
            let back = u32::try_from(seconds).unwrap_or(0);
            let back = back.saturating_mul(EACH_SECOND);
            room.left = room.left.saturating_add(back).min(AT_ONCE);
            room.since = now;
        }
        match room.left.checked_sub(1) {
            Some(left) => room.left = left,
            None => return false,
        }
        true
    }
}

impl Untold {
    fn add(&mut self, event: &Event, address: Option<IpAddr>) {
        let times = event.parameters.get(TIMES);
        let times = times.and_then(|times| times.parse().ok()).unwrap_or(1);
        self.times = self.times.saturating_add(times);
        if self.addresses.len() <= ADDRESSES {
            self.addresses.extend(address);
        }
        let kind = match event.reason.as_str() {
            "" => "let in",
            reason => reason,
        };
        if self.kinds.len() < KINDS || self.kinds.contains_key(kind) {
            *self.kinds.entry(kind.to_owned()).or_default() += times;
        }
    }

    fn event(self, sort: Sort, tenant: Option<&TenantId>, now: Timestamp) -> Event {
        let (action, object) = match sort {
            Sort::Request => (Action::Request, "requests without a sign-in"),
            Sort::SignIn => (Action::SignIn, "attempts to sign in"),
            Sort::Connection => (Action::Connection, SEVERAL),
        };
        let addresses = match self.addresses.len() {
            many if many > ADDRESSES => format!("more than {ADDRESSES}"),
            some => some.to_string(),
        };
        let kinds: Vec<String> = self
            .kinds
            .iter()
            .map(|(kind, times)| format!("{kind}: {times}"))
            .collect();
        // Of connections, the kinds say which were let in.
        let outcome = match sort {
            Sort::Connection => Outcome::Done,
            Sort::Request | Sort::SignIn => Outcome::Refused,
        };
        Event::new(now, Actor::nobody(), action, object, outcome)
            .of(tenant)
            .because("too many to write down one by one")
            .with(TIMES, self.times.to_string())
            .with("addresses", addresses)
            .with("kinds", kinds.join("; "))
            .with("since", self.first.to_string())
    }
}

/// What an event is about that stands for several connections.
pub const SEVERAL: &str = "connections without a sign-in";
/// The parameter of an event that stands for several.
pub const TIMES: &str = "times";

/// What somebody who has one address can take more of: of IPv6, a whole network of 64 bits (RFC 6177, 2).
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    fn refusal(tenant: Option<&str>, kind: &str, from: &str) -> Event {
        let tenant: Option<TenantId> = tenant.map(|tenant| tenant.parse().unwrap());
        let refused = Outcome::Refused;
        Event::new(at(0), Actor::nobody(), Action::Request, "GET /", refused)
            .of(tenant.as_ref())
            .because(kind)
            .from(from)
    }

    /// How many of so many are written, each from another address.
    fn flood(strangers: &Strangers, times: u32, second: i64) -> usize {
        (0..times)
            .filter(|at| {
                let from = std::net::Ipv4Addr::from(0x0a00_0000 + at).to_string();
                strangers.write(
                    Sort::Request,
                    &refusal(None, "flood", &from),
                    self::at(second),
                )
            })
            .count()
    }

    #[test]
    fn a_flood_from_everywhere_is_written_only_as_far_as_there_is_room_which_comes_back_with_time()
    {
        let strangers = Strangers::default();
        assert_eq!(flood(&strangers, 5_000, 0), 3_000);
        assert_eq!(flood(&strangers, 5_000, 1), 1);
        assert_eq!(flood(&strangers, 5_000, 61), 60);
        assert_eq!(flood(&strangers, 5_000, 0), 0, "a clock that went back");
        assert_eq!(flood(&strangers, 5_000, 100_000), 3_000);
        let guess = refusal(None, "wrong password", "192.0.2.1");
        assert!(strangers.write(Sort::SignIn, &guess, at(100_000)));
    }

    #[test]
    fn a_whole_day_of_flood_leaves_no_more_events_than_are_stated() {
        let strangers = Strangers::default();
        let written: usize = (0..24 * 3600)
            .map(|second| flood(&strangers, if second == 0 { 4_000 } else { 3 }, second))
            .sum();
        assert_eq!(written, 3_000 + 24 * 3600 - 1);
    }

    #[test]
    fn one_address_leaves_room_for_others_and_a_network_counts_as_one() {
        let strangers = Strangers::default();
        for from in ["192.0.2.1", "2001:db8::1"] {
            let written = (0..1_000)
                .filter(|_| strangers.write(Sort::Request, &refusal(None, "x", from), at(0)))
                .count();
            assert_eq!(written, 600, "{from}");
        }
        let write = |from| strangers.write(Sort::Request, &refusal(None, "x", from), at(0));
        let guess = refusal(None, "wrong password", "192.0.2.1");
        assert!(
            strangers.write(Sort::SignIn, &guess, at(0)),
            "of another sort"
        );
        assert!(!write("2001:db8::2"));
        assert!(!write("::ffff:192.0.2.1"));
        assert!(write("2001:db8:0:1::2"));
        assert!(strangers.write(Sort::Request, &refusal(None, "x", "192.0.2.1"), at(60)));
    }

    #[test]
    fn one_that_comes_late_from_the_minute_before_brings_no_room() {
        let strangers = Strangers::default();
        let refusal = refusal(None, "x", "192.0.2.1");
        let write = |second| strangers.write(Sort::Request, &refusal, at(second));
        assert_eq!((0..700).filter(|_| write(60)).count(), 600);
        assert!(!write(59));
        assert!(!write(60), "room came back with the one before");
    }

    #[test]
    fn what_found_no_room_is_told_once_with_how_many_from_where_and_of_what_kind() {
        let strangers = Strangers::default();
        flood(&strangers, 3_000, 0);
        for (tenant, kind, from) in [
            (Some("riverside"), "no session here", "192.0.2.1"),
            (Some("riverside"), "malformed (head)", "192.0.2.1"),
            (Some("riverside"), "no session here", "192.0.2.2"),
            (None, "no such tenant", "192.0.2.3"),
        ] {
            assert!(!strangers.write(Sort::Request, &refusal(tenant, kind, from), at(0)));
        }
        let counted = refusal(None, "handshake (tls)", "192.0.2.3").with(TIMES, "40");
        assert!(!strangers.write(Sort::Request, &counted, at(0)));
        let told: Vec<(Option<String>, BTreeMap<String, String>)> = strangers
            .untold(at(60))
            .into_iter()
            .map(|event| (event.tenant.map(|it| it.to_string()), event.parameters))
            .collect();
        let parameters = |times: &str, addresses: &str, kinds: &str| {
            [
                ("times", times),
                ("addresses", addresses),
                ("kinds", kinds),
                ("since", "2026-01-01T00:00:00Z"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
        };
        assert_eq!(
            told,
            [
                (
                    None,
                    parameters("41", "1", "handshake (tls): 40; no such tenant: 1")
                ),
                (
                    Some("riverside".to_owned()),
                    parameters("3", "2", "malformed (head): 1; no session here: 2")
                ),
            ]
        );
        assert_eq!(strangers.untold(at(120)), []);
    }
}
