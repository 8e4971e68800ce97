//! Who may sign in: the list, somebody added, disabled, or given a new password.

pub mod locality;

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::second_factor::gate;
use super::{Answer, Problem, organisation, see_other};
use crate::ask::Ask;
use crate::callers::TenantAdministrator;
use crate::desk::second_factor::Act;
use crate::desk::views::{NewPerson, PersonRow};
use crate::desk::{Actor, DeskError, Role, Scope};
use crate::html::{
    Action, ActionKind, Cell, Fact, FieldError, Frame, Listing, Nav, Table, Tag, error_of, render,
};
use crate::secret::Secret;
use crate::service::encode;

#[derive(Template)]
#[template(path = "person_new.html")]
struct Form {
    frame: Frame,
    name: String,
    email: String,
    role: String,
    tenant: String,
    locality: String,
    roles: Vec<(&'static str, &'static str, &'static str)>,
    /// The tenants to choose from; empty when there is no choice.
    tenants: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Form {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

#[derive(Template)]
#[template(path = "password.html")]
struct Issued {
    frame: Frame,
    email: String,
    password: Secret,
}

/// Everybody within scope.
pub async fn list(who: TenantAdministrator, ask: Ask) -> Answer {
    let people = ask.desk().people(who.actor()).await?;
    let people = who.actor().scope().sieve(people);
    let frame = ask.console_frame("People", &who.caller(), Nav::People);
    let mut page = Listing::new(frame, "Everybody who may sign in, or could once.");
    page.notice = match ask.field("done") {
        "disabled" => Some("That person can no longer sign in, and their sessions have ended."),
        "locality" => {
            Some("Where that person belongs is kept, and stands in their events from now on.")
        }
        "second-factor" => {
            Some("That person’s second factor is taken away, and their sessions have ended.")
        }
        _ => None,
    };
    page.actions = vec![Action {
        text: "Add a person".to_owned(),
        path: "/people/new".to_owned(),
        kind: ActionKind::Link,
    }];
    page.tables = vec![Table {
        caption: "Who may sign in",
        headings: vec![
            "Name",
            "Email address",
            "Role",
            "Tenant",
            "Last signed in",
            "State",
        ],
        rows: people
            .into_iter()
            .map(|person| {
                vec![
                    Cell::link(&person.name, person_path(&person.id)),
                    Cell::Name(person.email.clone()),
                    Cell::text(person.role.name()),
                    Cell::text(organisation(person.tenant.as_deref())),
                    Cell::minute_or_never(person.last_signed_in),
                    Cell::Tag(state(&person)),
                ]
            })
            .collect(),
        nothing: "There is nobody yet.",
    }];
    render(&page, StatusCode::OK)
}

/// One person, and what can be done.
pub async fn show(who: TenantAdministrator, ask: Ask) -> Answer {
    let person = within_scope(&who, &ask).await?;
    let frame = ask.console_frame(&person.name, &who.caller(), Nav::People);
    let mut page = Listing::new(
        frame,
        "A new password, or disabling, ends the person’s sessions at once.",
    );
    page.facts = vec![
        Fact {
            name: "Email address",
            value: Cell::Name(person.email.clone()),
        },
        Fact {
            name: "Role",
            value: Cell::text(person.role.name()),
        },
        Fact {
            name: "Tenant",
            value: Cell::text(organisation(person.tenant.as_deref())),
        },
        Fact {
            name: "Site or unit",
            value: Cell::text_or(person.locality.clone(), "Not said"),
        },
        Fact {
            name: "Last signed in",
            value: Cell::minute_or_never(person.last_signed_in),
        },
        Fact {
            name: "Second factor",
            value: person
                .second_factor
                .map_or_else(|| Cell::text("None"), Cell::minute),
        },
        Fact {
            name: "State",
            value: Cell::Tag(state(&person)),
        },
    ];
    if let Some(until) = person.waits_until {
        page.facts.push(Fact {
            name: "Opens no trail until",
            value: Cell::minute(until),
        });
        page.lead.push_str(
            " The supplier made a way into this account. Disable it if nobody of your organisation asked for that.",
        );
    }
    page.actions = actions(who.actor(), &person);
    render(&page, StatusCode::OK)
}

/// The form to add somebody.
pub async fn new(who: TenantAdministrator, ask: Ask) -> Answer {
    let form = form(&who, &ask, Vec::new()).await?;
    render(&form, StatusCode::OK)
}

/// Adds somebody and shows their password, this once.
pub async fn add(who: TenantAdministrator, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::Accounts, "/people/new").await? {
        return Ok(answer);
    }
    let blank = form(&who, &ask, Vec::new()).await?;
    let person = match read(&who, &blank) {
        Ok(person) => person,
        Err(errors) => {
            let form = form(&who, &ask, errors).await?;
            return render(&form, StatusCode::BAD_REQUEST);
        }
    };
    let email = person.email.clone();
    match ask.desk().add_person(who.actor(), person).await {
        Ok(password) => issued(&who, &ask, email, password),
        Err(error) => {
            let (field, text, status) = match error {
                DeskError::Unfit(why) => ("locality", why, StatusCode::BAD_REQUEST),
                DeskError::EmailTaken => (
                    "email",
                    "Enter another email address: somebody signs in with this one".to_owned(),
                    StatusCode::CONFLICT,
                ),
                // It tells that the address is in use: the claim's limits say so, and it is kept to a few a day.
                DeskError::EmailElsewhere => (
                    "email",
                    "Enter another email address: this one cannot be used in your organisation"
                        .to_owned(),
                    StatusCode::CONFLICT,
                ),
                DeskError::EmailsRefused => (
                    "email",
                    "Nobody can be added until tomorrow: too many email addresses were refused"
                        .to_owned(),
                    StatusCode::TOO_MANY_REQUESTS,
                ),
                other => return Err(other.into()),
            };
            let error = FieldError { field, text };
            let form = form(&who, &ask, vec![error]).await?;
            render(&form, status)
        }
    }
}

/// Stops somebody signing in.
pub async fn disable(who: TenantAdministrator, ask: Ask) -> Answer {
    let person = within_scope(&who, &ask).await?;
    if person.id == who.actor().person.id {
        return Err(ask
            .refuse(&who.caller(), "disables themselves", Problem::Forbidden)
            .await);
    }
    if let Some(answer) = changing(&who, &ask, &person).await? {
        return Ok(answer);
    }
    ask.desk().disable(who.actor(), &person.id).await?;
    see_other("/people?done=disabled")
}

/// Makes a new password and shows it, this once.
pub async fn reset(who: TenantAdministrator, ask: Ask) -> Answer {
    let person = within_scope(&who, &ask).await?;
    if let Some(answer) = changing(&who, &ask, &person).await? {
        return Ok(answer);
    }
    let password = ask.desk().reset_password(who.actor(), &person.id).await?;
    issued(&who, &ask, person.email, password)
}

/// Takes somebody's second factor away.
pub async fn remove_factor(who: TenantAdministrator, ask: Ask) -> Answer {
    let person = within_scope(&who, &ask).await?;
    if person.id == who.actor().person.id {
        let reason = "takes their own second factor away";
        return Err(ask.refuse(&who.caller(), reason, Problem::Forbidden).await);
    }
    if let Some(answer) = changing(&who, &ask, &person).await? {
        return Ok(answer);
    }
    ask.desk().remove_factor(who.actor(), &person.id).await?;
    see_other("/people?done=second-factor")
}

/// What somebody is answered who must show their second factor before they change an account.
async fn changing(
    who: &TenantAdministrator,
    ask: &Ask,
    person: &PersonRow,
) -> Result<Option<Response>, Problem> {
    gate(ask, who.actor(), Act::Accounts, &person_path(&person.id)).await
}

/// The person in the path, if they are the caller's to administer.
async fn within_scope(who: &TenantAdministrator, ask: &Ask) -> Result<PersonRow, Problem> {
    let person = ask.desk().person(who.actor(), ask.param("id")).await?;
    let person = person.ok_or(Problem::Absent)?;
    if who.actor().scope().covers(person.tenant.as_deref()) {
        Ok(person)
    } else {
        Err(ask.outside_scope(&who.caller()).await)
    }
}

fn issued(who: &TenantAdministrator, ask: &Ask, email: String, password: Secret) -> Answer {
    let page = Issued {
        frame: ask.console_frame("Password made", &who.caller(), Nav::People),
        email,
        password,
    };
    render(&page, StatusCode::OK)
}

async fn form(
    who: &TenantAdministrator,
    ask: &Ask,
    errors: Vec<FieldError>,
) -> Result<Form, Problem> {
    let title = match errors.as_slice() {
        [] => "Add a person",
        _ => "Error: Add a person",
    };
    let mut roles = vec![
        ("member", "Member", "Uses the application"),
        (
            "administrator",
            "Administrator",
            "Also adds, disables and resets people of their tenant",
        ),
    ];
    let mut tenants = Vec::new();
    if who.actor().scope() == Scope::Everything {
        roles.push(("supplier", "Supplier", "Sees every tenant; belongs to none"));
        let known = ask.desk().tenants(who.actor()).await?;
        tenants.extend(known.into_iter().map(|tenant| (tenant.slug, tenant.name)));
    }
    Ok(Form {
        frame: ask.console_frame(title, &who.caller(), Nav::People),
        name: ask.field("name").to_owned(),
        email: ask.field("email").to_owned(),
        role: ask.field("role").to_owned(),
        tenant: ask.field("tenant").to_owned(),
        locality: ask.field("locality").to_owned(),
        roles,
        tenants,
        errors,
    })
}

/// The person as typed, in the caller's own tenant unless the caller may choose; or every fault.
fn read(who: &TenantAdministrator, form: &Form) -> Result<NewPerson, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut fault = |field, text: &str| {
        errors.push(FieldError {
            field,
            text: text.to_owned(),
        });
    };
    if form.name.is_empty() {
        fault("name", "Enter the person’s full name");
    }
    if !is_email(&form.email) {
        fault("email", "Enter an email address, like name@example.org");
    }
    let offered = form.roles.iter().any(|(value, _, _)| *value == form.role);
    let role = Role::read(&form.role).filter(|_| offered);
    if role.is_none() {
        fault("role", "Choose a role");
    }
    let tenant = match (who.actor().scope(), role) {
        (Scope::Tenant(own), _) => Some(own),
        (_, Some(Role::Supplier)) => None,
        _ => {
            let chosen = form.tenants.iter().find(|(slug, _)| *slug == form.tenant);
            if chosen.is_none() {
                fault("tenant", "Choose the person’s tenant");
            }
            chosen.map(|(slug, _)| slug.clone())
        }
    };
    match role {
        Some(role) if errors.is_empty() => Ok(NewPerson {
            name: form.name.clone(),
            email: form.email.clone(),
            role,
            tenant,
            locality: form.locality.clone(),
        }),
        _ => Err(errors),
    }
}

/// Enough to catch a slip of the hand; only a message that arrives proves an address.
pub(super) fn is_email(text: &str) -> bool {
    let shape = text
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    shape && text.len() <= 254 && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn actions(actor: &Actor, person: &PersonRow) -> Vec<Action> {
    let path = person_path(&person.id);
    let reset = Action {
        text: "Make a new password".to_owned(),
        path: format!("{path}/reset"),
        kind: ActionKind::Button,
    };
    let disable = Action {
        text: "Disable this person".to_owned(),
        path: format!("{path}/disable"),
        kind: ActionKind::Warning,
    };
    let locality = Action {
        text: "Change the site or unit".to_owned(),
        path: format!("{path}/locality"),
        kind: ActionKind::Link,
    };
    let factor = Action {
        text: "Take the second factor away".to_owned(),
        path: format!("{path}/second-factor"),
        kind: ActionKind::Warning,
    };
    match (person.disabled, person.id == actor.person.id) {
        (true, _) => Vec::new(),
        (false, true) => vec![locality, reset],
        (false, false) if person.second_factor.is_some() => vec![locality, reset, factor, disable],
        (false, false) => vec![locality, reset, disable],
    }
}

fn state(person: &PersonRow) -> Tag {
    if person.disabled {
        Tag {
            text: "Disabled",
            colour: "grey",
        }
    } else if person.waits_until.is_some() {
        Tag {
            text: "Opens no trail yet",
            colour: "yellow",
        }
    } else {
        Tag {
            text: "Active",
            colour: "green",
        }
    }
}

fn person_path(id: &str) -> String {
    format!("/people/{}", encode(id))
}

impl Role {
    /// The role's name, as shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Supplier => "Supplier",
            Self::Administrator => "Administrator",
            Self::Member => "Member",
        }
    }

    fn read(value: &str) -> Option<Self> {
        match value {
            "supplier" => Some(Self::Supplier),
            "administrator" => Some(Self::Administrator),
            "member" => Some(Self::Member),
            _ => None,
        }
    }
}
