//! A desk that answers from fixed values, and is careless: it never looks at who asks.
//!
//! What a tenant's administrator must not see is there in every answer, so a page that leaves
//! the scope to the desk shows it.

use std::sync::Mutex;

use avouch_console::views::{
    Assurance, Attention, Audience, BackupRow, ClaimView, Counts, Coverage, CoverageView,
    DocumentFormat, DrillRow, DrillStep, DrillView, Entry, Exchange, FindingRow, LogResource,
    NewPerson, Overview, PackRow, Page, PersonRow, Progress, ReportRow, ReportView, RequirementRow,
    RoundRow, RoundView, SectionView, SetLink, SignInAttempt, SignInOutcome, StatementView,
    TenantRow, TrailQuery, TrailRow, Trial, Verdict,
};
use avouch_console::{
    Actor, Answer, Desk, DeskError, Person, Refusal, Role, Secret, Service, SessionDigest, Target,
};
use jiff::Timestamp;

/// The one password that lets anybody in.
pub const PASSWORD: &str = "  right, spaces and all ";
/// The email address that is throttled.
pub const THROTTLED: &str = "guesser@riverside.example";
/// The email address that somebody has already.
pub const TAKEN: &str = "taken@riverside.example";
/// The email address that somebody has in another organisation.
pub const ELSEWHERE: &str = "taken@lakeside.example";
/// The email address that is tried after too many others.
pub const ONE_TOO_MANY: &str = "another@lakeside.example";
/// The email address of somebody who signs in while the disk is full.
pub const DISK_FULL: &str = "unlucky@riverside.example";
/// A one-time code that is good in the browser with the mark below.
pub const CODE: &str = "good-code";
/// A pass that is good.
pub const PASS: &str = "good-pass";
/// A mark.
pub const STATE: &str = "0123456789abcdef0123456789abcdef";

/// The service that the fake belongs to.
pub fn service() -> Service {
    Service {
        name: "Acuity".to_owned(),
        supplier: "Example Digital Ltd".to_owned(),
        support_email: "support@example.test".to_owned(),
        domain: "acuity.localhost".to_owned(),
        port: 8443,
    }
}

/// The careless desk.
#[derive(Default)]
pub struct Fake {
    /// Put behind every text, to see that it stays text.
    pub suffix: &'static str,
    /// Every refusal that was recorded.
    pub refusals: Mutex<Vec<Refusal>>,
    /// Everybody added.
    pub added: Mutex<Vec<NewPerson>>,
    /// Every search of the trail.
    pub searches: Mutex<Vec<TrailQuery>>,
    /// Every session that a browser had when it entered.
    pub replaced: Mutex<Vec<SessionDigest>>,
    /// Every sign-out.
    pub left: Mutex<Vec<SessionDigest>>,
}

