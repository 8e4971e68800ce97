//! Commands about accounts.

use avouch_access::{NewPerson, Person, Role};
use avouch_audit::review::Tie;
use avouch_statement::TenantId;
use serde_json::{Value, json};

use super::Core;
use crate::control::Request;
use crate::core::localities::Locality;
use crate::fail::Fail;

/// Does a command about an account.
pub async fn perform(core: &Core, request: Request) -> Result<Value, Fail> {
    match request {
        Request::UserList => {
            let people = core
                .access
                .list(&core.access.operator())
                .await
                .map_err(|error| Fail::new("the people cannot be listed").from(error))?;
            Ok(people.iter().map(|found| person(core, found)).collect())
        }
        Request::UserAdd {
            email,
            name,
            tenant,
            administrator,
            locality,
        } => {
            let tenant = tenant
                .map(|tenant| tenant.parse())
                .transpose()
                .map_err(|error: avouch_statement::BadSlug| Fail::new(error.to_string()))?;
            let locality = locality.as_deref().map(Locality::read).transpose()?;
            let role = match (&tenant, administrator) {
                (None, _) => Role::Supplier,
                (Some(_), true) => Role::Administrator,
                (Some(_), false) => Role::Member,
            };
            let new = NewPerson {
                email,
                name,
                role,
                tenant,
            };
            let (added, password) = core
                .access
                .set_up(new, core.now())
                .await
                .map_err(|error| Fail::new("the account was not made").from(error))?;
            if let Some(locality) = locality {
                belongs(core, &added, &locality).await?;
            }
            Ok(with_password(person(core, &added), password.expose()))
        }
        Request::UserLocality { email, name } => {
            let found = named(core, &email).await?;
            belongs(core, &found, &Locality::read(&name)?).await?;
            Ok(person(core, &found))
        }
        Request::UserRecords { email, own, family } => {
            let found = named(core, &email).await?;
            let tenant = found.tenant.clone().ok_or_else(|| {
                Fail::new("records are those of an organisation, and this is one of the supplier's people")
            })?;
            let stated = [(Tie::Own, own), (Tie::Family, family)];
            let stated = stated
                .into_iter()
                .flat_map(|(tie, numbers)| numbers.into_iter().map(move |number| (tie, number.0)));
            let stated = stated
                .map(|(tie, number)| match avouch_events::subject(&number) {
                    Ok(subject) => Ok((tie, subject)),
                    Err(error) => {
                        Err(Fail::new("one of the numbers names nobody's record").from(error))
                    }
                })
                .collect::<Result<Vec<_>, Fail>>()?;
            let kept = core
                .ties
                .set(&core.store, (&tenant, found.id.as_str()), &stated)
                .await;
            kept.map_err(|error| Fail::new("the records cannot be kept").from(error))?;
            Ok(json!({ "email": email, "records": stated.len() }))
        }
        Request::UserDisable { email } => {
            let found = named(core, &email).await?;
            core.access
                .disable(&core.access.operator(), &found.id, core.now())
                .await
                .map_err(|error| Fail::new("the account was not closed").from(error))?;
            Ok(json!({ "email": email, "disabled": true }))
        }
        Request::UserRemoveSecondFactor { email } => {
            let found = named(core, &email).await?;
            core.access
                .remove_factor(&core.access.operator(), &found.id, core.latest())
                .await
                .map_err(|error| Fail::new("the second factor was not taken away").from(error))?;
            Ok(json!({ "email": email, "second-factor": null }))
        }
        Request::UserReset { email } => {
            let found = named(core, &email).await?;
            let password = core
                .access
                .reset(&core.access.operator(), &found.id, core.latest())
                .await
                .map_err(|error| Fail::new("the password was not made").from(error))?;
            Ok(with_password(json!({ "email": email }), password.expose()))
        }
        _ => Err(Fail::new("this command is about no account")),
    }
}

/// Whose trail shows a command, if it is about somebody's account or data.
pub async fn whose(core: &Core, request: &Request) -> Option<TenantId> {
    let tenant = match request {
        Request::UserDisable { email }
        | Request::UserLocality { email, .. }
        | Request::UserRecords { email, .. }
        | Request::UserReset { email }
        | Request::UserRemoveSecondFactor { email } => {
            return named(core, email).await.ok()?.tenant;
        }
        Request::UserAdd { tenant, .. } => tenant.as_deref()?,
        Request::Pack { tenant }
        | Request::AuditUnusual { tenant, .. }
        | Request::Restore { tenant, .. }
        | Request::DrillRun { tenant, .. } => tenant,
        _ => return None,
    };
    Some(core.tenants.get(&tenant.parse().ok()?)?.id)
}

/// Says where somebody belongs from now on.
async fn belongs(core: &Core, person: &Person, locality: &Locality) -> Result<(), Fail> {
    let id = person.id.as_str();
    let kept = core.localities.set(&core.store, id, locality).await;
    kept.map_err(|error| Fail::new("the locality cannot be kept").from(error))
}

fn person(core: &Core, person: &Person) -> Value {
    json!({
        "email": person.email, "name": person.name, "role": person.role.as_str(), "tenant": person.tenant,
        "locality": core.localities.of(person.id.as_str()), "second-factor": person.second_factor, "disabled": person.disabled.is_some(), "nominated-by": person.nominated_by, "nominated-at": person.nominated_at,
    })
}

/// The one place where a password leaves: to the operator who asked for it, once.
fn with_password(mut value: Value, password: &str) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.insert("password".to_owned(), json!(password));
    }
    value
}

async fn named(core: &Core, email: &str) -> Result<Person, Fail> {
    let people = core
        .access
        .list(&core.access.operator())
        .await
        .map_err(|error| Fail::new("the people cannot be listed").from(error))?;
    people
        .into_iter()
        .find(|person| person.email.eq_ignore_ascii_case(email))
        .ok_or_else(|| {
            Fail::new(format!("nobody has the address `{email}`"))
                .help("`avouch user list` shows everybody")
        })
}
