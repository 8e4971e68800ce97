//! A second person: asked, approved by somebody else, used once.

use super::*;

const ACT: &str = "start a drill of riverside";

async fn two_persons() -> World {
    let mut world = World::new().await;
    world.access.settings.reach = Some(Reach {
        of: vec![Role::Supplier, Role::Administrator],
        second_person: true,
    });
    world
}

impl World {
    async fn of(&self, email: &str, role: Role, tenant: Option<&str>) -> Session {
        let person = self.person(email, role, tenant).await;
        let signed_in = self.signed_in(&person).await;
        self.session(&signed_in, "console.acuity.localhost")
            .await
            .session
    }

    async fn second(&self, who: &Session, now: Timestamp) -> Second {
        let riverside = tenant("riverside");
        self.access
            .second(who, ACT, Some(&riverside), now)
            .await
            .unwrap()
    }

    async fn asks(&self, who: &Session) -> Request {
        match self.second(who, noon()).await {
            Second::Asked(request) => request,
            other => panic!("{other:?}"),
        }
    }

    async fn refuses(&self, who: &Session, id: &str, now: Timestamp) -> bool {
        self.access.approve(who, id, now).await.is_err()
    }
}

#[tokio::test]
async fn what_somebody_asks_for_is_done_once_after_somebody_else_approved_it() {
    let world = two_persons().await;
    let sue = world.of("sue@supplier.example", Role::Supplier, None).await;
    let tom = world.of("tom@supplier.example", Role::Supplier, None).await;
    let request = world.asks(&sue).await;
    assert_eq!(
        world.second(&sue, noon()).await,
        Second::Waiting(request.clone())
    );
    assert!(world.refuses(&sue, &request.id, noon()).await, "one's own");
    world
        .access
        .approve(&tom, &request.id, noon())
        .await
        .unwrap();
    assert!(world.refuses(&tom, &request.id, noon()).await, "twice");
    assert!(
        matches!(world.second(&tom, noon()).await, Second::Asked(_)),
        "the other one asks for their own"
    );
    let Second::Approved(used) = world.second(&sue, noon()).await else {
        panic!("it was approved");
    };
    assert_eq!(used.approved, Some(tom.person.id.clone()));
    assert!(
        matches!(world.second(&sue, noon()).await, Second::Asked(_)),
        "used up"
    );
}

#[tokio::test]
async fn only_those_who_may_approve_and_only_within_their_reach() {
    let world = two_persons().await;
    let sue = world.of("sue@supplier.example", Role::Supplier, None).await;
    let here = world
        .of(
            "ada@riverside.example",
            Role::Administrator,
            Some("riverside"),
        )
        .await;
    let member = world
        .of("mo@riverside.example", Role::Member, Some("riverside"))
        .await;
    let there = world
        .of(
            "hal@hillside.example",
            Role::Administrator,
            Some("hillside"),
        )
        .await;
    let request = world.asks(&sue).await;
    for who in [&member, &there] {
        assert!(world.refuses(who, &request.id, noon()).await);
        assert!(world.access.waiting(who, noon()).await.unwrap().is_empty());
    }
    assert_eq!(
        world.access.waiting(&here, noon()).await.unwrap(),
        std::slice::from_ref(&request)
    );
    assert!(!world.refuses(&here, &request.id, noon()).await);
}

#[tokio::test]
async fn a_request_and_an_approval_run_out_after_an_hour() {
    let world = two_persons().await;
    let sue = world.of("sue@supplier.example", Role::Supplier, None).await;
    let tom = world.of("tom@supplier.example", Role::Supplier, None).await;
    let request = world.asks(&sue).await;
    assert!(world.refuses(&tom, &request.id, noon() + minutes(60)).await);
    world
        .access
        .approve(&tom, &request.id, noon() + minutes(59))
        .await
        .unwrap();
    let late = noon() + minutes(119);
    assert!(matches!(world.second(&sue, late).await, Second::Asked(_)));
    let ended = world.access.run_out(late).await.unwrap();
    assert_eq!(
        ended.iter().map(|request| &request.id).collect::<Vec<_>>(),
        [&request.id]
    );
    assert!(
        world.access.run_out(late).await.unwrap().is_empty(),
        "said once"
    );
}

#[tokio::test]
async fn an_approval_that_was_written_into_the_store_is_worth_nothing() {
    let world = two_persons().await;
    let sue = world.of("sue@supplier.example", Role::Supplier, None).await;
    world.asks(&sue).await;
    world
        .behind_our_back("update approval set approved_by = 'somebody'")
        .await;
    assert!(matches!(world.second(&sue, noon()).await, Second::Asked(_)));
    assert_eq!(world.access.forged_requests().await.unwrap().1.len(), 1);
}
