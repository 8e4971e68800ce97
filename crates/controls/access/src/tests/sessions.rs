//! How sessions live and end.

use super::*;

#[tokio::test]
async fn a_session_deleted_or_closed_behind_our_back_is_dead_within_a_second() {
    for change in ["delete from session", "update person set disabled = 1"] {
        let world = World::new().await;
        let session = world
            .session(&world.signed_in(&world.member().await).await, HOST)
            .await;
        assert!(world.lives(&session, HOST, noon()).await);
        world.behind_our_back(change).await;
        assert!(
            !world
                .lives(&session, HOST, noon() + SignedDuration::from_secs(1))
                .await,
            "{change}"
        );
    }
}

#[tokio::test]
async fn a_session_is_good_at_its_own_host_only() {
    let world = World::new().await;
    let session = world
        .session(&world.signed_in(&world.member().await).await, HOST)
        .await;
    assert!(world.lives(&session, HOST, noon()).await);
    for host in [
        "hillside.acuity.localhost",
        "console.acuity.localhost",
        "acuity.localhost",
        "",
    ] {
        assert!(!world.lives(&session, host, noon()).await, "{host}");
    }
}

#[tokio::test]
async fn use_keeps_a_session_alive_up_to_the_absolute_limit() {
    let world = World::new().await;
    let session = world
        .session(&world.signed_in(&world.member().await).await, HOST)
        .await;
    for used in (20..12 * 60).step_by(20) {
        assert!(
            world.lives(&session, HOST, noon() + minutes(used)).await,
            "after {used} minutes"
        );
    }
    assert!(!world.lives(&session, HOST, noon() + minutes(12 * 60)).await);
}

#[tokio::test]
async fn an_unused_session_ends_at_the_idle_limit() {
    let world = World::new().await;
    let session = world
        .session(&world.signed_in(&world.member().await).await, HOST)
        .await;
    assert!(!world.lives(&session, HOST, noon() + minutes(30)).await);
    assert!(world.lives(&session, HOST, noon() + minutes(29)).await);
    assert!(world.lives(&session, HOST, noon() + minutes(58)).await);
}

#[tokio::test]
async fn signing_out_ends_the_whole_sign_in_and_no_other() {
    let world = World::new().await;
    let member = world.member().await;
    let (one, other) = (
        world.signed_in(&member).await,
        world.signed_in(&member).await,
    );
    let here = world.session(&one, HOST).await;
    let console = world.session(&one, "console.acuity.localhost").await;
    let pending = world.access.code(&one, HOST, noon()).await.unwrap();
    let elsewhere = world.session(&other, HOST).await;
    assert!(world.lives(&here, HOST, noon()).await);
    world.access.sign_out(&console.session).await.unwrap();
    assert!(!world.lives(&here, HOST, noon()).await);
    assert!(
        !world
            .lives(&console, "console.acuity.localhost", noon())
            .await
    );
    assert!(
        world
            .access
            .enter(&pending, HOST, noon())
            .await
            .unwrap()
            .is_none()
    );
    assert!(world.lives(&elsewhere, HOST, noon()).await);
}

#[tokio::test]
async fn tidying_removes_what_has_ended_and_nothing_that_lives() {
    let world = World::new().await;
    let session = world
        .session(&world.signed_in(&world.member().await).await, HOST)
        .await;
    world
        .access
        .guest(&tenant("riverside"), noon())
        .await
        .unwrap();
    world.access.tidy(noon() + minutes(25)).await.unwrap();
    assert!(world.lives(&session, HOST, noon() + minutes(25)).await);
    world.access.tidy(noon() + minutes(12 * 60)).await.unwrap();
    for sql in [
        "select count(*) from person where synthetic = 1",
        "select count(*) from session",
        "select count(*) from code",
        "select count(*) from failure",
    ] {
        let left: i64 = sqlx::query_scalar(sql)
            .fetch_one(world.access.store.readers())
            .await
            .unwrap();
        assert_eq!(left, 0, "{sql}");
    }
}
