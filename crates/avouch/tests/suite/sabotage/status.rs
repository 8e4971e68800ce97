//! What users are told of how the service is.

use std::sync::Arc;

use avouch_gateway::link::ToFront;
use nix::sys::signal::Signal;

use super::Sabotage;
use crate::harness::{bend, eventually, named, signal, straighten};

pub const ALL: &[&Sabotage] = &[
    &Sabotage {
        what: "the front is told that nothing is wrong",
        turns: &[("status.told-within", "broken")],
        act: |bench| {
            let front = |message| match message {
                ToFront::Status(mut status) => {
                    status.notices.clear();
                    ToFront::Status(status)
                }
                other => other,
            };
            let aside = bend(&bench.service, Arc::new(front), Arc::new(Ok));
            Box::new(|bench| straighten(&bench.service, aside))
        },
    },
    &Sabotage {
        what: "somebody strikes out that an application did not answer",
        turns: &[("status.keep", "broken")],
        act: |bench| {
            let over = "select count(*) from incident where tenant = 'hillside' and ended > 0";
            let before = bench.store(over);
            let application = named(&bench.service.data(), "hillside").expect("an application");
            signal(application, Signal::SIGSTOP);
            let began = "select count(*) from incident where ended is null";
            eventually("it to be told", 40, || {
                (bench.store(began).trim() == "1").then_some(())
            });
            signal(application, Signal::SIGCONT);
            eventually("its end to be told", 40, || {
                (bench.store(over) != before).then_some(())
            });
            bench.store("update incident set number = number + 1000000");
            Box::new(|bench| {
                bench.store("update incident set number = number - 1000000");
            })
        },
    },
    &Sabotage {
        what: "the faults that people report are lost",
        turns: &[("status.faults", "broken")],
        act: |bench| {
            bench.store(
                "create trigger lost after insert on fault begin delete from fault where number = new.number; end",
            );
            Box::new(|bench| {
                bench.store("drop trigger lost");
            })
        },
    },
];
