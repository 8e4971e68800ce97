//! Asks for what one tenant's pages link to, as nobody and as people of other tenants.
//!
//! Whatever would change something is sent an empty form, which no application can take for an entry.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use avouch_evidence::{Ask, Ctx};
use avouch_statement::TenantId;

use super::judge::{Attempt, Place};
use super::{IsRecord, Visits};
use crate::checks::crawl::{Known, Pages, crawl, folder, last_part};

/// What a tenant's own synthetic person could open.
pub struct Visit {
    /// The pages.
    pub pages: Pages,
    /// Those of them that are records.
    pub records: Vec<String>,
    cookie: String,
    /// How each page, and a change to each record, is answered to nobody.
    nobody: BTreeMap<(&'static str, String), Result<u16, String>>,
}

const READ: &str = "read";
const CHANGE: &str = "change";

/// An id this long is drawn at random, not counted up: two tenants do not come by the same one.
const UNGUESSABLE: usize = 10;

/// Walks through every tenant's pages as its own synthetic person, and notes how nobody is answered.
pub async fn visit(
    ctx: &Ctx,
    from: &str,
    is_record: &IsRecord,
    known: &mut BTreeMap<TenantId, Known>,
) -> Visits {
    let mut visits = Vec::new();
    for tenant in &ctx.tenants {
        let known = known.entry(tenant.clone()).or_default();
        visits.push((
            tenant.clone(),
            visit_one(ctx, tenant, from, is_record, known).await,
        ));
    }
    visits
}

async fn visit_one(
    ctx: &Ctx,
    tenant: &TenantId,
    from: &str,
    is_record: &IsRecord,
    known: &mut Known,
) -> Result<Visit, String> {
    let host = ctx.gateway.host(tenant.as_str());
    let cookie = ctx.people.session(tenant, &host).await?;
    let pages = crawl(ctx, tenant, &cookie, from, known).await?;
    let records: Vec<String> = pages
        .shown
        .keys()
        .filter(|path| is_record(path))
        .cloned()
        .collect();
    let mut nobody = BTreeMap::new();
    for path in pages.shown.keys() {
        let status = send(ctx, tenant, READ, path, None)
            .await
            .map(|(status, _)| status);
        nobody.insert((READ, path.clone()), status);
    }
    for path in &records {
        let status = send(ctx, tenant, CHANGE, path, None)
            .await
            .map(|(status, _)| status);
        nobody.insert((CHANGE, path.clone()), status);
    }
    Ok(Visit {
        pages,
        records,
        cookie,
        nobody,
    })
}

/// What nobody was answered, as attempts of their own: none of it may be shown without a sign-in.
pub fn without_session(visit: &Visit) -> Vec<Attempt> {
    visit
        .nobody
        .iter()
        .map(|((act, path), status)| Attempt {
            act,
            path: path.clone(),
            place: Place::Nobody,
            status: status.clone(),
            expected: status.clone(),
            same_bytes: false,
        })
        .collect()
}

/// Every page of the owner's with the attacker's cookie: at the owner's host, and records at the attacker's own.
pub async fn with_session(
    ctx: &Ctx,
    (owner, visit): (&TenantId, &Visit),
    (attacker, other): (&TenantId, &Visit),
) -> Vec<Attempt> {
    let cookie = Some(other.cookie.as_str());
    let mut attempts = Vec::new();
    for ((act, path), expected) in &visit.nobody {
        let answer = send(ctx, owner, act, path, cookie).await;
        attempts.push(attempt(
            act,
            path,
            Place::Theirs,
            answer,
            expected.clone(),
            visit,
        ));
    }
    let mut absent: BTreeMap<_, Result<u16, String>> = BTreeMap::new();
    for path in &visit.records {
        if other.pages.known.contains(path)
            && let Some(own) = still_shown(ctx, attacker, other, path).await
        {
            attempts.extend(shared(path, &own, visit));
            continue;
        }
        for act in [READ, CHANGE] {
            // Where nothing is, every record of a folder is answered alike: one look at each folder will do.
            let expected = match absent.entry((act, folder(path))) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(unknown) => {
                    let answer = send(ctx, attacker, act, &absentee(path), cookie).await;
                    unknown.insert(answer.map(|(status, _)| status)).clone()
                }
            };
            let answer = send(ctx, attacker, act, path, cookie).await;
            let place = Place::Own {
                may_be_own: other.pages.unopened > 0 && !is_unguessable(path),
            };
            attempts.push(attempt(act, path, place, answer, expected, visit));
        }
    }
    attempts
}

