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
async fn whose_a_session_was_is_known_until_an_act_ends_it() {
    let world = World::new().await;
    let member = world.member().await;
    let new = world.session(&world.signed_in(&member).await, HOST).await;
    let digest = TokenDigest::of(new.token.expose());
    let much_later = noon() + minutes(12 * 60);
    assert!(!world.lives(&new, HOST, much_later).await);
    let was = world.access.was(&digest, much_later).await.unwrap();
    assert_eq!(was.unwrap().person.id, member.0.id);
    world.access.sign_out(&new.session).await.unwrap();
    let ended = world.access.was(&digest, noon()).await.unwrap();
    assert!(ended.is_none());
}

#[tokio::test]
async fn signing_out_ends_every_sign_in_of_the_person_and_nobody_elses() {
    const CONSOLE: &str = "console.acuity.localhost";
    let world = World::new().await;
    let member = world.member().await;
    let neighbour = world
        .person("eve@trust.example", Role::Member, Some("riverside"))
        .await;
    let (one, other) = (
        world.signed_in(&member).await,
        world.signed_in(&member).await,
    );
    let here = world.session(&one, HOST).await;
    let console = world.session(&one, CONSOLE).await;
    let elsewhere = world.session(&other, HOST).await;
    let theirs = world
        .session(&world.signed_in(&neighbour).await, HOST)
        .await;
    let pending = world.code(&other, HOST).await;
    let pass = world.access.pass(&other, HOST, noon()).await.unwrap();
    assert!(world.lives(&elsewhere, HOST, noon()).await);

    world.access.sign_out(&console.session).await.unwrap();
    for (session, host) in [(&here, HOST), (&console, CONSOLE), (&elsewhere, HOST)] {
        assert!(!world.lives(session, host, noon()).await, "{host}");
    }
    let late = world.enter(&pending, HOST, noon()).await.unwrap_err();
    assert_eq!(late.why, Dead::Unknown);
    let late = world.access.code(&pass, HOST, &BROWSER, noon()).await;
    assert_eq!(late.unwrap().unwrap_err().why, Dead::Unknown);
    assert!(world.lives(&theirs, HOST, noon()).await);
}

#[tokio::test]
async fn whatever_ends_sessions_tells_of_each_that_it_ended() {
    let world = World::new().await;
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = told.clone();
    world.access.when_sessions_end(move |ended| {
        heard.lock().unwrap().extend(ended.to_vec());
        Box::pin(std::future::ready(()))
    });
    let by = world
        .administrator("ada@trust.example", Role::Administrator, Some("riverside"))
        .await;
    let member = world.member().await;
    let access = &world.access;
    let mut password = member.1.clone();
    for act in ["sign out", "reset", "disable"] {
        let as_now = (member.0.clone(), password.clone());
        let session = world.session(&world.signed_in(&as_now).await, HOST).await;
        match act {
            "sign out" => access.sign_out(&session.session).await.unwrap(),
            "reset" => password = access.reset(&by, &member.0.id, noon()).await.unwrap(),
            _ => access.disable(&by, &member.0.id, noon()).await.unwrap(),
        }
        let ended = std::mem::take(&mut *told.lock().unwrap());
        let expected = Ended {
            person: member.0.id.clone(),
            host: HOST.to_owned(),
            created: noon(),
        };
        assert_eq!(ended, [expected], "{act}");
    }
    access.tidy(noon() + minutes(12 * 60)).await.unwrap();
    let hosts: Vec<String> = told
        .lock()
        .unwrap()
        .iter()
        .map(|ended| ended.host.clone())
        .collect();
    assert_eq!(hosts, ["console.acuity.localhost"], "the administrator's");
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
