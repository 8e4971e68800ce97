use super::*;
use avouch_keyring::Secret;
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};

const HOST: &str = "riverside.acuity.localhost";
const CLIENT: &str = "192.0.2.7";
const STRANGER: &str = "203.0.113.9";

pub(crate) struct World {
    _folder: tempfile::TempDir,
    pub(crate) access: Access,
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

pub(crate) fn some_session(at: Timestamp) -> Session {
    let person = Person {
        id: PersonId::new("1"),
        email: String::new(),
        name: String::new(),
        role: Role::Member,
        tenant: Some(tenant("riverside")),
        synthetic: true,
        nominated_by: String::new(),
        nominated_at: at,
        disabled: None,
        signed_in: None,
        intact: true,
    };
    sessions::Opening::of(&person, [0; 16], HOST, at, at).into_session()
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        for (number, name) in ["riverside", "hillside"].into_iter().enumerate() {
            let mut work = store.write().await.unwrap();
            sqlx::query("insert into tenant (id, name, uid, created, status) values ($1, $1, $2, 0, 'active')")
                .bind(name)
                .bind(number as i64)
                .execute(&mut *work)
                .await
                .unwrap();
            work.commit().await.unwrap();
        }
        let settings = Settings {
            length: 12,
            session: Limits {
                idle: minutes(30),
                absolute: SignedDuration::from_hours(12),
            },
            lockout: Lockout {
                failures: 10,
                within: minutes(15),
            },
        };
        let access = Access::open(store, settings, &Secret::new([7; 32]))
            .await
            .unwrap();
        Self {
            _folder: folder,
            access,
        }
    }

    async fn person(&self, email: &str, role: Role, of: Option<&str>) -> (Person, Password) {
        let new = NewPerson {
            email: email.into(),
            name: "Sam Example".into(),
            role,
            tenant: of.map(tenant),
        };
        self.access.set_up(new, noon()).await.unwrap()
    }

    async fn member(&self) -> (Person, Password) {
        self.person("sam@trust.example", Role::Member, Some("riverside"))
            .await
    }

    async fn try_sign_in(
        &self,
        email: &str,
        password: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<SignedIn, Refusal> {
        self.access
            .sign_in(email, &Secret::new(password.to_owned()), client, now)
            .await
            .unwrap()
    }

    async fn signed_in(&self, person: &(Person, Password)) -> SignedIn {
        self.try_sign_in(&person.0.email, person.1.expose(), CLIENT, noon())
            .await
            .unwrap()
    }

    async fn session(&self, signed_in: &SignedIn, host: &str) -> NewSession {
        let code = self.access.code(signed_in, host, noon()).await.unwrap();
        self.access
            .enter(&code, host, noon())
            .await
            .unwrap()
            .unwrap()
    }

    async fn lives(&self, new: &NewSession, host: &str, now: Timestamp) -> bool {
        self.access
            .resolve(&TokenDigest::of(new.token.expose()), host, now)
            .await
            .unwrap()
            .is_some()
    }

    async fn administrator(&self, email: &str, role: Role, of: Option<&str>) -> Administrator {
        let person = self.person(email, role, of).await;
        let signed_in = self.signed_in(&person).await;
        let session = self
            .session(&signed_in, "console.acuity.localhost")
            .await
            .session;
        self.access.administrator(&session).unwrap()
    }

    /// Changes the store as somebody would who can write its file.
    async fn behind_our_back(&self, sql: &'static str) {
        let mut work = self.access.store.write().await.unwrap();
        sqlx::query(sql).execute(&mut *work).await.unwrap();
        work.commit().await.unwrap();
    }
}

#[tokio::test]
async fn the_right_password_opens_sessions_and_everything_else_is_refused_alike() {
    let world = World::new().await;
    let member = world.member().await;
    let signed_in = world
        .try_sign_in(" SAM@trust.EXAMPLE ", member.1.expose(), CLIENT, noon())
        .await
        .unwrap();
    assert_eq!(signed_in.person.id, member.0.id);
    for (email, password) in [
        ("sam@trust.example", "wrong"),
        ("nobody@trust.example", member.1.expose()),
        ("sam@trust.example", ""),
        ("", member.1.expose()),
        ("", ""),
    ] {
        let refused = world.try_sign_in(email, password, CLIENT, noon()).await;
        assert_eq!(
            refused.unwrap_err(),
            Refusal::Wrong,
            "{email:?} {password:?}"
        );
    }
}

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
        access.reset(&own, id).await.unwrap_err(),
        access.enable(&own, id).await.unwrap_err(),
        access
            .reset(&own, &PersonId::new("no such person"))
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
    access.reset(&supplier, id).await.unwrap();
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
    let code = world.access.code(&signed_in, HOST, noon()).await.unwrap();
    assert!(world.lives(&session, HOST, noon()).await);

    world
        .access
        .disable(&by, &member.0.id, noon())
        .await
        .unwrap();
    assert!(!world.lives(&session, HOST, noon()).await);
    assert!(
        world
            .access
            .enter(&code, HOST, noon())
            .await
            .unwrap()
            .is_none()
    );
    let late = world.access.code(&signed_in, HOST, noon()).await.unwrap();
    assert!(
        world
            .access
            .enter(&late, HOST, noon())
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        world
            .try_sign_in(&member.0.email, member.1.expose(), CLIENT, noon())
            .await
            .is_err()
    );

