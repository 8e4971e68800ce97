//! The second factor: set up, shown, taken away.

use super::*;
use crate::second_factor::totp::{Key, step};

/// Of administrators, again after a quarter of an hour.
async fn demanding() -> World {
    World::with(Some(SecondFactor {
        of: vec![Role::Administrator],
        again_after: minutes(15),
    }))
    .await
}

fn typed(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// The code that an application shows at an instant.
fn shows(offer: &Offer, at: Timestamp) -> Secret<String> {
    let key = offer.key();
    let mut bits = 0_u64;
    let mut bytes = Vec::new();
    for (place, sign) in key.expose().bytes().enumerate() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
            .iter()
            .position(|known| *known == sign);
        bits = (bits << 5) | value.unwrap() as u64;
        if place % 8 == 7 {
            bytes.extend_from_slice(&bits.to_be_bytes()[3..]);
            bits = 0;
        }
    }
    typed(&Key::of(bytes.try_into().unwrap()).code(step(at)))
}

impl World {
    /// The token of somebody whose password was right and not enough.
    async fn half(&self, person: &(Person, Password), now: Timestamp) -> Secret<String> {
        let password = typed(person.1.expose());
        let tried = self
            .access
            .sign_in(&person.0.email, &password, CLIENT, now)
            .await;
        match tried.unwrap().unwrap() {
            Tried::Half { token, .. } => token,
            Tried::In(_) => panic!("the password was enough"),
        }
    }

    async fn finish(
        &self,
        half: &Secret<String>,
        code: &Secret<String>,
        now: Timestamp,
    ) -> Result<SignedIn, CodeRefusal> {
        let finished = self.access.finish(half, code, CLIENT, now).await.unwrap();
        finished.map_err(|stopped| stopped.why)
    }

    /// Sets somebody up at the sign-in page, at noon.
    async fn set_up(&self, person: &(Person, Password)) -> (Offer, RecoveryCodes) {
        let half = self.half(person, noon()).await;
        let offer = self
            .access
            .offer_halfway(&half, noon())
            .await
            .unwrap()
            .unwrap();
        let code = shows(&offer, noon());
        let confirmed = self
            .access
            .confirm_halfway(&half, &code, CLIENT, noon())
            .await;
        (offer, confirmed.unwrap().unwrap())
    }
}

async fn administrator_of(world: &World) -> (Person, Password) {
    world
        .person("ada@trust.example", Role::Administrator, Some("riverside"))
        .await
}

#[tokio::test]
async fn an_administrator_sets_a_second_factor_up_at_the_first_sign_in_and_then_goes_in() {
    let world = demanding().await;
    let ada = administrator_of(&world).await;
    let half = world.half(&ada, noon()).await;
    assert_eq!(
        world.finish(&half, &typed(""), noon()).await.unwrap_err(),
        CodeRefusal::Missing
    );
    let offer = world
        .access
        .offer_halfway(&half, noon())
        .await
        .unwrap()
        .unwrap();
    let address = offer.address("Acuity & Co");
    assert!(
        address
            .expose()
            .starts_with("otpauth://totp/Acuity%20%26%20Co:ada@trust.example?secret=")
    );
    let wrong = world
        .access
        .confirm_halfway(&half, &typed("000000"), CLIENT, noon())
        .await;
    assert_eq!(wrong.unwrap().unwrap_err().why, CodeRefusal::Wrong);
    let confirmed = world
        .access
        .confirm_halfway(&half, &shows(&offer, noon()), CLIENT, noon())
        .await;
    assert_eq!(confirmed.unwrap().unwrap().expose().count(), 10);
    let signed_in = world.finish(&half, &typed(""), noon()).await.unwrap();
    let session = world.session(&signed_in, HOST).await;
    assert_eq!(session.session.verified, Some(noon()));
    assert!(world.lives(&session, HOST, noon()).await);
    assert_eq!(
        world.finish(&half, &typed(""), noon()).await.unwrap_err(),
        CodeRefusal::Late
    );
}

