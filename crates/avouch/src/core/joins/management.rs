//! Management actions that change nothing for anybody real, for the check that each is written down.

use std::sync::Arc;

use avouch_access::Worn;
use avouch_audit::checks::{Management, Performed, Through};
use avouch_evidence::{Ask, BoxFuture};
use jiff::SignedDuration;

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
