//! A log and its witness: the published exchange, every refusal, and a log rewritten by somebody who holds all of it.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use avouch_ledger::verify::{self, Policy, Why, WitnessKey};
use avouch_ledger::witness::{
    Answer, AskError, Client, Named, Post, PostFuture, Reply, Witness, WitnessSigner,
};
use avouch_ledger::{Ledger, Published};
use serde::Deserialize;

use crate::{draft, key, make, open, wait};

const NOON: u64 = 1_767_268_800;

#[derive(Deserialize)]
struct Vectors {
    log: String,
    w1_seed_hex: String,
    time: u64,
    request: String,
    first_request: String,
    ok: String,
    conflict: Conflict,
    cosigned_by_both: String,
    policy: String,
    proof: String,
    rewritten: String,
    rewritten_and_grown: String,
    next: String,
}

#[derive(Deserialize)]
struct Conflict {
    content_type: String,
    body: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../data/witness.json")).unwrap()
}

fn published_witness(dir: &Path, vectors: &Vectors) -> Witness {
    let seed: [u8; 32] = hex::decode(&vectors.w1_seed_hex)
        .unwrap()
        .try_into()
        .unwrap();
    let signer = WitnessSigner::from_seed("witness.example/w1", &seed).unwrap();
    Witness::open(dir, signer, vec![vectors.log.parse().unwrap()]).unwrap()
}

#[test]
fn the_published_exchange_is_answered_byte_for_byte() {
    let (dir, vectors) = (tempfile::tempdir().unwrap(), vectors());
    let witness = published_witness(dir.path(), &vectors);
    let first = witness.add_checkpoint(vectors.first_request.as_bytes(), vectors.time);
    assert_eq!(first.status, 200, "{}", first.body);
    let conflict = witness.add_checkpoint(vectors.first_request.as_bytes(), vectors.time);
    assert_eq!(
        (conflict.status, conflict.content_type, conflict.body),
        (
            409,
            vectors.conflict.content_type.as_str(),
            vectors.conflict.body.clone()
        )
    );
    let second = witness.add_checkpoint(vectors.request.as_bytes(), vectors.time);
    assert_eq!((second.status, second.body), (200, vectors.ok.clone()));
    let monitored = witness
        .latest("b0b23dede690d19d0d251f922cdf4e08a64541396dda59d00cec84771bda4492")
        .unwrap();
    assert!(monitored.ends_with(&vectors.ok), "{monitored}");
    verify::checkpoint(&monitored, &vectors.log.parse().unwrap()).unwrap();
}

#[test]
fn a_history_that_another_program_rewrote_with_the_logs_key_is_refused_and_the_true_one_goes_on() {
    let (dir, vectors) = (tempfile::tempdir().unwrap(), vectors());
    let witness = published_witness(dir.path(), &vectors);
    let ask = |body: &str| witness.add_checkpoint(body.as_bytes(), vectors.time).status;
    for (body, status) in [
        (&vectors.first_request, 200),
        (&vectors.request, 200),
        (&vectors.rewritten, 422),
        (&vectors.rewritten_and_grown, 422),
        (&vectors.next, 200),
        (&vectors.rewritten_and_grown, 409),
    ] {
        assert_eq!(ask(body), status, "{body}");
    }
    let refused = witness.refused().unwrap();
    let sizes: Vec<u64> = refused.iter().map(|refused| refused.size).collect();
    assert_eq!(sizes, [300, 301]);
}

#[test]
fn the_published_proof_holds_under_the_published_policy_and_not_with_fewer_signatures() {
    let vectors = vectors();
    let policy: Policy = vectors.policy.parse().unwrap();
    let (checkpoint, cosigned) = verify::believed(&vectors.cosigned_by_both, &policy).unwrap();
    assert_eq!((checkpoint.size, cosigned.len()), (300, 2));
    let times: Vec<u64> = cosigned.iter().map(|signed| signed.time).collect();
    assert_eq!(times, [1_767_225_600, 1_767_225_605]);
    let one = vectors
        .cosigned_by_both
        .lines()
        .filter(|line| !line.contains("witness.example/w2"))
        .fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(
        verify::believed(&one, &policy),
        Err(verify::FileFault::Quorum(1))
    );
    // Its entry is no leaf of ours, which is found only after the proof was found to hold.
    let with = |entry: &str| {
        use base64::Engine as _;
        let extra = base64::engine::general_purpose::STANDARD.encode(entry);
        let file = vectors
            .proof
            .replacen("index", &format!("extra {extra}\nindex"), 1);
        verify::included(&file, &policy).unwrap_err()
    };
    assert!(matches!(
        with("avouch-test-entry-256"),
        verify::FileFault::Leaf(_)
    ));
    assert!(matches!(
        with("avouch-test-entry-257"),
        verify::FileFault::Proof(_)
    ));
}

