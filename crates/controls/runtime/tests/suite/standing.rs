//! How the process stands that answers in an instance's place.

use avouch_runtime::confine::Spaces;
use avouch_runtime::protocol::Looked;
use avouch_runtime::standing::Expected;
use tokio::net::UnixStream;

use crate::service::{Service, TENANT};

#[tokio::test]
async fn whoever_answers_at_an_instances_socket_stands_within_its_confinement_and_nobody_else_does()
{
    let mut service = Service::start().await;
    service.serve("serve").await;
    let socket = service.layout.tenant_socket("riverside");
    let stream = UnixStream::connect(socket).await.unwrap();
    let pid = stream.peer_cred().unwrap().pid().unwrap().cast_unsigned();
    let look = async |name: &str, pid| service.client.look(name, pid).await.unwrap();
    let Looked::Own(standing) = look("riverside", pid).await else {
        panic!("it was not started as the instance");
    };
    let spaces = |own| Spaces {
        network: own,
        processes: own,
    };
    let expected = Expected {
        user: TENANT,
        group: TENANT,
        own_user: true,
        spaces: spaces(true),
    };
    assert_eq!(standing.lacks(expected), Vec::<&str>::new());
    let other = Expected {
        user: TENANT + 1,
        ..expected
    };
    assert_eq!(standing.lacks(other).len(), 1);

    assert_eq!(look("riverside", std::process::id()).await, Looked::Foreign);
    assert_eq!(look("hillside", pid).await, Looked::Foreign);
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    let gone = ended.id();
    ended.wait().unwrap();
    assert!(matches!(look("riverside", gone).await, Looked::Unseen(_)));
}
