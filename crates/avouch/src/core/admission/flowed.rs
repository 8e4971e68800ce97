//! What is written down of a connection once it is over.

use std::net::SocketAddr;

use avouch_audit::checks::connections as named;
use avouch_events::{Action, Actor, Event, Outcome};
use avouch_gateway::link::Flowed;
use avouch_statement::TenantId;
use jiff::Timestamp;

use crate::core::state::Core;
use crate::core::strangers::{SEVERAL, Sort, TIMES};

impl Core {
    /// Keeps a connection: by itself if somebody went over it who is signed in, or a check, or while there is room for
    /// strangers'.
    pub(super) async fn keep_flow(&self, flowed: Flowed) {
        let now = self.now();
        let flowed = Flowed {
            client: plain(flowed.client),
            local: plain(flowed.local),
            ..flowed
        };
        let host = flowed.host.as_deref();
        let tenant = host.and_then(|host| self.tenant_at(host));
        let ours = self.marks.hung_up(&flowed.client, now);
        let whose = flowed.known || ours;
        let event = event(&flowed, tenant.as_ref(), now);
        if whose || self.strangers.write(Sort::Connection, &event, now) {
            let _ = self.record(event).await;
        }
    }
}

fn event(flowed: &Flowed, tenant: Option<&TenantId>, now: Timestamp) -> Event {
    let outcome = match flowed.refused {
        Some(_) => Outcome::Refused,
        None => Outcome::Done,
    };
    let new = |object: String| {
        Event::new(now, Actor::nobody(), Action::Connection, object, outcome)
            .because(flowed.refused.clone().unwrap_or_default())
            .with(named::BYTES_IN, flowed.received.to_string())
            .with(named::BYTES_OUT, flowed.sent.to_string())
    };
    if flowed.count > 1 {
        // They came from anywhere, and were to anybody's host: only the platform's trail can say so.
        return new(SEVERAL.to_owned()).with(TIMES, flowed.count.to_string());
    }
    let mut event = new(flowed.host.clone().unwrap_or_else(|| "-".to_owned()))
        .of(tenant)
        .from(flowed.client.ip().to_string())
        .with(named::SOURCE_PORT, flowed.client.port().to_string())
        .with(named::DESTINATION, flowed.local.to_string());
    event.micros = Some(flowed.micros);
    event
}

/// An address of the older protocol as one, though the socket takes both.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