#[test]
fn each_refusal_has_the_status_that_the_standard_gives_it() {
    let (dir, vectors) = (tempfile::tempdir().unwrap(), vectors());
    let witness = published_witness(dir.path(), &vectors);
    let ask = |body: &str| witness.add_checkpoint(body.as_bytes(), vectors.time).status;
    let good = &vectors.request;
    let proof = "oOtRx4u5jJozhLoBelm53P0U98+XQsIu3yFK751oDA8=\n";
    let other = "AAAAx4u5jJozhLoBelm53P0U98+XQsIu3yFK751oDA8=\n";
    for (body, status, why) in [
        (String::new(), 400, "nothing"),
        (good.replace("old 256", "old 0256"), 400, "a leading zero"),
        (good.replace("old 256", "old  256"), 400, "two spaces"),
        (good.replace(proof, "oOtR\n"), 400, "a short hash"),
        (
            good.replace(proof, &proof.repeat(64)),
            400,
            "too many hashes",
        ),
        (
            good.replace("old 256", "old 301"),
            400,
            "an old size beyond the new",
        ),
        (
            good.replace("log.avouch", "log.other"),
            404,
            "an unknown log",
        ),
        (good.replace("\n300\n", "\n301\n"), 403, "an altered size"),
        (
            good.replace(
                "\u{2014} log.avouch.example/tenant-a",
                "\u{2014} somebody.else",
            ),
            403,
            "no line by the log",
        ),
        (good.clone(), 409, "an old size that was not signed"),
        (
            vectors
                .first_request
                .replace("old 0\n", &format!("old 0\n{proof}")),
            422,
            "hashes where there is nothing to go on from",
        ),
        (vectors.first_request.clone(), 200, "the first"),
        (good.replace(proof, other), 422, "a wrong hash"),
        (good.replace(proof, ""), 422, "no hash"),
        (good.clone(), 200, "the second"),
    ] {
        assert_eq!(ask(&body), status, "{why}");
    }
    assert_eq!(ask(&good.replace('\n', "\r\n")), 400);
    assert_eq!(
        witness.add_checkpoint(&[0xff, 0xfe], vectors.time).status,
        400
    );
}

/// A witness in this process, that the log asks over no wire.
struct Near(Mutex<Option<Witness>>);

impl Post for Near {
    fn post<'a>(&'a self, url: &'a str, body: String) -> PostFuture<'a> {
        assert_eq!(url, "https://witness.example.test/add-checkpoint");
        Box::pin(async move {
            let witness = self.0.lock().unwrap();
            let Some(witness) = witness.as_ref() else {
                return Err(std::io::ErrorKind::ConnectionRefused.into());
            };
            let Answer { status, body, .. } = witness.add_checkpoint(body.as_bytes(), NOON);
            Ok(Reply {
                status,
                body: body.into_bytes(),
            })
        })
    }
}

fn witness(dir: &Path) -> Witness {
    let signer = WitnessSigner::from_seed("witness.example.test/w", &[8; 32]).unwrap();
    Witness::open(dir, signer, vec![key().vkey().parse().unwrap()]).unwrap()
}

fn client(ledger: &Ledger, near: &Arc<Near>, key: &WitnessKey) -> Client {
    let named = Named {
        name: "customer".to_owned(),
        url: "https://witness.example.test/".to_owned(),
        key: key.clone(),
    };
    let near: Arc<dyn Post> = Arc::clone(near) as _;
    Client::new(ledger.reader(), vec![named], 1, near)
}

