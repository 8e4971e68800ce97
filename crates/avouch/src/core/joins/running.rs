//! The process that answers for a tenant: whom the kernel names at its socket, and how the supervisor sees it stand.

use std::io::ErrorKind;

use avouch_runtime::confine::Confined;
use avouch_runtime::protocol::Looked;
use avouch_runtime::standing::Expected;
use avouch_statement::TenantId;
use avouch_tenancy::checks::Running;
use tokio::net::UnixStream;

use crate::core::state::Core;
use crate::fail::chain;

/// One that is started anew has another process, which the next look finds.
const LOOKS: u8 = 3;

/// Looks at it; `like` is what a probe in its place was confined by.
pub async fn running(core: &Core, tenant: &TenantId, uid: u32, like: &Confined) -> Running {
    let expected = Expected {
        user: uid,
        group: core.ids.group(uid),
        own_user: like.own_user,
        spaces: like.spaces,
    };
    let mut last = Running::Absent;
    for _ in 0..LOOKS {
        last = match look(core, tenant).await {
            Ok(Some(Looked::Own(standing))) => {
                let lacks = standing.lacks(expected);
                return match lacks.is_empty() {
                    true => Running::Within,
                    false => Running::Outside(lacks.into_iter().map(str::to_owned).collect()),
                };
            }
            Ok(Some(Looked::Foreign)) => {
                return Running::Outside(vec!["was not started by the supervisor".to_owned()]);
            }
            Ok(Some(Looked::Unseen(why))) | Err(why) => Running::Unseen(why),
            Ok(None) => return Running::Absent,
        };
    }
    last
}

/// What is seen of whoever listens; nothing, if nobody does.
async fn look(core: &Core, tenant: &TenantId) -> Result<Option<Looked>, String> {
    let socket = core.layout.tenant_socket(tenant.as_str());
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error.to_string()),
    };
    let peer = stream.peer_cred().map_err(|error| error.to_string())?;
    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
    let pid = pid.ok_or("the kernel does not name it")?;
    let found = core.supervisor.look(tenant.as_str(), pid).await;
    found.map(Some).map_err(|error| chain(&error))
}