    let anew = world.access.enable(&by, &member.0.id).await.unwrap();
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
    let anew = world.access.reset(&by, &member.0.id).await.unwrap();
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
        let reset = world.access.reset(&by, &member.0.id).await;
        assert!(
            matches!(reset, Err(AccessError::Altered | AccessError::Absent)),
            "{change}: {reset:?}"
        );
    }
}

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
async fn only_the_digest_of_a_token_a_code_and_a_password_is_on_disk() {
    let world = World::new().await;
    let member = world.member().await;
    let signed_in = world.signed_in(&member).await;
    let code = world.access.code(&signed_in, HOST, noon()).await.unwrap();
    let session = world.session(&signed_in, HOST).await;
    let folder = world.access.store.path().parent().unwrap();
    let bytes: Vec<u8> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    for secret in [member.1.expose(), code.expose(), session.token.expose()] {
        assert!(
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        );
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
async fn a_code_opens_one_session_once_at_its_own_host_within_a_minute() {
    let world = World::new().await;
    let signed_in = world.signed_in(&world.member().await).await;
    for (host, seconds, opens) in [
        (HOST, 59, true),
        (HOST, 60, false),
        ("hillside.acuity.localhost", 1, false),
        ("console.acuity.localhost", 1, false),
    ] {
        let code = world.access.code(&signed_in, HOST, noon()).await.unwrap();
        let at = noon() + SignedDuration::from_secs(seconds);
        assert_eq!(
            world.access.enter(&code, host, at).await.unwrap().is_some(),
            opens,
            "{host} {seconds}"
        );
        assert!(
            world
                .access
                .enter(&code, HOST, noon())
                .await
                .unwrap()
                .is_none(),
            "used twice after {host} {seconds}"
        );
    }
    assert!(
        world
            .access
            .enter(&Secret::new("guess".into()), HOST, noon())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn one_code_handed_in_by_many_at_once_opens_one_session() {
    let world = World::new().await;
    let signed_in = world.signed_in(&world.member().await).await;
    let code = world.access.code(&signed_in, HOST, noon()).await.unwrap();
    let (a, b, c) = tokio::join!(
        world.access.enter(&code, HOST, noon()),
        world.access.enter(&code, HOST, noon()),
        world.access.enter(&code, HOST, noon()),
    );
    let opened = [a, b, c]
        .into_iter()
        .filter(|opened| opened.as_ref().unwrap().is_some())
        .count();
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn ten_failures_stop_an_account_until_they_have_passed_out_of_the_window() {
    let world = World::new().await;
    let member = world.member().await;
    for email in ["sam@trust.example", "nobody@trust.example"] {
        for guess in 0..10 {
            let refused = world.try_sign_in(email, "guess", STRANGER, noon()).await;
            assert_eq!(refused.unwrap_err(), Refusal::Wrong, "{email} {guess}");
        }
        for minute in 0..15 {
            let now = noon() + minutes(minute);
            let refused = world
                .try_sign_in(email, member.1.expose(), "198.51.100.1", now)
                .await;
            assert_eq!(
                refused.unwrap_err(),
                Refusal::AccountThrottled,
                "{email} after {minute} minutes"
            );
        }
    }
    let later = noon() + minutes(15);
    assert!(
        world
            .try_sign_in(&member.0.email, member.1.expose(), STRANGER, later)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn many_guesses_at_once_get_no_more_than_their_share() {
    let world = World::new().await;
    world.member().await;
    let guesses =
        (0..15).map(|_| world.try_sign_in("sam@trust.example", "guess", STRANGER, noon()));
    let mut tried = 0;
    for outcome in join(guesses).await {
        tried += usize::from(outcome.unwrap_err() == Refusal::Wrong);
    }
    assert_eq!(tried, 10);
}

#[tokio::test]
async fn a_strangers_guesses_do_not_lock_out_a_client_the_account_knows() {
    let world = World::new().await;
    let member = world.member().await;
    world.signed_in(&member).await;
    for _ in 0..12 {
        assert!(
            world
                .try_sign_in(&member.0.email, "guess", STRANGER, noon())
                .await
                .is_err()
        );
    }
    assert!(
        world
            .try_sign_in(&member.0.email, member.1.expose(), CLIENT, noon())
            .await
            .is_ok()
    );
    let refused = world
        .try_sign_in(&member.0.email, member.1.expose(), STRANGER, noon())
        .await;
    assert_eq!(refused.unwrap_err(), Refusal::AccountThrottled);
    for _ in 0..10 {
        assert!(
            world
                .try_sign_in(&member.0.email, "guess", CLIENT, noon())
                .await
                .is_err()
        );
    }
    let refused = world
        .try_sign_in(&member.0.email, member.1.expose(), CLIENT, noon())
        .await;
    assert_eq!(refused.unwrap_err(), Refusal::AccountThrottled);
}

#[tokio::test]
async fn a_client_that_guesses_at_many_accounts_is_stopped() {
    let world = World::new().await;
    for guess in 0..100 {
        let email = format!("{guess}@trust.example");
        assert_eq!(
            world
                .access
                .take_turn(&email, STRANGER, noon())
                .await
                .unwrap(),
            throttle::Turn::Taken
        );
    }
    let member = world.member().await;
    let refused = world
        .try_sign_in(&member.0.email, member.1.expose(), STRANGER, noon())
        .await;
    assert_eq!(refused.unwrap_err(), Refusal::ClientThrottled);
    assert!(
        world
            .try_sign_in(&member.0.email, member.1.expose(), CLIENT, noon())
            .await
            .is_ok()
    );
}

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

#[tokio::test]
async fn tidying_removes_what_has_ended_and_nothing_that_lives() {
    let world = World::new().await;
    let session = world
        .session(&world.signed_in(&world.member().await).await, HOST)
        .await;
    world.access.tidy(noon() + minutes(25)).await.unwrap();
    assert!(world.lives(&session, HOST, noon() + minutes(25)).await);
    world.access.tidy(noon() + minutes(12 * 60)).await.unwrap();
    for sql in [
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

/// Runs futures side by side.
async fn join<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::future::join_all(futures).await
}
