//! The checks against a real front: held when it keeps its promises, broken when it does not.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Ctx, Gateway, People, Seen, Verdict};
use avouch_gateway::checks::{Agreed, RefusalLog, SuiteLog, checks, first_day};
use avouch_gateway::link::{Ciphers, Configure, Limits, Minimum, SuiteCount};
use avouch_gateway::{Settings, tls::TlsUsed};
use avouch_statement::TenantId;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};

use crate::harness::{Core, DOMAIN, Stage, instance, mirror};

struct Member;

impl People for Member {
    fn session<'a>(&'a self, _: &'a TenantId, _: &'a str) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async { Ok("__Host-avouch=good".to_owned()) })
    }
}

struct Log(Vec<SuiteCount>);

impl SuiteLog for Log {
    fn counts(&self) -> Vec<Agreed> {
        let day = first_day(jiff::Timestamp::now());
        let agreed = |suite: &SuiteCount| Agreed { day, suite: *suite };
        self.0.iter().map(agreed).collect()
    }
}

struct Turned(Arc<Core>);

impl RefusalLog for Turned {
    fn size(&self) -> BoxFuture<'_, Result<u64, String>> {
        let size = self.0.refusals.lock().unwrap().len() as u64;
        Box::pin(async move { Ok(size) })
    }

    fn since(&self, size: u64) -> BoxFuture<'_, Result<Vec<(String, String)>, String>> {
        let size = usize::try_from(size).unwrap();
        let since = self.0.refusals.lock().unwrap()[size..].to_vec();
        Box::pin(async move { Ok(since) })
    }
}

/// Runs every check of what is promised against what this stage does.
async fn found(
    stage: &Stage,
    promised: &Configure,
    log: Vec<SuiteCount>,
) -> Vec<(String, Verdict)> {
    let settings = Settings {
        listen: vec![stage.addr],
        http: Some(stage.plain),
        domain: DOMAIN.into(),
        minimum: promised.tls.minimum,
        ciphers: promised.tls.ciphers,
        limits: Limits::default(),
        entries: promised.entries.clone(),
    };
    let ctx = Ctx {
        now: jiff::Timestamp::now(),
        clock: Arc::new(jiff::Timestamp::now),
        statement: String::new(),
        tenants: vec!["riverside".parse().unwrap()],
        // 32 bytes of nothing, which nobody else sends.
        gateway: Gateway::new(stage.addr, DOMAIN, stage.ca.certificate_der())
            .unwrap()
            .marked(|| "A".repeat(43)),
        people: Arc::new(Member),
    };
    let turned: Arc<dyn RefusalLog> = Arc::new(Turned(stage.core.clone()));
    let authority = stage.ca.certificate_der();
    let mut found = Vec::new();
    for check in checks(&settings, authority, Arc::new(Log(log)), &turned) {
        for Seen { claim, verdict, .. } in check.run(&ctx).await {
            found.push((claim.to_string(), verdict));
        }
    }
    found
}

fn verdicts(versions: Verdict, ciphers: Verdict, entry: Verdict) -> Vec<(String, Verdict)> {
    vec![
        ("gateway.tls.minimum".to_owned(), versions),
        ("gateway.tls.ciphers".to_owned(), ciphers),
        ("gateway.entry.assessment.accept".to_owned(), entry),
    ]
}

/// A stage whose public port is the one bound, as the checks expect.
async fn stage(change: impl FnOnce(&mut Configure)) -> (Stage, Arc<Configure>) {
    let mut promised = None;
    let stage = Stage::set_with(|configure| {
        configure.port = 0;
        promised = Some(Arc::new(configure.clone()));
        change(configure);
    })
    .await;
    mirror(&stage.app_socket());
    (stage, promised.unwrap())
}

#[tokio::test]
async fn a_gateway_that_keeps_its_promises_is_found_to() {
    let (stage, promised) = stage(|_| {}).await;
    assert_eq!(
        found(&stage, &promised, Vec::new()).await,
        verdicts(Verdict::Held, Verdict::Held, Verdict::Held)
    );
}

#[tokio::test]
async fn a_gateway_that_takes_short_keys_or_words_is_found_out() {
    let (stage, promised) = stage(|configure| {
        configure.tls.ciphers = Ciphers::Bits128AndAbove;
        configure.entries.clear();
    })
    .await;
    assert_eq!(
        found(&stage, &promised, Vec::new()).await,
        verdicts(Verdict::Held, Verdict::Broken, Verdict::Broken)
    );
}

#[tokio::test]
async fn an_application_that_refuses_in_the_gateways_words_does_not_stand_for_it() {
    let (stage, promised) = stage(|configure| configure.entries.clear()).await;
    let _application = instance(&stage.app_socket(), |_| async {
        let page = "<p>Code: not-numbers</p>";
        let mut answer = Response::new(Full::new(Bytes::from(page)));
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        answer
    });
    assert_eq!(
        found(&stage, &promised, Vec::new()).await,
        verdicts(Verdict::Held, Verdict::Held, Verdict::Broken)
    );
}

#[tokio::test]
async fn a_gateway_that_speaks_an_older_version_than_promised_is_found_out() {
    let (stage, promised) = stage(|_| {}).await;
    let mut more = Configure::clone(&promised);
    more.tls.minimum = Minimum::Tls13;
    assert_eq!(found(&stage, &more, Vec::new()).await[0].1, Verdict::Broken);
}

#[tokio::test]
async fn one_short_key_in_the_log_is_found_out() {
    let (stage, promised) = stage(|_| {}).await;
    let weak = SuiteCount {
        tls: TlsUsed {
            version: 0x0303,
            suite: 0xc02b,
        },
        count: 1,
    };
    assert_eq!(
        found(&stage, &promised, vec![weak]).await[1].1,
        Verdict::Broken
    );
}

#[tokio::test]
async fn a_gateway_that_is_gone_is_unproven() {
    let (mut stage, promised) = stage(|_| {}).await;
    stage.stop_front.cancel();
    stage.front.take().unwrap().await.unwrap();
    assert_eq!(
        found(&stage, &promised, Vec::new()).await,
        verdicts(Verdict::Unproven, Verdict::Unproven, Verdict::Unproven)
    );
}