/// The session tokens, and whose they are.
pub fn people() -> [(&'static str, Person); 4] {
    let person = |id: &str, name: &str, role, tenant: Option<&str>| Person {
        id: id.to_owned(),
        name: name.to_owned(),
        email: format!("{id}@example.test"),
        role,
        tenant: tenant.map(str::to_owned),
    };
    [
        (
            "member-token",
            person("p1", "Mair Member", Role::Member, Some("riverside")),
        ),
        (
            "admin-token",
            person("p2", "Ada Admin", Role::Administrator, Some("riverside")),
        ),
        (
            "supplier-token",
            person("p3", "Sam Supplier", Role::Supplier, None),
        ),
        (
            "adrift-token",
            person("p4", "Una Adrift", Role::Administrator, None),
        ),
    ]
}

fn now<T: Send + 'static>(value: T) -> Answer<'static, T> {
    Box::pin(async move { Ok(value) })
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a fixed time")
}

impl Fake {
    fn text(&self, text: &str) -> String {
        format!("{text}{}", self.suffix)
    }

    fn person_rows(&self) -> Vec<PersonRow> {
        let row = |id: &str, name: &str, role, tenant: Option<&str>, disabled| PersonRow {
            id: id.to_owned(),
            name: self.text(name),
            email: self.text(&format!("{id}@example.test")),
            role,
            tenant: tenant.map(str::to_owned),
            disabled,
            last_signed_in: (!disabled).then(|| at("2026-11-22T06:58:00Z")),
        };
        vec![
            row("p1", "Mair Member", Role::Member, Some("riverside"), false),
            row(
                "p2",
                "Ada Admin",
                Role::Administrator,
                Some("riverside"),
                false,
            ),
            row("p5", "Dee Disabled", Role::Member, Some("riverside"), true),
            row("q1", "Lakeside Lena", Role::Member, Some("lakeside"), false),
            row("p3", "Sam Supplier", Role::Supplier, None, false),
        ]
    }

    fn findings_of_both(&self) -> Vec<FindingRow> {
        let row =
            |claim: &str, observed: &str, verdict, tenant: Option<&str>, audience| FindingRow {
                claim: claim.to_owned(),
                check: self.text("ask with a valid session of another tenant"),
                verdict,
                observed: self.text(observed),
                at: at("2026-11-22T07:00:03Z"),
                tenant: tenant.map(str::to_owned),
                audience,
            };
        vec![
            row(
                "gateway.tls.minimum",
                "a TLS 1.1 connection was refused",
                Verdict::Held,
                None,
                Audience::Public,
            ),
            row(
                "tenancy.isolation",
                "40 records of another tenant looked absent",
                Verdict::Held,
                Some("riverside"),
                Audience::Tenant,
            ),
            row(
                "tenancy.isolation",
                "Lakeside records looked absent",
                Verdict::Held,
                Some("lakeside"),
                Audience::Tenant,
            ),
            row(
                "backup.drill.back-within",
                "Lakeside path /srv/secret is too slow",
                Verdict::Broken,
                Some("riverside"),
                Audience::Supplier,
            ),
        ]
    }

    fn drill_row(&self, id: &str, tenant: &str, progress: Progress) -> DrillRow {
        DrillRow {
            id: id.to_owned(),
            tenant: Some(tenant.to_owned()),
            started: at("2026-11-22T06:40:00Z"),
            progress,
            took: match progress {
                Progress::Waiting | Progress::Running => String::new(),
                Progress::Passed | Progress::Failed => self.text("1 min 12 s"),
            },
            promised: self.text("15 min"),
        }
    }

    fn round_row(number: u64) -> RoundRow {
        RoundRow {
            number,
            at: at("2026-11-22T07:00:05Z"),
            counts: Counts {
                held: 30,
                broken: 1,
                unproven: 2,
            },
            index: 4_711,
        }
    }
}

impl Desk for Fake {
    fn statement(&self) -> Answer<'_, StatementView> {
        let claim = |id: &str, sentence: &str, status, assurance| ClaimView {
            id: id.to_owned(),
            sentence: self.text(sentence),
            status,
            assurance,
            last_tried: (status != Verdict::Unproven).then(|| at("2026-11-22T07:00:03Z")),
            trial: Trial {
                tried: self.text("A connection was opened with each older version of TLS."),
                sample: self.text("One connection for each of SSL 3.0, TLS 1.0 and TLS 1.1."),
                period: self.text("Every 15 minutes since 22 November 2026."),
                not_tried: self.text("Connections from outside this computer."),
            },
        };
        now(StatementView {
            version: self.text("2026.11"),
            in_force_since: at("2026-11-01T00:00:00Z"),
            statement_digest: "ab".repeat(32),
            sections: vec![
                SectionView {
                    title: self.text("How people reach the service"),
                    claims: vec![
                        claim(
                            "gateway.tls.minimum",
                            "Traffic is encrypted with TLS 1.2 or newer.",
                            Verdict::Held,
                            Assurance::Enforced,
                        ),
                        claim(
                            "gateway.tls.ciphers",
                            "Only 256-bit ciphers are used.",
                            Verdict::Broken,
                            Assurance::Enforced,
                        ),
                    ],
                },
                SectionView {
                    title: self.text("Who is responsible"),
                    claims: vec![
                        claim(
                            "inherited.data-centre",
                            "The data centre holds an ISO/IEC 27001 certificate.",
                            Verdict::Held,
                            Assurance::Inherited,
                        ),
                        claim(
                            "attested.ig-lead",
                            "A named person answers for information governance.",
                            Verdict::Unproven,
                            Assurance::Attested,
                        ),
                    ],
                },
            ],
            sets: vec![SetLink {
                slug: "demo".to_owned(),
                title: self.text("the demonstration set"),
            }],
        })
    }

    fn statement_document(&self, format: DocumentFormat) -> Answer<'_, Vec<u8>> {
        now(match format {
            DocumentFormat::Json => b"{\"version\":\"2026.11\"}".to_vec(),
            DocumentFormat::Markdown => b"# Acuity\n".to_vec(),
        })
    }

    fn log<'a>(&'a self, path: &'a str) -> Answer<'a, Option<LogResource>> {
        now((path == "tile/0/x001/067.p/7").then(|| LogResource {
            bytes: vec![7; 7 * 32],
            content_type: "application/octet-stream",
            cache_control: "public, max-age=31536000, immutable",
        }))
    }

    fn coverage<'a>(&'a self, set: &'a str) -> Answer<'a, Option<CoverageView>> {
        now((set == "demo").then(|| CoverageView {
            title: self.text("The demonstration set"),
            requirements: [
                ("hub4-tls12", Coverage::Met, "gateway.tls.minimum >= 1.2"),
                (
                    "hub4-cipher-256",
                    Coverage::Broken,
                    "gateway.tls.ciphers >= 256-bit",
                ),
                ("maiya-alerts", Coverage::Gap, ""),
            ]
            .into_iter()
            .map(|(id, status, claim)| RequirementRow {
                id: id.to_owned(),
                text: self.text("Traffic must be encrypted with TLS 1.2 or newer."),
                status,
                claims: vec![claim.to_owned()],
            })
            .collect(),
        }))
    }

    fn jwks(&self) -> Answer<'_, String> {
        now("{\"keys\":[]}".to_owned())
    }

    fn sign_in(&self, attempt: SignInAttempt) -> Answer<'_, SignInOutcome> {
        if attempt.email == DISK_FULL {
            return Box::pin(async {
                Err(DeskError::Unavailable {
                    source: "no room for the event in /srv/ledger".into(),
                })
            });
        }
        now(if attempt.email == THROTTLED {
            SignInOutcome::Throttled { retry_after: 90 }
        } else if attempt.password.reveal() == PASSWORD {
            SignInOutcome::Admitted {
                target: attempt.to.unwrap_or(Target::Console),
                pass: Secret::new(PASS.to_owned()),
            }
        } else {
            SignInOutcome::Failed
        })
    }

    fn code(&self, exchange: Exchange) -> Answer<'_, Option<Secret>> {
        let good = exchange.pass.reveal() == PASS;
        now(good.then(|| Secret::new(format!("code/for+{}", exchange.browser))))
    }

    fn enter(&self, entry: Entry) -> Answer<'_, Option<Secret>> {
        let marked = Secret::new(STATE.to_owned()).state_digest();
        let good = entry.code.reveal() == CODE && entry.browser == Some(marked);
        self.replaced
            .lock()
            .expect("lock")
            .extend(entry.before.filter(|_| good));
        now(good.then(|| Secret::new("fresh-token".to_owned())))
    }

    fn leave<'a>(&'a self, digest: SessionDigest, _: &'a str) -> Answer<'a, ()> {
        self.left.lock().expect("lock").push(digest);
        now(())
    }

    fn session<'a>(&'a self, digest: SessionDigest, _: &'a str) -> Answer<'a, Option<Person>> {
        now(people()
            .into_iter()
            .find(|(token, _)| Secret::new((*token).to_owned()).digest() == digest)
            .map(|(_, mut person)| {
                person.name = self.text(&person.name);
                person
            }))
    }

    fn refused(&self, refusal: Refusal) -> Answer<'_, ()> {
        self.refusals.lock().expect("lock").push(refusal);
        now(())
    }

    fn overview<'a>(&'a self, _: &'a Actor) -> Answer<'a, Overview> {
        now(Overview {
            counts: Counts {
                held: 30,
                broken: 1,
                unproven: 2,
            },
            last_round: Some(at("2026-11-22T07:00:05Z")),
            last_backup: Some(at("2026-11-22T04:00:00Z")),
            last_drill: None,
            attention: vec![Attention {
                text: self.text("gateway.tls.ciphers is broken: a 128-bit cipher was accepted"),
                path: "/checks".to_owned(),
            }],
        })
    }

    fn people<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<PersonRow>> {
        now(self.person_rows())
    }

    fn person<'a>(&'a self, _: &'a Actor, id: &'a str) -> Answer<'a, Option<PersonRow>> {
        now(self.person_rows().into_iter().find(|row| row.id == id))
    }

    fn add_person<'a>(&'a self, _: &'a Actor, person: NewPerson) -> Answer<'a, Secret> {
        let refused = match person.email.as_str() {
            TAKEN => Some(DeskError::EmailTaken),
            ELSEWHERE => Some(DeskError::EmailElsewhere),
            ONE_TOO_MANY => Some(DeskError::EmailsRefused),
            _ => None,
        };
        if let Some(refused) = refused {
            return Box::pin(async { Err(refused) });
        }
        self.added.lock().expect("lock").push(person);
        now(Secret::new(self.text("Kq7wRt2pLx9s")))
    }

    fn disable<'a>(&'a self, _: &'a Actor, _: &'a str) -> Answer<'a, ()> {
        now(())
    }

    fn reset_password<'a>(&'a self, _: &'a Actor, _: &'a str) -> Answer<'a, Secret> {
        now(Secret::new(self.text("Zm4vBn8cHd3f")))
    }

    fn tenants<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<TenantRow>> {
        now([
            ("riverside", "Riverside NHS Trust", true),
            ("lakeside", "Lakeside NHS Trust", false),
        ]
        .into_iter()
        .map(|(slug, name, running)| TenantRow {
            slug: slug.to_owned(),
            name: self.text(name),
            people: 2,
            running,
        })
        .collect())
    }

    fn trail<'a>(&'a self, _: &'a Actor, query: &'a TrailQuery) -> Answer<'a, Page<TrailRow>> {
        self.searches.lock().expect("lock").push(query.clone());
        let row = |who: &str, what: &str, tenant: Option<&str>, index| TrailRow {
            at: at("2026-11-22T07:10:21Z"),
            who: self.text(who),
            what: self.text(what),
            subjects: vec![self.text("assessment-7")],
            outcome: self.text("allowed"),
            tenant: tenant.map(str::to_owned),
            source: self.text("10.0.0.7"),
            index,
        };
        now(Page {
            rows: vec![
                row(
                    "p1@example.test",
                    "open assessment",
                    Some("riverside"),
                    5_002,
                ),
                row(
                    "lena@lakeside.test",
                    "Lakeside assessment",
                    Some("lakeside"),
                    5_001,
                ),
                row("avouch", "Lakeside backup", None, 5_000),
            ],
            total: 120,
            more: true,
            next: Some(5_000),
            behind: 7,
        })
    }

    fn backups<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<BackupRow>> {
        let row = |tenant: Option<&str>, destination: &str| BackupRow {
            tenant: tenant.map(str::to_owned),
            source: self.text("tenant-data"),
            destination: self.text(destination),
            snapshot: "7f3a9c21".to_owned(),
            taken: at("2026-07-22T03:00:00Z"),
            bytes: 3_400_000,
            kept_as: self.text("daily, weekly"),
        };
        now(vec![
            row(Some("riverside"), "local"),
            row(Some("riverside"), "offsite"),
            row(Some("lakeside"), "Lakeside"),
            row(None, "Lakeside platform"),
        ])
    }

    fn run_backup<'a>(&'a self, _: &'a Actor) -> Answer<'a, ()> {
        now(())
    }

    fn drills<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<DrillRow>> {
        now(vec![
            self.drill_row("d41", "riverside", Progress::Running),
            self.drill_row("d40", "lakeside", Progress::Passed),
            self.drill_row("d39", "riverside", Progress::Passed),
        ])
    }

    fn start_drill<'a>(&'a self, _: &'a Actor, tenant: &'a str) -> Answer<'a, String> {
        if tenant == "lakeside" {
            return Box::pin(async { Err(DeskError::Busy { what: "a drill" }) });
        }
        now("d41".to_owned())
    }

    fn drill<'a>(&'a self, _: &'a Actor, id: &'a str) -> Answer<'a, Option<DrillView>> {
        let drill = match id {
            "d39" => self.drill_row("d39", "riverside", Progress::Passed),
            "d40" => self.drill_row("d40", "lakeside", Progress::Passed),
            "d41" => self.drill_row("d41", "riverside", Progress::Running),
            _ => return now(None),
        };
        let step = |name: &str, progress, seen: &str, took: &str| DrillStep {
            name: self.text(name),
            progress,
            seen: self.text(seen),
            took: self.text(took),
        };
        now(Some(DrillView {
            drill,
            snapshot: "7f3a9c21".to_owned(),
            steps: vec![
                step(
                    "Restore the snapshot",
                    Progress::Passed,
                    "3.4 MB in 12 files",
                    "4 s",
                ),
                step("Compare with the manifest", Progress::Running, "", ""),
                step("Start the application", Progress::Waiting, "", ""),
            ],
        }))
    }

    fn findings<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<FindingRow>> {
        now(self.findings_of_both())
    }

    fn run_checks<'a>(&'a self, _: &'a Actor) -> Answer<'a, ()> {
        Box::pin(async {
            Err(DeskError::Failed {
                source: "the disk at /srv/secret is full".into(),
            })
        })
    }

    fn rounds<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<RoundRow>> {
        now(vec![Self::round_row(2), Self::round_row(1)])
    }

    fn round<'a>(&'a self, _: &'a Actor, number: u64) -> Answer<'a, Option<RoundView>> {
        now((number <= 2).then(|| RoundView {
            round: Self::round_row(number),
            findings: self.findings_of_both(),
        }))
    }

    fn reports<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<ReportRow>> {
        now(vec![ReportRow {
            name: "riverside".to_owned(),
            title: self.text("Use by organisation"),
            every: "month".to_owned(),
        }])
    }

    fn report<'a>(
        &'a self,
        _: &'a Actor,
        name: &'a str,
        period: Option<&'a str>,
    ) -> Answer<'a, Option<ReportView>> {
        now(Some(ReportView {
            name: name.to_owned(),
            title: self.text("Use by organisation"),
            tenant: Some(name.to_owned()),
            period: period.unwrap_or("2026-07").to_owned(),
            before: "2026-06".to_owned(),
            after: None,
            from: at("2026-06-30T23:00:00Z"),
            complete: false,
            headings: vec!["Organisation".to_owned(), "Requests".to_owned()],
            lines: vec![vec![self.text(name), "42".to_owned()]],
            notes: vec![self.text("Checks are not counted.")],
            picture: Some("<svg role=\"img\" aria-label=\"Use\"></svg>".to_owned()),
            sheet: "organisation,Requests\r\nriverside,42\r\n".to_owned(),
        }))
    }

    fn packs<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<PackRow>> {
        now([
            ("riverside", "Riverside NHS Trust"),
            ("lakeside", "Lakeside NHS Trust"),
        ]
        .into_iter()
        .map(|(tenant, name)| PackRow {
            tenant: tenant.to_owned(),
            name: self.text(name),
        })
        .collect())
    }

    fn pack<'a>(&'a self, _: &'a Actor, tenant: &'a str) -> Answer<'a, Vec<u8>> {
        now(tenant.as_bytes().to_vec())
    }
}
