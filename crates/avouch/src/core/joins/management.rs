//! What an operator does: management actions that change nothing for anybody real, for the check that each is written down,
//! and subject reports, for the check that they are whole.

use std::sync::Arc;

use avouch_access::Worn;
use avouch_audit::checks::{Access, Disclosed, Disclosing, Management, Performed, Through};
use avouch_evidence::{Ask, BoxFuture};
use avouch_statement::TenantId;
use jiff::SignedDuration;
use serde_json::Value;

use crate::control::{self, Request};
use crate::core::people::COOKIE;
use crate::core::reading;
use crate::core::state::Core;
use crate::fail::chain;

/// Does management actions by the console and the control socket.
pub struct Operator(pub Arc<Core>);

impl Management for Operator {
    fn operations(&self) -> BoxFuture<'_, Result<Vec<Performed>, String>> {
        Box::pin(async move { Ok(vec![self.search().await?, self.disable().await?]) })
    }
}

impl Disclosing for Operator {
    fn report<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a str,
        because: &'a str,
    ) -> BoxFuture<'a, Result<Disclosed, String>> {
        Box::pin(async move {
            let request = Request::AuditSubject(reading::Subject {
                subject: subject.to_owned(),
                tenant: Some(tenant.to_string()),
                because: because.to_owned(),
                behalf: None,
                from: None,
                until: None,
                form: None,
            });
            let answer = control::ask(self.0.layout.data(), &request)
                .await
                .map_err(|fail| fail.to_string())?;
            let rows = answer.get("rows").and_then(Value::as_array);
            let rows = rows.ok_or("the report has no rows")?;
            let accesses = rows.iter().map(access).collect::<Option<_>>();
            Ok(Disclosed {
                accesses: accesses.ok_or("a row of the report cannot be read")?,
                text: answer.to_string(),
            })
        })
    }
}

fn access(row: &Value) -> Option<Access> {
    let text = |name: &str| row.get(name)?.as_str().map(str::to_owned);
    Some(Access {
        at: text("at")?.parse().ok()?,
        tenant: text("tenant"),
        action: text("action")?,
        who: text("who")?,
        role: text("role")?,
        source: text("source")?,
    })
}

impl Operator {
    /// A search of the audit trail for something that is not there, over the control socket.
    async fn search(&self) -> Result<Performed, String> {
        let marker = marker()?;
        let request = Request::AuditSearch(reading::Search {
            who: Some(marker.clone()),
            because: "whether management actions are written down".to_owned(),
            limit: 1,
            ..reading::Search::default()
        });
        control::ask(self.0.layout.data(), &request)
            .await
            .map_err(|fail| fail.to_string())?;
        Ok(Performed {
            operation: "search the trail".to_owned(),
            through: Through::CommandLine,
            refused: false,
            marker,
            secrets: Vec::new(),
        })
    }

    /// A synthetic member closing an account, which only administrators may, in the console.
    async fn disable(&self) -> Result<Performed, String> {
        let core = &self.0;
        let marker = marker()?;
        let tenant = core
            .tenants
            .ids()
            .into_iter()
            .next()
            .ok_or("there is no tenant")?;
        let gateway = core.gateway().map_err(|fail| fail.to_string())?;
        let fresh = Worn {
            created: SignedDuration::ZERO,
            used: SignedDuration::ZERO,
        };
        let opened = core
            .access
            .synthetic_session(&tenant, &gateway.host("console"), fresh, core.now())
            .await
            .map_err(|error| chain(&error))?;
        let ask = Ask::form(
            format!("/people/{marker}/disable"),
            &gateway.origin("console"),
            Vec::new(),
        )
        .with("cookie", format!("{COOKIE}={}", opened.token.expose()));
        let answer = gateway
            .send("console", ask)
            .await
            .map_err(|error| chain(&error))?;
        if !answer.status.is_client_error() {
            return Err(format!(
                "a member was answered {} when closing an account",
                answer.status
            ));
        }
        Ok(Performed {
            operation: "close an account as a member".to_owned(),
            through: Through::Console,
            refused: true,
            marker,
            secrets: vec![opened.token.expose().clone()],
        })
    }
}

fn marker() -> Result<String, String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(format!("check-{}", hex::encode(bytes)))
}
