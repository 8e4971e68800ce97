//! Signing in, and the codes that carry it to other hosts.

use super::*;

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
async fn only_the_digest_of_a_token_a_code_and_a_password_is_on_disk() {
    let world = World::new().await;
    let member = world.member().await;
    let signed_in = world.signed_in(&member).await;
    let pass = world.access.pass(&signed_in, HOST, noon()).await.unwrap();
    let code = world.code(&signed_in, HOST).await;
    let session = world.session(&signed_in, HOST).await;
    let folder = world.access.store.path().parent().unwrap();
    let bytes: Vec<u8> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    let tokens = [&pass, &code, &session.token].map(|token| token.expose().as_str());
    for secret in tokens.into_iter().chain([member.1.expose()]) {
        assert!(
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        );
    }
}

#[tokio::test]
async fn a_code_opens_one_session_once_at_its_own_host_within_a_minute() {
    let world = World::new().await;
    let signed_in = world.signed_in(&world.member().await).await;
    for (host, seconds, refused) in [
        (HOST, 59, None),
        (HOST, 60, Some(Dead::Late)),
        ("hillside.acuity.localhost", 1, Some(Dead::Elsewhere)),
        ("console.acuity.localhost", 1, Some(Dead::Elsewhere)),
    ] {
        let code = world.code(&signed_in, HOST).await;
        let at = noon() + SignedDuration::from_secs(seconds);
        let entered = world.enter(&code, host, at).await;
        assert_eq!(entered.err().map(|turned| turned.why), refused, "{host}");
        let again = world.enter(&code, HOST, noon()).await.unwrap_err();
        assert_eq!(again.why, Dead::Used, "after {host} {seconds}");
        assert_eq!(again.person.unwrap().id, signed_in.person.id);
    }
    let guess = Secret::new("guess".into());
    let turned = world.enter(&guess, HOST, noon()).await.unwrap_err();
    assert_eq!((turned.why, turned.person), (Dead::Unknown, None));
}

#[tokio::test]
async fn a_code_opens_nothing_in_another_browser_and_is_spent_there() {
    let world = World::new().await;
    let signed_in = world.signed_in(&world.member().await).await;
    for browser in [None, Some(StateDigest([0; 32])), Some(StateDigest([4; 32]))] {
        let code = world.code(&signed_in, HOST).await;
        let entered = world
            .access
            .enter(&code, HOST, browser.as_ref(), None, noon())
            .await
            .unwrap();
        assert_eq!(entered.unwrap_err().why, Dead::OtherBrowser, "{browser:?}");
        let again = world.enter(&code, HOST, noon()).await.unwrap_err();
        assert_eq!(again.why, Dead::Used, "{browser:?}");
    }
}

#[tokio::test]
async fn a_code_made_for_a_browser_without_a_state_opens_nothing_in_one() {
    let world = World::new().await;
    let signed_in = world.signed_in(&world.member().await).await;
    let access = &world.access;
    let pass = access.pass(&signed_in, HOST, noon()).await.unwrap();
    let nothing = StateDigest([0; 32]);
    let code = access.code(&pass, HOST, &nothing, noon()).await.unwrap();
    let entered = access.enter(&code.unwrap(), HOST, None, None, noon()).await;
    assert_eq!(entered.unwrap().unwrap_err().why, Dead::OtherBrowser);
}

#[tokio::test]
async fn a_pass_is_no_code_and_becomes_one_once_at_its_own_target_within_a_minute() {
    let world = World::new().await;
    let signed_in = world.signed_in(&world.member().await).await;
    let access = &world.access;
    for (target, seconds, refused) in [
        (HOST, 59, None),
        (HOST, 60, Some(Dead::Late)),
        ("console.acuity.localhost", 1, Some(Dead::Elsewhere)),
    ] {
        let pass = access.pass(&signed_in, HOST, noon()).await.unwrap();
        let at = noon() + SignedDuration::from_secs(seconds);
        let code = access.code(&pass, target, &BROWSER, at).await.unwrap();
        assert_eq!(code.err().map(|turned| turned.why), refused, "{target}");
        let again = access.code(&pass, HOST, &BROWSER, noon()).await.unwrap();
        assert_eq!(again.unwrap_err().why, Dead::Used, "{target} {seconds}");
    }
    let pass = access.pass(&signed_in, HOST, noon()).await.unwrap();
    for browser in [None, Some(&BROWSER)] {
        let entered = access.enter(&pass, HOST, browser, None, noon()).await;
        assert_eq!(entered.unwrap().unwrap_err().why, Dead::Unknown);
    }
    let code = world.code(&signed_in, HOST).await;
    let exchanged = access.code(&code, HOST, &BROWSER, noon()).await.unwrap();
    assert_eq!(exchanged.unwrap_err().why, Dead::Unknown);
}

#[tokio::test]
async fn signing_in_again_in_a_browser_ends_the_session_that_it_had_there() {
    let world = World::new().await;
    let signed_in = world.signed_in(&world.member().await).await;
    let old = world.session(&signed_in, HOST).await;
    let console = "console.acuity.localhost";
    let there = world.session(&signed_in, console).await;
    for before in [&old, &there] {
        let code = world.code(&signed_in, HOST).await;
        let before = TokenDigest::of(before.token.expose());
        let entered = world
            .access
            .enter(&code, HOST, Some(&BROWSER), Some(&before), noon())
            .await;
        assert!(world.lives(&entered.unwrap().unwrap(), HOST, noon()).await);
    }
    assert!(!world.lives(&old, HOST, noon()).await);
    assert!(
        world.lives(&there, console, noon()).await,
        "not of this host"
    );
}

#[tokio::test]
async fn one_code_handed_in_by_many_at_once_opens_one_session() {
    let world = World::new().await;
    let signed_in = world.signed_in(&world.member().await).await;
    let code = world.code(&signed_in, HOST).await;
    let (a, b, c) = tokio::join!(
        world.enter(&code, HOST, noon()),
        world.enter(&code, HOST, noon()),
        world.enter(&code, HOST, noon()),
    );
    let opened = [a, b, c].into_iter().filter(Result::is_ok).count();
    assert_eq!(opened, 1);
}
