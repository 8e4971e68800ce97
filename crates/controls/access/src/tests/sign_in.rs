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
