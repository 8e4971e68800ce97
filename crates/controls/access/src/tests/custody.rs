//! The supplier, and the administrators of an organisation that alone decides who reads its trail.

use super::*;

async fn world() -> World {
    World::made(None, true).await
}

async fn ada(world: &World, email: &str) -> (Person, Administrator) {
    let riverside = Some("riverside");
    let ada = world.person(email, Role::Administrator, riverside).await;
    let signed_in = world.signed_in(&ada).await;
    let session = world.session(&signed_in, HOST).await.session;
    (ada.0, world.access.administrator(&session).unwrap())
}

fn new(email: &str, role: Role) -> NewPerson {
    NewPerson {
        email: email.into(),
        name: "Made anew".into(),
        role,
        tenant: Some(tenant("riverside")),
    }
}

const THEIRS: AccessError = AccessError::Forbidden(Forbidden::Theirs);

#[tokio::test]
async fn while_an_organisation_has_an_administrator_the_supplier_makes_it_no_other_way_in() {
    let world = world().await;
    let sue = world
        .administrator("sue@supplier.example", Role::Supplier, None)
        .await;
    let (ada, _) = ada(&world, "ada@trust.example").await;
    let (bea, by_bea) = self::ada(&world, "bea@trust.example").await;
    let access = &world.access;
    let refused = [
        access.reset(&sue, &ada.id, noon()).await.map(|_| ()),
        access.remove_factor(&sue, &ada.id, noon()).await,
        access
            .create(&sue, new("cat@trust.example", Role::Administrator), noon())
            .await
            .map(|_| ()),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().to_string(), THEIRS.to_string());
    }
    let member = new("mo@trust.example", Role::Member);
    let (member, _) = access.create(&sue, member, noon()).await.unwrap();
    access.reset(&sue, &member.id, noon()).await.unwrap();
    access.reset(&by_bea, &ada.id, noon()).await.unwrap();
    access
        .reset(&access.operator(), &ada.id, noon())
        .await
        .unwrap();
    for id in [&member.id, &ada.id, &bea.id] {
        assert_eq!(access.waits_until(id, noon()).await.unwrap(), None);
    }
    let tried = access.supplier_kept_out(&tenant("riverside"), noon()).await;
    assert_eq!(tried.unwrap(), [(ada.id, true), (bea.id, true)]);
}

#[tokio::test]
async fn what_the_supplier_makes_where_nobody_else_could_opens_no_trail_for_a_day_nor_does_what_it_makes()
 {
    let world = world().await;
    let sue = world
        .administrator("sue@supplier.example", Role::Supplier, None)
        .await;
    let (ada, by_ada) = ada(&world, "ada@trust.example").await;
    let access = &world.access;
    let tried = access.supplier_kept_out(&tenant("riverside"), noon()).await;
    assert_eq!(tried.unwrap(), [(ada.id.clone(), true)]);
    let waits = async |id: &PersonId, at| access.waits_until(id, at).await.unwrap();
    assert_eq!(waits(&ada.id, noon()).await, None, "the trial was undone");

    access.reset(&sue, &ada.id, noon()).await.unwrap();
    let later = noon() + minutes(60);
    let (bea, _) = access
        .create(
            &by_ada,
            new("bea@trust.example", Role::Administrator),
            later,
        )
        .await
        .unwrap();
    access.reset(&by_ada, &ada.id, later).await.unwrap();
    let until = noon() + minutes(24 * 60);
    for (id, until) in [(&ada.id, until), (&bea.id, until + minutes(60))] {
        assert_eq!(waits(id, later).await, Some(until));
        assert_eq!(waits(id, until - minutes(1)).await, Some(until));
        assert_eq!(waits(id, until).await, None);
    }
}

#[tokio::test]
async fn a_mark_that_somebody_takes_out_of_the_store_opens_nothing() {
    let world = world().await;
    let sue = world
        .administrator("sue@supplier.example", Role::Supplier, None)
        .await;
    let (ada, _) = ada(&world, "ada@trust.example").await;
    world.access.reset(&sue, &ada.id, noon()).await.unwrap();
    let mut work = world.access.store.write().await.unwrap();
    sqlx::query("update person set second_factor = entrusted, entrusted = null")
        .execute(&mut *work)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let all = world.access.accounts().await.unwrap();
    let ada = all.into_iter().find(|account| account.person.id == ada.id);
    assert!(!ada.unwrap().person.intact);
}

#[tokio::test]
async fn where_custody_is_not_promised_the_supplier_administers_as_anybody() {
    let world = World::new().await;
    let sue = world
        .administrator("sue@supplier.example", Role::Supplier, None)
        .await;
    let (ada, _) = ada(&world, "ada@trust.example").await;
    world.access.reset(&sue, &ada.id, noon()).await.unwrap();
    let waits = world.access.waits_until(&ada.id, noon()).await;
    assert_eq!(waits.unwrap(), None);
}