fn ask(client: &Client) -> Result<u64, AskError> {
    let asked = wait(client.ask()).pop().unwrap();
    assert_eq!(asked.witness, "customer");
    asked.outcome.map(|cosignature| cosignature.time)
}

fn grow(ledger: &Ledger, numbers: impl IntoIterator<Item = u32>) -> Published {
    let drafts = numbers.into_iter().map(draft).collect();
    wait(ledger.append_all(drafts)).unwrap();
    wait(ledger.publish()).unwrap()
}

#[test]
fn what_a_witness_signs_is_shown_kept_over_a_restart_and_counted_by_its_pinned_key_alone() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = open(dir.path());
    let first = grow(&ledger, 0..5);
    let witness = witness(state.path());
    let pinned = witness.public().clone();
    let near = Arc::new(Near(Mutex::new(Some(witness))));
    let asking = client(&ledger, &near, &pinned);
    assert_eq!(ledger.reader().shown(), first);
    assert_eq!(ask(&asking).unwrap(), NOON);

    let grown = grow(&ledger, 5..300);
    let shown = ledger.reader().shown();
    assert_eq!(shown.size, 5, "until the witness has signed more");
    assert_eq!(ask(&asking).unwrap(), NOON);
    let shown = ledger.reader().shown();
    assert_eq!((shown.size, shown.root), (grown.size, grown.root));
    assert!(shown.text.starts_with(&grown.text));
    let signed = verify::cosignatures(&shown.text, std::slice::from_ref(&pinned)).unwrap();
    assert_eq!((signed.len(), signed[0].time), (1, NOON));
    let other = WitnessKey::new(pinned.name(), [7; 32]).unwrap();
    assert!(
        verify::cosignatures(&shown.text, &[other])
            .unwrap()
            .is_empty()
    );

    // A client that knows nothing, as after a restart, is told the size and goes on from there.
    drop((asking, ledger));
    let ledger = open(dir.path());
    assert_eq!(ledger.reader().shown(), shown);
    grow(&ledger, 300..301);
    assert_eq!(ask(&client(&ledger, &near, &pinned)).unwrap(), NOON);
    assert_eq!(ledger.reader().shown().size, 301);
}

#[test]
fn a_witness_that_is_away_or_answers_with_another_key_leaves_the_checkpoint_as_it_was() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = open(dir.path());
    let plain = grow(&ledger, 0..3);
    let witness = witness(state.path());
    let pinned = witness.public().clone();
    let near = Arc::new(Near(Mutex::new(None)));
    let asking = client(&ledger, &near, &pinned);
    assert!(matches!(ask(&asking), Err(AskError::Unreachable(_))));
    *near.0.lock().unwrap() = Some(witness);
    let other = WitnessKey::new(pinned.name(), [7; 32]).unwrap();
    assert!(matches!(
        ask(&client(&ledger, &near, &other)),
        Err(AskError::OtherKey)
    ));
    assert_eq!(ledger.reader().shown(), plain);
    assert!(ask(&asking).is_ok());
}