#[tokio::test]
async fn a_code_is_taken_once_and_an_older_one_never_after_it() {
    let world = demanding().await;
    let ada = administrator_of(&world).await;
    let (offer, _) = world.set_up(&ada).await;
    let later = noon() + minutes(2);
    let half = world.half(&ada, later).await;
    for (code, refused) in [
        (typed("000000"), Some(CodeRefusal::Wrong)),
        (shows(&offer, later - minutes(5)), Some(CodeRefusal::Wrong)),
        (shows(&offer, noon()), Some(CodeRefusal::Wrong)),
        (shows(&offer, later), None),
    ] {
        assert_eq!(world.finish(&half, &code, later).await.err(), refused);
    }
    let half = world.half(&ada, later).await;
    for at in [later, later - SignedDuration::from_secs(30)] {
        let again = world.finish(&half, &shows(&offer, at), later).await;
        assert_eq!(again.unwrap_err(), CodeRefusal::Again);
    }
    let next = later + SignedDuration::from_secs(30);
    assert!(
        world
            .finish(&half, &shows(&offer, next), later)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_recovery_code_is_taken_once() {
    let world = demanding().await;
    let ada = administrator_of(&world).await;
    let (_, codes) = world.set_up(&ada).await;
    let code = typed(codes.expose().nth(3).unwrap());
    for refused in [None, Some(CodeRefusal::Wrong)] {
        let half = world.half(&ada, noon()).await;
        assert_eq!(world.finish(&half, &code, noon()).await.err(), refused);
    }
}

#[tokio::test]
async fn ten_wrong_codes_stop_the_right_one() {
    let world = demanding().await;
    let ada = administrator_of(&world).await;
    let (offer, _) = world.set_up(&ada).await;
    let later = noon() + minutes(1);
    let half = world.half(&ada, later).await;
    for _ in 0..10 {
        assert_eq!(
            world
                .finish(&half, &typed("000000"), later)
                .await
                .unwrap_err(),
            CodeRefusal::Wrong
        );
    }
    let right = shows(&offer, later);
    assert_eq!(
        world.finish(&half, &right, later).await.unwrap_err(),
        CodeRefusal::Throttled
    );
}

#[tokio::test]
async fn a_second_factor_that_was_taken_out_of_the_store_or_is_anothers_lets_nobody_in() {
    let world = demanding().await;
    let ada = administrator_of(&world).await;
    let bo = world
        .person("bo@trust.example", Role::Administrator, Some("riverside"))
        .await;
    let (offer, _) = world.set_up(&ada).await;
    world.set_up(&bo).await;
    let later = noon() + minutes(1);
    for harm in [
        "update second_factor set sealed = (select sealed from second_factor as other \
         where other.person <> second_factor.person) \
         where person = (select id from person where email_key = 'ada@trust.example')",
        "delete from second_factor",
    ] {
        let half = world.half(&ada, later).await;
        world.behind_our_back(harm).await;
        assert!(
            world
                .access
                .offer_halfway(&half, later)
                .await
                .unwrap()
                .is_none()
        );
        let refused = world.finish(&half, &shows(&offer, later), later).await;
        assert_eq!(refused.unwrap_err(), CodeRefusal::Missing, "{harm}");
    }
    world
        .behind_our_back("update person set second_factor = null")
        .await;
    let password = typed(ada.1.expose());
    let tried = world
        .access
        .sign_in(&ada.0.email, &password, CLIENT, later)
        .await;
    assert_eq!(tried.unwrap().unwrap_err(), Refusal::Wrong);
}

#[tokio::test]
async fn a_session_without_one_ends_once_the_statement_demands_it() {
    let world = World::new().await;
    let ada = administrator_of(&world).await;
    let signed_in = world.signed_in(&ada).await;
    let session = world.session(&signed_in, HOST).await;
    let mut world = world;
    world.access.settings.second_factor = Some(SecondFactor {
        of: vec![Role::Administrator],
        again_after: minutes(15),
    });
    assert!(!world.lives(&session, HOST, noon()).await);
}

#[tokio::test]
async fn a_code_counts_until_the_stated_time_has_passed_and_is_then_asked_for_again() {
    let world = demanding().await;
    let ada = administrator_of(&world).await;
    let (offer, _) = world.set_up(&ada).await;
    let half = world.half(&ada, noon()).await;
    let soon = noon() + SignedDuration::from_secs(30);
    let signed_in = world
        .finish(&half, &shows(&offer, soon), noon())
        .await
        .unwrap();
    let opened = world.session(&signed_in, HOST).await;
    let (token, session) = (TokenDigest::of(opened.token.expose()), opened.session);
    for (minute, shown) in [(0, Shown::Fresh), (14, Shown::Fresh), (15, Shown::Stale)] {
        assert_eq!(
            world
                .access
                .shown_for_act(&session, noon() + minutes(minute)),
            shown,
            "{minute}"
        );
    }
    let later = noon() + minutes(16);
    assert!(world.access.renew_recovery(&session, later).await.is_err());
    let again = world
        .access
        .show_again(&session, &token, &shows(&offer, later), CLIENT, later)
        .await;
    assert!(again.unwrap().is_ok());
    let session = world
        .access
        .resolve(&token, HOST, later)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(world.access.shown_for_act(&session, later), Shown::Fresh);
    assert!(world.access.renew_recovery(&session, later).await.is_ok());
}

#[tokio::test]
async fn somebody_may_have_one_of_their_own_accord_and_take_it_away_again() {
    let world = World::new().await;
    let sam = world.member().await;
    let signed_in = world.signed_in(&sam).await;
    let opened = world.session(&signed_in, HOST).await;
    let (token, session) = (TokenDigest::of(opened.token.expose()), opened.session);
    assert_eq!(world.access.shown(&session, noon()), Shown::Unneeded);
    let offer = world.access.offer(&session).await.unwrap();
    let confirmed = world
        .access
        .confirm(&session, &token, &shows(&offer, noon()), CLIENT, noon())
        .await;
    assert!(confirmed.unwrap().is_ok());
    world.half(&sam, noon()).await;
    let session = world
        .access
        .resolve(&token, HOST, noon())
        .await
        .unwrap()
        .unwrap();
    assert!(world.access.offer(&session).await.is_err());
    assert!(
        world
            .access
            .remove_own_factor(&session, noon() + minutes(15))
            .await
            .is_err()
    );
    world
        .access
        .remove_own_factor(&session, noon())
        .await
        .unwrap();
    world.signed_in(&sam).await;
}

#[tokio::test]
async fn only_another_administrator_within_reach_takes_a_second_factor_away() {
    let world = demanding().await;
    let ada = administrator_of(&world).await;
    world.set_up(&ada).await;
    let half = world.half(&ada, noon()).await;
    let elsewhere = Administrator::supposed(tenant("hillside"));
    assert!(matches!(
        world
            .access
            .remove_factor(&elsewhere, &ada.0.id, noon())
            .await,
        Err(AccessError::Absent)
    ));
    let sue = world
        .administrator("sue@supplier.example", Role::Supplier, None)
        .await;
    world
        .access
        .remove_factor(&sue, &ada.0.id, noon())
        .await
        .unwrap();
    assert!(
        world.access.halfway(&half, noon()).await.unwrap().is_none(),
        "half way in at the time"
    );
    let half = world.half(&ada, noon()).await;
    let wants = world
        .access
        .halfway(&half, noon())
        .await
        .unwrap()
        .unwrap()
        .wants;
    assert_eq!(wants, Wanted::Enrolment);
}
