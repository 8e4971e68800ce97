//! The fixed values.

use avouch_console::Role;
use avouch_console::views::{
    AnswerRow, Assurance, Audience, ClaimView, Counts, DrillRow, EventRow, FaultRow, FindingRow,
    PersonRow, Progress, RoundRow, SectionView, SetLink, StatementView, Trial, Verdict,
};

use super::{Fake, at};

impl Fake {
    pub(super) fn person_rows(&self) -> Vec<PersonRow> {
        let row = |id: &str, name: &str, role, tenant: Option<&str>, disabled| PersonRow {
            id: id.to_owned(),
            name: self.text(name),
            email: self.text(&format!("{id}@example.test")),
            role,
            tenant: tenant.map(str::to_owned),
            locality: self.text("Ward 3"),
            waits_until: (id == "p2").then(|| at("2026-11-23T07:10:21Z")),
            disabled,
            last_signed_in: (!disabled).then(|| at("2026-11-22T06:58:00Z")),
            second_factor: (!disabled).then(|| at("2026-11-20T09:30:00Z")),
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

    /// Every fault, whoever asks.
    pub(super) fn faults(&self) -> Vec<FaultRow> {
        let row = |number, person: &str, tenant: &str, words: &str| FaultRow {
            number,
            at: at("2026-11-22T07:10:21Z"),
            person: person.to_owned(),
            who: format!("{person}@example.test"),
            tenant: Some(tenant.to_owned()),
            words: self.text(words),
            answer: (number == 3).then(|| AnswerRow {
                at: at("2026-11-22T08:00:00Z"),
                words: self.text("We have found it"),
                closed: false,
            }),
        };
        vec![
            row(3, "p1", "riverside", "The form is slow"),
            row(2, "q1", "lakeside", "Lakeside is slow"),
            row(1, "p9", "riverside", "A colleague's trouble"),
        ]
    }

    pub(super) fn findings_of_both(&self) -> Vec<FindingRow> {
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

    pub(super) fn drill_row(&self, id: &str, tenant: &str, progress: Progress) -> DrillRow {
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

    pub(super) fn round_row(number: u64) -> RoundRow {
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

    pub(super) fn public_statement(&self) -> StatementView {
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
        StatementView {
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
        }
    }

    pub(super) fn trail_rows(&self) -> Vec<EventRow> {
        vec![
            self.event(
                "p1@example.test",
                "open assessment",
                Some("riverside"),
                5_002,
            ),
            self.event(
                "lena@lakeside.test",
                "Lakeside assessment",
                Some("lakeside"),
                5_001,
            ),
            self.event("avouch", "Lakeside backup", None, 5_000),
        ]
    }

    pub(super) fn accesses(&self) -> Vec<EventRow> {
        let row = |who, tenant| self.event(who, "record-opened: GET /wards/2", tenant, 5_002);
        vec![
            row("p1@example.test", Some("riverside")),
            row("lena@lakeside.test", Some("lakeside")),
            row("Lakeside root", None),
        ]
    }

    fn event(&self, who: &str, what: &str, tenant: Option<&str>, index: u64) -> EventRow {
        EventRow {
            at: at("2026-11-22T07:10:21Z"),
            who: self.text(who),
            role: self.text("member"),
            what: self.text(what),
            subjects: vec![self.text("assessment-7")],
            outcome: self.text("allowed"),
            tenant: tenant.map(str::to_owned),
            source: self.text("10.0.0.7"),
            index,
        }
    }
}
