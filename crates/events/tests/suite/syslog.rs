//! RFC 5425 to Debian's rsyslog, with each of its TLS drivers.

use avouch_events::ship::{News, Syslog, Target};

use super::receivers::{Receiver, rsyslog};
use super::{Trail, origin, wire};

fn target(receiver: &Receiver) -> Target {
    let wire = wire(receiver.port(), &receiver.authority());
    Target::Syslog(Syslog::new(wire, origin()))
}

#[track_caller]
fn indices(lines: &[String]) -> Vec<u64> {
    lines
        .iter()
        .map(|line| {
            let (_, rest) = line.split_once(" index=\"").unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        })
        .collect()
}

async fn arrives_with(driver: &str) {
    let (trail, mut receiver) = (Trail::new(), rsyslog(driver));
    trail.opened("riverside", 1_203).await;
    let mut running = trail.send(target(&receiver), &[]);
    assert!(matches!(running.news.recv().await, Some(News::Away(_))));
    receiver.start_rsyslog();
    assert_eq!(running.news.recv().await, Some(News::Back));
    running.all_sent().await;
    let lines = receiver.received(1_203);
    assert_eq!(indices(&lines), (0..1_203).collect::<Vec<u64>>());
    assert_eq!(
        lines[17],
        "110 2026-01-01T00:00:00.017000Z acuity.test avouch record-opened \
         [origin software=\"avouch\" swVersion=\"0.1.0\"][avouch@32473 log=\"acuity.test/ledger\" index=\"17\" \
         who=\"ann@riverside.test\" id=\"p1\" role=\"member\" tenant=\"riverside\" action=\"record-opened\" \
         outcome=\"done\" object=\"GET /wards/1/assessments/17\" subjects=\"17\" \
         parameters=\"because=a \\\"quoted\\\" reason\\] with a second line\" source=\"192.0.2.7\" status=\"200\"] \
         \u{feff}ann@riverside.test record-opened done: GET /wards/1/assessments/17"
    );

    receiver.stop();
    trail.opened("riverside", 700).await;
    running
        .until("in trouble", |progress| progress.trouble.is_some())
        .await;
    receiver.start_rsyslog();
    running.all_sent().await;
    let mut seen = indices(&receiver.received(1_903));
    seen.dedup();
    assert_eq!(seen, (0..1_903).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_in_order_over_gnutls_and_goes_on_after_a_kill() {
    arrives_with("gtls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_in_order_over_openssl_and_goes_on_after_a_kill() {
    arrives_with("ossl").await;
}
