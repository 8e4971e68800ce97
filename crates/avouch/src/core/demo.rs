//! `avouch up --demo`: two example tenants with people and figures in them, made once for each data folder.

use std::sync::Arc;

use avouch_access::{NewPerson, Role};
use avouch_events::{Action, Actor, Event, Outcome};
use avouch_evidence::Ask;
use avouch_keyring::KeyId;
use avouch_statement::TenantId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::asker::Asker;
use super::doors::Serving;
use super::state::Core;
use crate::durable;
use crate::fail::Fail;

/// The tenants: organisations that do not exist.
const TENANTS: [(&str, &str); 2] = [
    ("riverside", "Riverside Maternity (example)"),
    ("hillside", "Hillside Maternity (example)"),
];
/// Days of figures that each tenant starts with.
const DAYS: i64 = 7;

/// What the list of people is sealed as.
const SEALED_AS: &[u8] = b"demo-users";

/// Somebody to sign in as. Kept sealed in the core's own folder, so that a restart shows the same people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DemoUser {
    email: String,
    password: String,
    tenant: String,
    role: String,
}

/// Makes tenants and people, unless they are there.
///
/// # Errors
/// If they cannot be recorded or kept.
pub async fn accounts(core: &Arc<Core>) -> Result<(), Fail> {
    if !users(core).is_empty() {
        return Ok(());
    }
    let event = Event::new(
        core.now(),
        Actor::local_root(),
        Action::Administration,
        "make the demo's tenants and people",
        Outcome::Intended,
    )
    .from("local");
    core.record(event)
        .await
        .map_err(|error| Fail::new("the demo cannot be recorded").from(error))?;
    let mut made = Vec::new();
    for (id, name) in TENANTS {
        let tenant: TenantId = id
            .parse()
            .map_err(|error: avouch_statement::BadSlug| Fail::new(error.to_string()))?;
        if core.tenants.get(&tenant).is_none() {
            core.tenants
                .add(&core.store, tenant.clone(), name, core.now())
                .await?;
        }
        made.push(
            person(
                core,
                &format!("member@{id}.example"),
                "Morgan Member",
                Role::Member,
                Some(&tenant),
            )
            .await?,
        );
        made.push(
            person(
                core,
                &format!("admin@{id}.example"),
                "Ade Administrator",
                Role::Administrator,
                Some(&tenant),
            )
            .await?,
        );
    }
    made.push(
        person(
            core,
            "engineer@supplier.example",
            "Sam Supplier",
            Role::Supplier,
            None,
        )
        .await?,
    );
    let text = serde_json::to_vec(&made)
        .map_err(|error| Fail::new("the demo's people cannot be written").from(error))?;
    let sealed = core
        .keyring
        .seal(&KeyId::Platform, SEALED_AS, &text)
        .map_err(|error| Fail::new("the demo's people cannot be sealed").from(error))?;
    durable::write(&path(core), &sealed)
        .map_err(|error| Fail::new("the demo's people cannot be kept").from(error))
}

async fn person(
    core: &Core,
    email: &str,
    name: &str,
    role: Role,
    tenant: Option<&TenantId>,
) -> Result<DemoUser, Fail> {
    let new = NewPerson {
        email: email.to_owned(),
        name: name.to_owned(),
        role,
        tenant: tenant.cloned(),
    };
    let (_, password) =
        core.access.set_up(new, core.now()).await.map_err(|error| {
            Fail::new(format!("the demo's `{email}` cannot be made")).from(error)
        })?;
    Ok(DemoUser {
        email: email.to_owned(),
        password: password.expose().to_owned(),
        tenant: tenant.map(ToString::to_string).unwrap_or_default(),
        role: role.as_str().to_owned(),
    })
}

/// Enters a week of figures through the gateway, as a person would, and takes the first backups.
///
/// # Errors
/// If the gateway does not take them.
pub async fn figures(core: &Arc<Core>) -> Result<(), Fail> {
    let marker = core.layout.core().join("demo-figures");
    if marker.exists() {
        return Ok(());
    }
    let ctx = core.context(core.now())?;
    for tenant in core.tenants.ids() {
        let label = tenant.to_string();
        let cookie = ctx
            .people
            .session(&tenant, &ctx.gateway.host(&label))
            .await
            .map_err(Fail::new)?;
        for day in 1..=DAYS {
            for period in 0..=3_i64 {
                for ward in 1..=3_i64 {
                    let body = entry(core, day, period, ward, label.len());
                    let ask = Ask::form(
                        format!("/wards/{ward}/assessments"),
                        &ctx.gateway.origin(&label),
                        body,
                    )
                    .with("cookie", cookie.clone());
                    let answer = ctx.gateway.send(&label, ask).await.map_err(|error| {
                        Fail::new("the demo's figures cannot be entered").from(error)
                    })?;
                    if answer.status.as_u16() >= 400 && answer.status.as_u16() != 409 {
                        return Err(Fail::new(format!(
                            "the demo's figures were refused with {}",
                            answer.status
                        )));
                    }
                }
            }
        }
    }
    let by = Asker::platform(core.now());
    for owner in core.backups.owners() {
        core.back_up(&owner, &by).await?;
        core.drill(&owner, &by).await?;
    }
    durable::write(&marker, b"")
        .map_err(|error| Fail::new("the demo cannot be marked as made").from(error))
}

/// Invented counts: the same for each data folder, different by ward, day and tenant.
fn entry(core: &Core, days_ago: i64, period: i64, ward: i64, salt: usize) -> String {
    let date = (core.now() - jiff::SignedDuration::from_hours(24 * days_ago))
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let wave = |n: i64| {
        (days_ago * 3 + period * 5 + ward * 7 + n * 11 + i64::try_from(salt).unwrap_or(0)) % 6
    };
    format!(
        "day={}&month={}&year={}&period={period}&category_1={}&category_2={}&category_3={}&category_4={}&category_5={}&midwives={}",
        date.day(),
        date.month(),
        date.year(),
        2 + wave(1),
        1 + wave(2) / 2,
        wave(3) / 2,
        wave(4) / 3,
        wave(5) / 4,
        3 + wave(6)
    )
}

fn path(core: &Core) -> std::path::PathBuf {
    core.layout.core().join("demo-users")
}

fn users(core: &Core) -> Vec<DemoUser> {
    let opened = std::fs::read(path(core)).ok().and_then(|sealed| {
        core.keyring
            .open_sealed(&KeyId::Platform, SEALED_AS, &sealed)
            .ok()
    });
    opened
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

impl Core {
    /// The line that says that everything serves.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn ready_line(&self, serving: &Serving) -> Result<String, Fail> {
        tracing::info!(listening = ?serving.heard.borrow().listening, "everything serves");
        let apps: serde_json::Map<String, serde_json::Value> = self
            .tenants
            .ids()
            .iter()
            .map(|tenant| (tenant.to_string(), json!(self.origin(tenant.as_str()))))
            .collect();
        let mut line = json!({
            "ready": true,
            "signin": self.origin("signin"),
            "console": self.origin("console"),
            "statement": self.origin(""),
            "apps": apps,
            "ca": self.layout.run().join("ca.pem"),
        });
        let users = users(self);
        if let (Some(fields), false) = (line.as_object_mut(), users.is_empty()) {
            fields.insert("users".to_owned(), json!(users));
        }
        Ok(line.to_string())
    }
}
