//! The pages, as types: what each one needs to be written. The words are in `templates/`.

use askama::Template;
use http::StatusCode;

use crate::entry::{FIELDS, Refused};
use crate::period::{self, Period};
use crate::staffing::{AMBER_TO, WEIGHTS};
use crate::store::{Assessment, Id, Ward};
use crate::trend::Trend;

/// What every page for a known person shows around itself.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The tenant that this instance serves.
    pub tenant: String,
    /// The person who asked.
    pub person: String,
    /// Whether the page includes the gateway's script.
    pub timing: bool,
}

/// All wards, each with its latest status.
#[derive(Template)]
#[template(path = "overview.html")]
pub struct Overview {
    /// Around it.
    pub frame: Frame,
    /// Each ward with its latest assessment, if it has one.
    pub wards: Vec<(Ward, Option<Assessment>)>,
}

/// One ward: the trend and the assessments.
#[derive(Template)]
#[template(path = "ward.html")]
pub struct WardPage {
    /// Around it.
    pub frame: Frame,
    /// The ward.
    pub ward: Ward,
    /// Its latest assessments, newest first.
    pub latest: Vec<Assessment>,
    /// The picture of them.
    pub trend: Option<Trend>,
}

/// The form for a new assessment.
#[derive(Template)]
#[template(path = "new.html")]
pub struct NewPage {
    /// Around it.
    pub frame: Frame,
    /// The ward.
    pub ward: Ward,
    /// The form.
    pub form: Form,
}

/// One assessment, with the form that corrects it.
#[derive(Template)]
#[template(path = "record.html")]
pub struct RecordPage {
    /// Around it.
    pub frame: Frame,
    /// The ward.
    pub ward: Ward,
    /// What is kept.
    pub assessment: Assessment,
    /// The form that corrects it.
    pub form: Form,
}

/// The ward already has an assessment for that period.
#[derive(Template)]
#[template(path = "taken.html")]
pub struct TakenPage {
    /// Around it.
    pub frame: Frame,
    /// The ward.
    pub ward: Ward,
    /// The period that was asked for.
    pub period: Period,
    /// The assessment that is there.
    pub there: Id,
}

/// A page that only says something: not found, not signed in, and so on.
#[derive(Template)]
#[template(path = "notice.html")]
pub struct Notice {
    /// Around it, where the person is known.
    pub frame: Option<Frame>,
    /// Its heading.
    pub heading: &'static str,
    /// What to do now.
    pub sentence: &'static str,
}

/// The form of ten numbers, with what was right so far and what was wrong.
#[derive(Debug, Default)]
pub struct Form {
    values: [Option<u16>; FIELDS.len()],
    /// Every fault: the field it belongs to, if it is one of ours, and the sentence.
    pub faults: Vec<(Option<&'static str>, String)>,
}

/// One field as the page shows it.
#[derive(Debug)]
pub struct Shown {
    /// Its name in the form.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// Its number so far.
    pub value: Option<u16>,
    /// What is wrong with it.
    pub fault: Option<String>,
}

impl Form {
    /// An empty form for the period under way.
    pub fn for_period(period: Period) -> Self {
        let mut form = Self::default();
        let date = period.date();
        let known = [
            u16::try_from(date.day()).ok(),
            u16::try_from(date.month()).ok(),
            u16::try_from(date.year()).ok(),
            Some(u16::from(period.number())),
        ];
        for (value, number) in form.values.iter_mut().zip(known) {
            *value = number;
        }
        form
    }

    /// A form that shows what is kept.
    pub fn of(assessment: &Assessment) -> Self {
        let mut form = Self::for_period(assessment.period);
        let counts = assessment
            .counts
            .women
            .iter()
            .chain([&assessment.counts.midwives]);
        for (value, count) in form.values.iter_mut().skip(4).zip(counts) {
            *value = Some(u16::from(*count));
        }
        form
    }

    /// The form as it was refused: right numbers stay, wrong ones are blank and explained.
    pub fn refused(refused: Refused) -> Self {
        let faults = refused
            .faults
            .into_iter()
            .map(|fault| (fault.field, fault.sentence))
            .collect();
        Self {
            values: refused.kept,
            faults,
        }
    }

    /// Day, month and year.
    pub fn date(&self) -> Vec<Shown> {
        self.shown(0, 3)
    }

    /// The number of the period in the day, and its choices.
    pub fn period(&self) -> Vec<(Shown, Vec<(u16, String)>)> {
        let choices = || {
            (0..period::PER_DAY)
                .map(|number| (u16::from(number), period::hours(number)))
                .collect()
        };
        self.shown(3, 1)
            .into_iter()
            .map(|shown| (shown, choices()))
            .collect()
    }

    /// The counts: women by category, then midwives.
    pub fn counts(&self) -> Vec<Shown> {
        self.shown(4, FIELDS.len() - 4)
    }

    /// Whether something was wrong with the date.
    pub fn date_faults(&self) -> Vec<String> {
        self.date()
            .into_iter()
            .filter_map(|shown| shown.fault)
            .collect()
    }

    fn shown(&self, from: usize, count: usize) -> Vec<Shown> {
        let fault = |name| {
            self.faults
                .iter()
                .find(|(field, _)| *field == Some(name))
                .map(|(_, said)| said.clone())
        };
        FIELDS
            .iter()
            .zip(self.values)
            .skip(from)
            .take(count)
            .map(|(field, value)| Shown {
                name: field.name,
                label: field.label,
                value,
                fault: fault(field.name),
            })
            .collect()
    }
}

impl Shown {
    /// The classes of its text box, wide enough for its number.
    pub fn width(&self) -> &'static str {
        if self.name == "year" {
            "nhsuk-input--width-4"
        } else {
            "nhsuk-input--width-2"
        }
    }
}

/// What a status page for each refused status says.
pub fn notice_for(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::UNAUTHORIZED => (
            "You are not signed in",
            "Open the service at its own address and sign in. This page takes no other proof.",
        ),
        StatusCode::NOT_FOUND => (
            "Page not found",
            "There is no such page, ward or assessment. Go back to the wards.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "That cannot be done here",
            "Go back to the wards and use the forms there.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "Too much was sent",
            "Use the form: it sends ten whole numbers and nothing else.",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "That is not a form",
            "Use the form on the ward's page: it sends ten whole numbers and nothing else.",
        ),
        _ => (
            "Sorry, something went wrong",
            "Nothing was changed unless a page has said so. Try again in a minute.",
        ),
    }
}
