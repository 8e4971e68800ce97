//! People who exist only for checks.

use super::*;

#[tokio::test]
async fn a_synthetic_session_is_marked_short_and_can_be_worn() {
    let world = World::new().await;
    let (riverside, now) = (tenant("riverside"), noon());
    let open = |worn| world.access.synthetic_session(&riverside, HOST, worn, now);
    let new = open(Worn::default()).await.unwrap();
    assert!(new.session.person.synthetic);
    assert_eq!(new.session.person.role, Role::Member);
    assert!(
        world
            .lives(&new, HOST, now + SignedDuration::from_secs(119))
            .await
    );
    assert!(
        !world
            .lives(&new, HOST, now + SignedDuration::from_secs(120))
            .await
    );
    for (created, used, lives) in [
        (29, 29, true),
        (30, 30, false),
        (719, 0, true),
        (720, 0, false),
    ] {
        let worn = open(Worn {
            created: minutes(created),
            used: minutes(used),
        })
        .await
        .unwrap();
        assert_eq!(
            world.lives(&worn, HOST, now).await,
            lives,
            "{created} {used}"
        );
    }
    let nowhere = tenant("nowhere");
    let refused = world
        .access
        .synthetic_session(&nowhere, HOST, Worn::default(), now)
        .await
        .unwrap_err();
    assert!(matches!(refused, AccessError::NoTenant), "{refused}");
}

#[tokio::test]
async fn what_the_checks_try_is_refused_and_leaves_no_trace() {
    let world = World::new().await;
    let (access, riverside, hillside) = (&world.access, tenant("riverside"), tenant("hillside"));
    let guest = access.guest(&riverside, noon()).await.unwrap();
    for of in [&riverside, &hillside] {
        let again = access.register_again(&guest, of, noon()).await;
        assert!(matches!(again, Err(AccessError::Taken)), "{of}: {again:?}");
    }
    let reset = access
        .reset(&Administrator::supposed(hillside), &guest.id, noon())
        .await;
    assert!(matches!(reset, Err(AccessError::Absent)), "{reset:?}");
    let session = access.guest_session(&guest, HOST, noon()).await.unwrap();
    assert!(world.lives(&session, HOST, noon()).await);
    access
        .reset(&Administrator::supposed(riverside), &guest.id, noon())
        .await
        .unwrap();
    assert!(!world.lives(&session, HOST, noon()).await);
    assert_eq!(access.accounts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_dismissed_guest_leaves_nothing_behind() {
    let world = World::new().await;
    let guest = world
        .access
        .guest(&tenant("riverside"), noon())
        .await
        .unwrap();
    for _ in 0..9 {
        assert!(
            world
                .try_sign_in(&guest.email, "guess", CLIENT, noon())
                .await
                .is_err()
        );
    }
    let signed_in = world
        .try_sign_in(&guest.email, guest.password.expose(), CLIENT, noon())
        .await
        .unwrap();
    let session = world.session(&signed_in, HOST).await;
    world.access.dismiss(&guest).await.unwrap();
    assert!(!world.lives(&session, HOST, noon()).await);
    for sql in [
        "select count(*) from person",
        "select count(*) from failure",
        "select count(*) from known_client",
    ] {
        let left: i64 = sqlx::query_scalar(sql)
            .fetch_one(world.access.store.readers())
            .await
            .unwrap();
        assert_eq!(left, 0, "{sql}");
    }
}
