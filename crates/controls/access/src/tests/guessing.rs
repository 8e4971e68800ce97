//! How guessing is stopped.

use super::*;

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

/// Runs futures side by side.
async fn join<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::future::join_all(futures).await
}
