//! The way in: somebody between core and front changes the rules, or stands before the front with an old server.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use avouch_gateway::link::{Ciphers, Configure, ToFront};

use super::{Bench, Mend, Sabotage};
use crate::harness::{Aside, bend, eventually, free, run, straighten};

pub const ALL: &[&Sabotage] = &[
    &Sabotage {
        what: "an old server answers who speaks TLS 1.1",
        turns: &[
            ("gateway.tls.minimum", "broken"),
            // The gateway sees the old server's connections in place of its clients'.
            ("audit.connections", "broken"),
        ],
        act: old_server,
    },
    &Sabotage {
        what: "the front is told to take short keys",
        turns: &[("gateway.tls.ciphers", "broken")],
        act: |bench| {
            let aside = told(bench, |rules| rules.tls.ciphers = Ciphers::Bits128AndAbove);
            Box::new(|bench| {
                straighten(&bench.service, aside);
                // What was agreed with a short key stays on the record over a restart, for as long as it counts.
                bench.service.stop();
                let short = "from agreed where suite in (0x1301, 0xc02b, 0xc02f)";
                let kept = bench.store(&format!("select count(*) {short}; delete {short}"));
                assert_ne!(kept.trim(), "0", "nothing was on the record");
                bench.start();
            })
        },
    },
    &Sabotage {
        what: "the front is told of no entries",
        turns: &[
            ("gateway.entry.assessment.accept", "broken"),
            ("gateway.entry.correction.accept", "broken"),
        ],
        act: |bench| {
            let aside = told(bench, |rules| rules.entries.clear());
            Box::new(|bench| straighten(&bench.service, aside))
        },
    },
];

/// Changes the rules that the front is given.
fn told(bench: &Bench, change: fn(&mut Configure)) -> Aside {
    let front = move |message| match message {
        ToFront::Configure(mut rules) => {
            change(&mut rules);
            ToFront::Configure(rules)
        }
        other => other,
    };
    bend(&bench.service, Arc::new(front), Arc::new(Ok))
}

/// Moves the front to another address of this machine, and stands in its place: old hellos go to a server that still
/// speaks TLS 1.1, all others to the front.
fn old_server(bench: &mut Bench) -> Mend {
    let address = bench.service.address();
    let moved = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), address.port()));
    let old = free();
    let mut server = s_server(bench, old);
    let stop = Arc::new(AtomicBool::new(false));
    let doorman = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            // The place is taken as soon as the front has left it.
            let door = eventually("the front to leave its place", 40, || {
                TcpListener::bind(address).ok()
            });
            for stream in door.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(near) = stream else { return };
                std::thread::spawn(move || lead(near, moved, old));
            }
        })
    };
    let front = move |message| match message {
        ToFront::Configure(mut rules) => {
            rules.listen = vec![moved];
            ToFront::Configure(rules)
        }
        other => other,
    };
    let aside = bend(&bench.service, Arc::new(front), Arc::new(Ok));
    Box::new(move |bench| {
        stop.store(true, Ordering::SeqCst);
        // The doorman looks up when somebody knocks, and goes.
        let _ = TcpStream::connect(address);
        doorman.join().unwrap();
        let _ = server.kill();
        let _ = server.wait();
        straighten(&bench.service, aside);
    })
}

/// A server of ten years ago.
fn s_server(bench: &Bench, at: SocketAddr) -> Child {
    let (key, certificate) = (
        bench.service.place().join("old.key"),
        bench.service.place().join("old.pem"),
    );
    let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
    run(
        "sh",
        [
            "-c",
            &format!(
                "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=old -keyout '{key}' -out '{certificate}' 2>&1"
            ),
        ],
    );
    let server = Command::new("openssl")
        .args([
            "s_server",
            "-quiet",
            "-tls1_1",
            "-cipher",
            "ALL:@SECLEVEL=0",
            "-accept",
            &at.to_string(),
        ])
        .args(["-key", key, "-cert", certificate])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the old server to listen", 20, || {
        TcpStream::connect(at).ok()
    });
    server
}

/// Leads a client to the old server or to the front, by the first bytes it sends.
fn lead(near: TcpStream, front: SocketAddr, old: SocketAddr) {
    let mut hello = [0; 16];
    let mut seen = 0;
    while seen < 11 {
        match near.peek(&mut hello) {
            Ok(0) | Err(_) => return,
            Ok(count) if count == seen => std::thread::yield_now(),
            Ok(count) => seen = count,
        }
    }
    // A handshake record; its hello's own version stands in the tenth and eleventh byte.
    let to = if hello[0] == 22 && hello[9..11] < [3, 3][..] {
        old
    } else {
        front
    };
    let Ok(far) = TcpStream::connect(to) else {
        return;
    };
    let (near_in, far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let up = std::thread::spawn(move || pour(near_in, far_out));
    pour(far, near);
    let _ = up.join();
}

fn pour(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