#[test]
fn a_log_rewritten_by_somebody_who_holds_disk_and_key_is_caught_by_the_witness() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = open(dir.path());
    grow(&ledger, 0..10);
    let signer = witness(state.path());
    let pinned = signer.public().clone();
    let near = Arc::new(Near(Mutex::new(Some(signer))));
    ask(&client(&ledger, &near, &pinned)).unwrap();
    drop(ledger);

    // They make the whole ledger anew without entry 4, with the log's own key and code, and put it in its place.
    fs::remove_dir_all(dir.path()).unwrap();
    let ledger = open(dir.path());
    grow(
        &ledger,
        (0..10).map(|number| if number == 4 { 44 } else { number }),
    );
    let vkey = key().vkey().parse().unwrap();
    verify::directory(dir.path(), &vkey).expect("nothing in the folder gives it away");

    // Neither now nor when it has grown does the witness sign it, whatever the log sends.
    let refused = ask(&client(&ledger, &near, &pinned));
    assert!(matches!(refused, Err(AskError::Fork)), "{refused:?}");
    grow(&ledger, 10..20);
    let refused = ask(&client(&ledger, &near, &pinned));
    assert!(matches!(refused, Err(AskError::Fork)), "{refused:?}");
    assert_eq!(ledger.reader().cosigned(), None);

    // Nor after the witness was started anew; and it shows what it refused, signed by the log itself.
    *near.0.lock().unwrap() = None;
    let again = witness(state.path());
    let evidence = again.refused().unwrap();
    let sizes: Vec<u64> = evidence.iter().map(|refused| refused.size).collect();
    assert_eq!(sizes, [10, 20]);
    let file = fs::read_to_string(state.path().join(&evidence[0].file)).unwrap();
    let (theirs, ours) = file.split_once("\n====\n\n").unwrap();
    let theirs = verify::checkpoint(theirs, &vkey).unwrap();
    let ours = verify::checkpoint(ours, &vkey).unwrap();
    assert_eq!(theirs.size, ours.size);
    assert_ne!(theirs.root, ours.root, "one key, two histories");
    *near.0.lock().unwrap() = Some(again);
    let refused = ask(&client(&ledger, &near, &pinned));
    assert!(matches!(refused, Err(AskError::Fork)), "{refused:?}");

    // With the checkpoint that the witness kept, anybody finds it in the folder too.
    let fault = verify::directory_since(dir.path(), &vkey, &ours).unwrap_err();
    assert!(matches!(fault.why, Why::Rewritten(10)), "{fault}");
}

#[test]
fn a_log_that_was_cut_back_is_told_so_by_its_witness() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let signer = witness(state.path());
    let pinned = signer.public().clone();
    let near = Arc::new(Near(Mutex::new(Some(signer))));
    let ledger = open(dir.path());
    grow(&ledger, 0..10);
    ask(&client(&ledger, &near, &pinned)).unwrap();
    drop(ledger);
    let earlier = tempfile::tempdir().unwrap();
    make(earlier.path(), 6, 6);
    let ledger = open(earlier.path());
    let refused = ask(&client(&ledger, &near, &pinned));
    assert!(
        matches!(
            refused,
            Err(AskError::Ahead {
                theirs: 10,
                ours: 6
            })
        ),
        "{refused:?}"
    );
}

#[test]
fn of_many_requests_at_once_exactly_those_that_follow_one_another_are_signed() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = open(dir.path());
    let checkpoints: Vec<Published> = (0..12).map(|number| grow(&ledger, [number])).collect();
    let witness = witness(state.path());
    let signed: Mutex<Vec<(u64, u64)>> = Mutex::default();
    std::thread::scope(|scope| {
        for turn in 0..4_usize {
            let (witness, signed, checkpoints) = (&witness, &signed, &checkpoints);
            let reader = ledger.reader();
            scope.spawn(move || {
                let mut old = 0;
                for step in 0..200 {
                    let new = &checkpoints[(turn * 7 + step * 5) % checkpoints.len()];
                    if new.size < old {
                        continue;
                    }
                    let body = request(&reader, old, new);
                    let answer = witness.add_checkpoint(body.as_bytes(), NOON);
                    match answer.status {
                        200 => {
                            signed.lock().unwrap().push((old, new.size));
                            old = new.size;
                        }
                        409 => old = answer.body.trim_end().parse().unwrap(),
                        other => panic!("{other}: {}", answer.body),
                    }
                }
            });
        }
    });
    let mut signed = signed.into_inner().unwrap();
    signed.retain(|(old, new)| old != new);
    signed.sort_unstable();
    let ends: Vec<u64> = signed.iter().map(|(_, new)| *new).collect();
    let starts: Vec<u64> = signed.iter().map(|(old, _)| *old).collect();
    assert_eq!(starts[0], 0);
    assert_eq!(starts[1..], ends[..ends.len() - 1], "{signed:?}");
    assert_eq!(ends.last(), Some(&12));
}

/// A request for a checkpoint that the log has, by the log's own file of proof.
fn request(reader: &avouch_ledger::Reader, old: u64, new: &Published) -> String {
    use base64::Engine as _;
    let mut body = format!("old {old}\n");
    for hash in reader.consistency_proof(old, new.size).unwrap() {
        body.push_str(&base64::engine::general_purpose::STANDARD.encode(hash));
        body.push('\n');
    }
    body + "\n" + &new.text
}
