//! Accounts, and who may make and change them.

use super::*;

#[tokio::test]
async fn one_address_is_one_account_whatever_its_letters_and_its_tenant() {
    let world = World::new().await;
    world.member().await;
    for of in ["riverside", "hillside"] {
        let again = NewPerson {
            email: "SAM@Trust.Example".into(),
            name: "Sam".into(),
            role: Role::Member,
            tenant: Some(tenant(of)),
        };
        assert!(
            matches!(
                world.access.set_up(again, noon()).await,
                Err(AccessError::Taken)
            ),
            "{of}"
        );
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_stored() {
    let world = World::new().await;
    let (member, supplier) = (Role::Member, Role::Supplier);
    for (email, name, role, of, refused) in [
        ("sam", "Sam", member, Some("riverside"), "BadEmail"),
        ("a@b.example", "  ", member, Some("riverside"), "BadName"),
        (
            "a@b.example",
            "Sam\nSam",
            member,
            Some("riverside"),
            "BadName",
        ),
        ("a@b.example", "Sam", member, None, "BadRole"),
        ("a@b.example", "Sam", supplier, Some("riverside"), "BadRole"),
        ("a@b.example", "Sam", member, Some("nowhere"), "NoTenant"),
    ] {
        let new = NewPerson {
            email: email.into(),
            name: name.into(),
            role,
            tenant: of.map(tenant),
        };
        let error = world.access.set_up(new, noon()).await.unwrap_err();
        assert_eq!(format!("{error:?}"), refused, "{email} {name}");
    }
}

#[tokio::test]
async fn a_member_is_no_administrator() {
    let world = World::new().await;
    let signed_in = world.signed_in(&world.member().await).await;
    let session = world.session(&signed_in, HOST).await.session;
    assert_eq!(
        world.access.administrator(&session).unwrap_err(),
        Forbidden::NotAdministrator
    );
}

#[tokio::test]
async fn an_administrators_reach_ends_at_their_own_tenant() {
    let world = World::new().await;
    let own = world
        .administrator("ada@trust.example", Role::Administrator, Some("riverside"))
        .await;
    let supplier = world
        .administrator("sue@supplier.example", Role::Supplier, None)
        .await;
    let (stranger, _) = world
        .person("sid@other.example", Role::Member, Some("hillside"))
        .await;
    let id = &stranger.id;
    let access = &world.access;
    for refused in [
        access.disable(&own, id, noon()).await.unwrap_err(),
        access.reset(&own, id, noon()).await.unwrap_err(),
        access.enable(&own, id, noon()).await.unwrap_err(),
        access
            .reset(&own, &PersonId::new("no such person"), noon())
            .await
            .unwrap_err(),
    ] {
        assert!(matches!(refused, AccessError::Absent), "{refused}");
    }
    for (role, of) in [(Role::Member, Some("hillside")), (Role::Supplier, None)] {
        let new = NewPerson {
            email: "x@y.example".into(),
            name: "X".into(),
            role,
            tenant: of.map(tenant),
        };
        let refused = access.create(&own, new, noon()).await.unwrap_err();
        assert!(
            matches!(refused, AccessError::Forbidden(Forbidden::BeyondReach)),
            "{refused}"
        );
    }
    let seen = |people: Vec<Person>| {
        people
            .into_iter()
            .map(|person| person.email)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        seen(access.list(&own).await.unwrap()),
        ["ada@trust.example"]
    );
    let all = [
        "ada@trust.example",
        "sid@other.example",
        "sue@supplier.example",
    ];
    assert_eq!(seen(access.list(&supplier).await.unwrap()), all);
    access.reset(&supplier, id, noon()).await.unwrap();
}

#[tokio::test]
async fn every_account_names_who_nominated_it_and_when() {
    let world = World::new().await;
    let by = world
        .administrator("ada@trust.example", Role::Administrator, Some("riverside"))
        .await;
    let new = NewPerson {
        email: "new@trust.example".into(),
        name: "New".into(),
        role: Role::Administrator,
        tenant: Some(tenant("riverside")),
    };
    world
        .access
        .create(&by, new, noon() + minutes(1))
        .await
        .unwrap();
    let people = world.access.list(&by).await.unwrap();
    let (first, second) = (&people[0], &people[1]);
    assert_eq!(
        (first.nominated_by.as_str(), first.nominated_at),
        ("setup", noon())
    );
    assert_eq!(
        (second.nominated_by.as_str(), second.nominated_at),
        (first.id.as_str(), noon() + minutes(1))
    );
}

#[tokio::test]
async fn closing_an_account_ends_its_sessions_and_codes_and_shuts_it() {
    let world = World::new().await;
    let by = world
        .administrator("ada@trust.example", Role::Administrator, Some("riverside"))
        .await;
    let member = world.member().await;
    let signed_in = world.signed_in(&member).await;
    let session = world.session(&signed_in, HOST).await;
    let code = world.code(&signed_in, HOST).await;
    assert!(world.lives(&session, HOST, noon()).await);

    world
        .access
        .disable(&by, &member.0.id, noon())
        .await
        .unwrap();
    assert!(!world.lives(&session, HOST, noon()).await);
    let gone = world.enter(&code, HOST, noon()).await.unwrap_err();
    assert_eq!(gone.why, Dead::Unknown);
    let pass = world.access.pass(&signed_in, HOST, noon()).await.unwrap();
    let late = world.access.code(&pass, HOST, &BROWSER, noon()).await;
    assert_eq!(late.unwrap().unwrap_err().why, Dead::Closed);
    assert!(
        world
            .try_sign_in(&member.0.email, member.1.expose(), CLIENT, noon())
            .await
            .is_err()
    );

    let anew = world
        .access
        .enable(&by, &member.0.id, noon())
        .await
        .unwrap();
    assert!(
        world
            .try_sign_in(&member.0.email, anew.expose(), CLIENT, noon())
            .await
            .is_ok()
    );
    let own = PersonId(world.access.list(&by).await.unwrap()[0].id.0.clone());
    let refused = world.access.disable(&by, &own, noon()).await.unwrap_err();
    assert!(
        matches!(refused, AccessError::Forbidden(Forbidden::Own)),
        "{refused}"
    );
}

#[tokio::test]
async fn a_reset_kills_the_old_password_and_the_sessions() {
    let world = World::new().await;
    let by = world
        .administrator("ada@trust.example", Role::Administrator, Some("riverside"))
        .await;
    let member = world.member().await;
    let session = world.session(&world.signed_in(&member).await, HOST).await;
    let anew = world.access.reset(&by, &member.0.id, noon()).await.unwrap();
    assert!(!world.lives(&session, HOST, noon()).await);
    assert!(
        world
            .try_sign_in(&member.0.email, member.1.expose(), CLIENT, noon())
            .await
            .is_err()
    );
    assert!(
        world
            .try_sign_in(&member.0.email, anew.expose(), CLIENT, noon())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_row_changed_behind_our_back_opens_nothing_and_cannot_be_laundered() {
    for change in [
        "update person set role = 'administrator' where email_key = 'sam@trust.example'",
        "update person set tenant = 'hillside' where email_key = 'sam@trust.example'",
        "update person set password = (select password from person where email_key = 'eve@trust.example') \
         where email_key = 'sam@trust.example'",
        "update person set length = 64 where email_key = 'sam@trust.example'",
        "update person set nominated_by = 'nobody' where email_key = 'sam@trust.example'",
    ] {
        let world = World::new().await;
        let by = world
            .administrator("ada@trust.example", Role::Administrator, Some("riverside"))
            .await;
        let eve = world
            .person("eve@trust.example", Role::Member, Some("riverside"))
            .await;
        let member = world.member().await;
        let session = world.session(&world.signed_in(&member).await, HOST).await;
        assert!(world.lives(&session, HOST, noon()).await);
        world.behind_our_back(change).await;
        assert!(
            !world
                .lives(&session, HOST, noon() + SignedDuration::from_secs(1))
                .await,
            "{change}"
        );
        for password in [&member.1, &eve.1] {
            let refused = world
                .try_sign_in("sam@trust.example", password.expose(), CLIENT, noon())
                .await;
            assert!(refused.is_err(), "{change}");
        }
        let reset = world.access.reset(&by, &member.0.id, noon()).await;
        assert!(
            matches!(reset, Err(AccessError::Altered | AccessError::Absent)),
            "{change}: {reset:?}"
        );
    }
}

#[tokio::test]
async fn a_tenants_administrators_learn_of_few_addresses_in_use_elsewhere() {
    let world = World::new().await;
    let administrator = Role::Administrator;
    let ada = world
        .administrator("ada@trust.example", administrator, Some("riverside"))
        .await;
    let amy = world
        .administrator("amy@trust.example", administrator, Some("riverside"))
        .await;
    let hal = world
        .administrator("hal@other.example", administrator, Some("hillside"))
        .await;
    let add = |by, email: &str, of, at| {
        let new = NewPerson {
            email: email.to_owned(),
            name: "New".into(),
            role: Role::Member,
            tenant: Some(tenant(of)),
        };
        world.access.create(by, new, at)
    };
    for by in [&ada, &amy].repeat(5) {
        let refused = add(by, "HAL@other.example", "riverside", noon()).await;
        assert!(matches!(refused, Err(AccessError::Elsewhere)));
        let own = add(by, "Amy@trust.example", "riverside", noon()).await;
        assert!(!matches!(own, Err(AccessError::Elsewhere)), "its own");
    }
    for email in [
        "hal@other.example",
        "free@trust.example",
        "amy@trust.example",
    ] {
        let refused = add(&amy, email, "riverside", noon()).await.unwrap_err();
        assert!(matches!(refused, AccessError::TooManyTaken), "{email}");
    }
    add(&hal, "free@other.example", "hillside", noon())
        .await
        .unwrap();
    let a_day_later = noon() + SignedDuration::from_hours(24);
    add(&amy, "free@trust.example", "riverside", a_day_later)
        .await
        .unwrap();
}
