//! A job that works at a place on the network.

use std::io::Write as _;
use std::net::TcpListener;

use avouch_runtime::protocol::{Job, Secret, Status};

use crate::service::Service;

/// Listens, and greets whoever connects.
fn place() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().write_all(b"hello").unwrap();
        }
    });
    port
}

fn dials(service: &Service, to: Option<&str>, port: u16) -> Job {
    Job {
        stdin: Secret::new(port.to_string().into_bytes()),
        carried_to: to.map(str::to_owned),
        ..service.job("dial")
    }
}

#[tokio::test]
async fn a_job_gets_to_the_declared_place_by_its_carrier_and_not_without_it() {
    let port = place();
    let service = Service::start_near(port).await;
    let far = service.client.run(dials(&service, Some("far"), port)).await;
    let far = far.unwrap();
    assert_eq!(
        (far.status, String::from_utf8(far.stdout.0).unwrap()),
        (Status::Code(0), "false hello\n".to_owned()),
        "{}",
        far.stderr
    );

    // The same job without a carrier has a pipe, over which nobody connects it.
    let alone = service.client.run(dials(&service, None, port)).await;
    assert_eq!(alone.unwrap().status, Status::Code(2));

    let undeclared = dials(&service, Some("elsewhere"), port);
    let refused = service.client.run(undeclared).await.unwrap().status;
    assert_eq!(
        refused.to_string(),
        "was not started: no place on the network called `elsewhere` was declared"
    );
}
