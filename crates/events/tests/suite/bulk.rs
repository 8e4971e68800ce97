//! `_bulk` over HTTPS: once each, whatever happens in between.

use std::collections::BTreeSet;
use std::fs;

use avouch_events::ship::{Bulk, News, ReadBack, Target};

use super::receivers::{Receiver, bulk};
use super::{Trail, origin, wire};

fn target(receiver: &Receiver, secret: Option<&str>) -> Target {
    let file = secret.map(|secret| {
        let file = receiver.path("secret");
        fs::write(&file, format!("{secret}\n")).unwrap();
        file
    });
    let wire = wire(receiver.port(), &receiver.authority());
    Target::Bulk(Bulk::new(wire, "/", file, origin()))
}

fn ids(receiver: &Receiver) -> BTreeSet<String> {
    let documents = receiver.documents();
    let ids: BTreeSet<String> = documents.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids.len(), documents.len(), "nothing is stored twice");
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_is_stored_once_though_the_whole_trail_is_sent_twice() {
    let (trail, mut receiver) = (Trail::new(), bulk());
    receiver.start_bulk(None);
    trail.opened("riverside", 1_203).await;
    let running = trail.send(target(&receiver, None), &[]);
    running.all_sent().await;
    assert_eq!(ids(&receiver).len(), 1_203);
    let (_, document) = &receiver.documents()[17];
    assert_eq!(document["organization"]["id"], "riverside");
    assert_eq!(document["labels"]["log_index"], "17");
    assert_eq!(document["source"]["ip"], "192.0.2.7");
    assert_eq!(
        running.shipper.read_back().await.unwrap(),
        Some((1_202, ReadBack::There))
    );
    receiver.mood(r#"{"blind": true}"#);
    assert_eq!(
        running.shipper.read_back().await.unwrap(),
        Some((1_202, ReadBack::NotAsked(403)))
    );
    drop(running);

    fs::remove_file(trail.cursor()).unwrap();
    trail.send(target(&receiver, None), &[]).all_sent().await;
    assert_eq!(ids(&receiver).len(), 1_203);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_away_gets_what_it_missed_from_where_it_stopped() {
    let (trail, mut receiver) = (Trail::new(), bulk());
    receiver.start_bulk(None);
    trail.opened("riverside", 10).await;
    let mut running = trail.send(target(&receiver, None), &[]);
    running.all_sent().await;

    receiver.stop();
    trail.opened("hillside", 5_007).await;
    let away = running
        .until("in trouble", |progress| progress.trouble.is_some())
        .await;
    assert_eq!((away.done, away.size), (10, 5_017));
    assert_eq!(away.oldest.unwrap().as_second(), 1_767_225_600);
    let told = running.news.recv().await.unwrap();
    assert!(
        matches!(&told, News::Away(why) if why.contains("cannot be reached")),
        "{told:?}"
    );
    drop(running);

    // The service was started anew in the meantime.
    let mut running = trail.send(target(&receiver, None), &[]);
    assert!(matches!(running.news.recv().await, Some(News::Away(_))));
    receiver.start_bulk(None);
    assert_eq!(running.news.recv().await, Some(News::Back));
    running.all_sent().await;
    assert_eq!(ids(&receiver).len(), 5_017);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_too_busy_for_some_gets_them_later() {
    let (trail, mut receiver) = (Trail::new(), bulk());
    receiver.start_bulk(None);
    trail.opened("riverside", 40).await;
    for (mood, why) in [
        (r#"{"busy": true}"#, "the receiver is busy"),
        (r#"{"status": 429}"#, "the receiver is busy"),
        (r#"{"status": 503}"#, "the receiver answers 503"),
    ] {
        receiver.mood(mood);
        let running = trail.send(target(&receiver, None), &[]);
        let progress = running
            .until("in trouble", |progress| progress.trouble.is_some())
            .await;
        assert_eq!((progress.done, progress.trouble.as_deref()), (0, Some(why)));
    }
    receiver.cheer_up();
    trail.send(target(&receiver, None), &[]).all_sent().await;
    assert_eq!(ids(&receiver).len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_set_aside_told_once_and_stops_nothing() {
    let (trail, mut receiver) = (Trail::new(), bulk());
    receiver.start_bulk(None);
    trail.opened("riverside", 20).await;
    trail.said("export siem").await;
    receiver.mood(r#"{"refuse": [4, 11, 20]}"#);
    let mut running = trail.send(target(&receiver, None), &[]);
    let progress = running.all_sent().await;
    assert_eq!(progress.aside, [4, 11, 20]);
    assert_eq!(
        running.news.recv().await,
        Some(News::Refused(
            vec![4, 11],
            "document_parsing_exception".to_owned()
        )),
        "that what says so was refused is not told in turn"
    );
    assert_eq!(ids(&receiver).len(), 18);
    drop(running);
    let again = trail.send(target(&receiver, None), &[]);
    assert_eq!(again.all_sent().await.aside, [4, 11, 20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_short_requests_gets_many_and_refuses_what_is_too_long_alone() {
    let (trail, mut receiver) = (Trail::new(), bulk());
    receiver.start_bulk(None);
    trail.opened("riverside", 50).await;
    receiver.mood(r#"{"longest": 4000}"#);
    let running = trail.send(target(&receiver, None), &[]);
    assert_eq!(running.all_sent().await.aside, [] as [u64; 0]);
    assert_eq!(ids(&receiver).len(), 50);
    trail.said(&"x".repeat(5_000)).await;
    let progress = running
        .until("set aside", |progress| !progress.aside.is_empty())
        .await;
    assert_eq!(progress.aside, [50]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_receiver_gets_its_own_events_and_nobody_elses() {
    let (trail, mut receiver) = (Trail::new(), bulk());
    receiver.start_bulk(None);
    trail.opened("hillside", 6_000).await;
    trail.said("start").await;
    trail.opened("riverside", 3).await;
    trail
        .send(target(&receiver, None), &["riverside"])
        .all_sent()
        .await;
    let documents = receiver.documents();
    assert_eq!(documents.len(), 3);
    assert!(
        documents
            .iter()
            .all(|(_, document)| document["organization"]["id"] == "riverside")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_opens_the_receiver_can_be_changed_and_is_in_no_message() {
    let (trail, mut receiver) = (Trail::new(), bulk());
    receiver.start_bulk(Some("ApiKey bWFya2VkLXNlY3JldA=="));
    trail.opened("riverside", 3).await;
    let running = trail.send(target(&receiver, Some("ApiKey d3Jvbmctc2VjcmV0")), &[]);
    let progress = running
        .until("in trouble", |progress| progress.trouble.is_some())
        .await;
    assert_eq!(
        progress.trouble.unwrap(),
        "the receiver answers 401: it does not take the secret that it was given"
    );
    fs::write(receiver.path("secret"), "two\nlines").unwrap();
    let progress = running
        .until("unfit", |progress| {
            progress
                .trouble
                .as_ref()
                .is_some_and(|why| why.contains("not one line"))
        })
        .await;
    assert!(!progress.trouble.unwrap().contains("two"));
    fs::write(receiver.path("secret"), "ApiKey bWFya2VkLXNlY3JldA==\n").unwrap();
    running.all_sent().await;
    assert_eq!(ids(&receiver).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_a_certificate_of_the_authority_gets_nothing() {
    let (trail, mut receiver, other) = (Trail::new(), bulk(), bulk());
    receiver.start_bulk(None);
    trail.opened("riverside", 3).await;
    let wire = wire(receiver.port(), &other.authority());
    let running = trail.send(Target::Bulk(Bulk::new(wire, "", None, origin())), &[]);
    let progress = running
        .until("in trouble", |progress| progress.trouble.is_some())
        .await;
    assert!(progress.trouble.unwrap().contains("certificate"));
    assert_eq!(receiver.documents().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_was_put_back_is_told_and_sent_on_from_its_end() {
    let (trail, mut receiver) = (Trail::new(), bulk());
    receiver.start_bulk(None);
    trail.opened("riverside", 3).await;
    fs::write(trail.cursor(), r#"{"next":900,"aside":[2,800]}"#).unwrap();
    let mut running = trail.send(target(&receiver, None), &[]);
    assert_eq!(
        running.news.recv().await,
        Some(News::Shorter { sent: 900, has: 3 })
    );
    trail.opened("riverside", 1).await;
    let progress = running.until("sent", |progress| progress.done == 4).await;
    assert_eq!(progress.aside, [2]);
    assert_eq!(
        ids(&receiver),
        BTreeSet::from(["acuity.test/ledger/3".to_owned()])
    );
}
