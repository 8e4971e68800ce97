//! Every question, and its careless answer.

use avouch_console::views::{
    Attention, BackupRow, Counts, Coverage, CoverageView, DocumentFormat, Download, DrillRow,
    DrillStep, DrillView, Entry, EventRow, Exchange, FaultRow, FaultsAsk, Filed, FindingRow,
    KeptReportRow, LogResource, NewPerson, Overview, PackRow, Page, PersonRow, Progress, Proofs,
    ProofsAsk, ReportRow, ReportView, RequirementRow, RoomRow, RoundRow, RoundView, SignInAttempt,
    SignInOutcome, StatementView, SubjectAnswer, SubjectAsk, SubjectForm, SubjectReport,
    SupportView, TenantRow, Timed, Timing, TrailQuery,
};
use avouch_console::{
    Actor, Answer, Desk, DeskError, Moment, Refusal, Secret, Session, SessionDigest, Target,
};

use super::factors::{Factor, HALF};
use super::{
    CODE, DISK_FULL, ELSEWHERE, Fake, ONE_TOO_MANY, PASS, PASSWORD, STATE, TAKEN, THROTTLED, TIMED,
    TOO_MUCH, WRONG_NUMBER, at, now, people,
};

impl Desk for Fake {
    fn statement(&self) -> Answer<'_, StatementView> {
        now(self.public_statement())
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
        } else if attempt.password.reveal() == PASSWORD && self.factor != Factor::Unneeded {
            SignInOutcome::Half {
                half: Secret::new(HALF.to_owned()),
                set_up: self.factor == Factor::Wanted,
            }
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

    fn leave<'a>(&'a self, actor: &'a Actor, _: &'a str) -> Answer<'a, ()> {
        self.left.lock().expect("lock").push(actor.session);
        now(())
    }

    fn moment(&self) -> Moment {
        Moment {
            since: at("2026-11-22T07:10:21Z"),
            correlation: "c-1".to_owned(),
        }
    }

    fn session<'a>(&'a self, digest: SessionDigest, _: &'a str) -> Answer<'a, Option<Session>> {
        now(people()
            .into_iter()
            .find(|(token, _)| Secret::new((*token).to_owned()).digest() == digest)
            .map(|(_, mut person)| {
                person.name = self.text(&person.name);
                Session {
                    person,
                    tag: "5e55".to_owned(),
                }
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
            _ if person.locality == TOO_MUCH => Some(unfit()),
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

    fn set_locality<'a>(&'a self, _: &'a Actor, _: &'a str, locality: &'a str) -> Answer<'a, ()> {
        if locality == TOO_MUCH {
            return Box::pin(async { Err(unfit()) });
        }
        now(())
    }

    fn reset_password<'a>(&'a self, _: &'a Actor, _: &'a str) -> Answer<'a, Secret> {
        now(Secret::new(self.text("Zm4vBn8cHd3f")))
    }

    fn support<'a>(&'a self, _: &'a Actor, asked: &'a FaultsAsk) -> Answer<'a, SupportView> {
        self.faults_asked.lock().expect("lock").push(asked.clone());
        now(SupportView {
            counts: Counts {
                held: 30,
                broken: 1,
                unproven: 2,
            },
            last_round: Some(at("2026-11-22T07:00:05Z")),
            answers: Some(true),
            faults: self.faults(),
            more: asked.page == 0,
            entrusted: vec![("p2@example.test".to_owned(), at("2026-11-23T07:10:21Z"))],
        })
    }

    fn fault<'a>(&'a self, _: &'a Actor, number: u64) -> Answer<'a, Option<FaultRow>> {
        let mut faults = self.faults().into_iter();
        now(faults.find(|fault| fault.number == number))
    }

    fn report_fault<'a>(&'a self, _: &'a Actor, words: &'a str) -> Answer<'a, Filed> {
        now(match words {
            "again" => Filed::TooMany,
            _ => Filed::As(3),
        })
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

    fn timed(&self) -> Vec<String> {
        vec![TIMED.to_owned()]
    }

    fn timing<'a>(&'a self, _: &'a Actor, timing: Timing) -> Answer<'a, Timed> {
        let mut timings = self.timings.lock().expect("lock");
        let timed = match (timing.on == TIMED, timings.len()) {
            (false, _) => Timed::Unasked,
            (true, 1) => Timed::TooMany,
            (true, _) => {
                timings.push(timing);
                Timed::Kept
            }
        };
        drop(timings);
        now(timed)
    }

    fn trail<'a>(&'a self, _: &'a Actor, query: &'a TrailQuery) -> Answer<'a, Page<EventRow>> {
        if self.reasons && query.why.is_empty() {
            return Box::pin(async { Err(DeskError::ReasonWanted) });
        }
        self.searches.lock().expect("lock").push(query.clone());
        now(Page {
            rows: self.trail_rows(),
            total: 120,
            more: true,
            next: Some(5_000),
            behind: 7,
        })
    }

    /// The subject is the slug of the tenant whose events the report is about.
    fn subject<'a>(&'a self, _: &'a Actor, asked: &'a SubjectAsk) -> Answer<'a, SubjectAnswer> {
        self.asked.lock().expect("lock").push(asked.clone());
        if asked.subject == WRONG_NUMBER {
            return now(SubjectAnswer::Unclear(
                self.text("Its check digit does not fit"),
            ));
        }
        now(SubjectAnswer::Report(SubjectReport {
            subject: self.text(&asked.subject),
            tenant: Some(asked.subject.clone()),
            made: at("2026-11-22T07:12:00Z"),
            by_role: true,
            rows: self.accesses(),
            file: (asked.form != SubjectForm::Page).then(|| Download {
                name: "record.pdf".to_owned(),
                content_type: "application/pdf",
                bytes: b"%PDF-1.7".to_vec(),
            }),
        }))
    }

    /// The subject is the slug of the tenant whose events are in the file.
    fn proofs<'a>(&'a self, _: &'a Actor, asked: &'a ProofsAsk) -> Answer<'a, Proofs> {
        let tenant = asked.query.subject.as_str();
        now(match tenant {
            "" => Proofs::Nothing,
            TOO_MUCH => Proofs::TooMany(5_000),
            _ => Proofs::File(
                Some(tenant.to_owned()),
                Download {
                    name: "trail.avouch-trail".to_owned(),
                    content_type: "application/octet-stream",
                    bytes: tenant.as_bytes().to_vec(),
                },
            ),
        })
    }

    fn room<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<RoomRow>> {
        let row = |destination: &str, per_day: Option<u64>| RoomRow {
            destination: self.text(destination),
            stored: 3 << 30,
            free: Some(9 << 30),
            per_day,
            full_in_days: per_day.map(|_| 90),
        };
        now(vec![
            row("local", Some(100 << 20)),
            row("second-disk", None),
        ])
    }

    fn backups<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<BackupRow>> {
        let row = |tenant: Option<&str>, destination: &str| BackupRow {
            tenant: tenant.map(str::to_owned),
            source: self.text("tenant-data"),
            destination: self.text(destination),
            snapshot: "7f3a9c21".to_owned(),
            taken: at("2026-07-22T03:00:00Z"),
            bytes: 3_400_000,
            changed: self.text("nothing new"),
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
            moment: None,
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

    fn kept_reports<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<KeptReportRow>> {
        let row = |tenant: Option<&str>, title: &str| KeptReportRow {
            name: "riverside".to_owned(),
            title: self.text(title),
            period: "2026-06".to_owned(),
            made: at("2026-07-01T00:00:40Z"),
            tenant: tenant.map(str::to_owned),
        };
        now(vec![
            row(Some("riverside"), "Use by organisation"),
            row(Some("lakeside"), "Lakeside use"),
            row(None, "Lakeside and all others"),
        ])
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
            kept: (period == Some("2026-06")).then(|| (at("2026-07-01T00:00:40Z"), false)),
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

fn unfit() -> DeskError {
    DeskError::Unfit("a locality has at most 80 letters".to_owned())
}