/// The attacker's own page at this path, if there is one now: what an earlier round saw may be gone.
async fn still_shown(ctx: &Ctx, attacker: &TenantId, other: &Visit, path: &str) -> Option<Vec<u8>> {
    if let Some(body) = other.pages.shown.get(path) {
        return Some(body.clone());
    }
    let (status, body) = send(ctx, attacker, READ, path, Some(&other.cookie))
        .await
        .ok()?;
    (200..300).contains(&status).then_some(body)
}

/// A record's path that the attacker's own pages lead to as well; nothing where the path holds no id, as `…/new`.
fn shared(path: &str, own: &[u8], visit: &Visit) -> Option<Attempt> {
    if !last_part(path).bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let place = Place::Shared {
        unguessable: is_unguessable(path),
    };
    Some(attempt(
        READ,
        path,
        place,
        Ok((200, own.to_vec())),
        Ok(200),
        visit,
    ))
}

fn is_unguessable(path: &str) -> bool {
    last_part(path).len() >= UNGUESSABLE
}

fn attempt(
    act: &'static str,
    path: &str,
    place: Place,
    answer: Result<(u16, Vec<u8>), String>,
    expected: Result<u16, String>,
    visit: &Visit,
) -> Attempt {
    let same_bytes = answer.as_ref().is_ok_and(|(_, body)| {
        !body.is_empty()
            && visit
                .pages
                .shown
                .get(path)
                .is_some_and(|theirs| theirs == body)
    });
    Attempt {
        act,
        path: path.to_owned(),
        place,
        status: answer.map(|(status, _)| status),
        expected,
        same_bytes,
    }
}

async fn send(
    ctx: &Ctx,
    tenant: &TenantId,
    act: &str,
    path: &str,
    cookie: Option<&str>,
) -> Result<(u16, Vec<u8>), String> {
    let mut ask = if act == READ {
        Ask::get(path)
    } else {
        Ask::form(path, &ctx.gateway.origin(tenant.as_str()), Vec::new())
    };
    if let Some(cookie) = cookie {
        ask = ask.with("cookie", cookie);
    }
    let answer = ctx
        .gateway
        .send(tenant.as_str(), ask)
        .await
        .map_err(|error| error.to_string())?;
    Ok((answer.status.as_u16(), answer.body.to_vec()))
}

/// A path in the same folder at which there is no record: its last part is 15 random digits.
fn absentee(path: &str) -> String {
    let mut bytes = [0; 8];
    let number = match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        // Any number that is unlikely to be a record's will do.
        Err(_) => 987_654_321_012_345,
    };
    let id = 100_000_000_000_000 + number % 900_000_000_000_000;
    format!("{}{id}", folder(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_record_lies_in_the_same_folder() {
        let absent = absentee("/wards/1/assessments/77?from=list");
        let number = absent.strip_prefix("/wards/1/assessments/").unwrap();
        assert_eq!(number.len(), 15);
        assert!(number.bytes().all(|b| b.is_ascii_digit()));
        assert_ne!(absent, absentee("/wards/1/assessments/77"));
    }

    #[test]
    fn a_path_that_both_tenants_have_counts_only_where_it_holds_an_id() {
        let visit = Visit {
            pages: Pages::default(),
            records: Vec::new(),
            cookie: String::new(),
            nobody: BTreeMap::new(),
        };
        for (path, place) in [
            ("/wards/1/assessments/new", None),
            (
                "/wards/1/assessments/7",
                Some(Place::Shared { unguessable: false }),
            ),
            (
                "/wards/1/assessments/4107283350918274?a=1",
                Some(Place::Shared { unguessable: true }),
            ),
        ] {
            let found = shared(path, b"page", &visit).map(|attempt| attempt.place);
            assert_eq!(found, place, "{path}");
        }
    }
}
