//! The whole statement: every control's section, read together, so that every fault shows at once.

use std::path::Path;

use avouch_evidence::Promise;
use avouch_statement::{
    Audience, Claim, Document, Draft, Faults, Figure, Length, Reading, Source, Table,
};

use crate::fail::Fail;

/// Everything that a statement says.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The text it was read from.
    pub source: Source,
    /// Who offers what.
    pub service: Service,
    /// The application.
    pub app: App,
    /// Where the master key comes from.
    pub keys: avouch_keyring::Settings,
    /// The public face.
    pub gateway: avouch_gateway::Settings,
    /// Who may come in.
    pub access: avouch_access::Settings,
    /// Whose data.
    pub tenancy: avouch_tenancy::Settings,
    /// What is written down.
    pub audit: avouch_audit::Settings,
    /// Processes.
    pub runtime: avouch_runtime::Settings,
    /// What people are told of how the service is, if anything is promised.
    pub status: Option<avouch_status::Settings>,
    /// Backups and drills.
    pub backup: avouch_backup::settings::Settings,
    /// What is reported, to whom.
    pub reports: Vec<avouch_events::report::Definition>,
    /// Certificates and signatures.
    pub governance: avouch_governance::Settings,
    /// How it is tried and shown.
    pub evidence: Evidence,
    /// Every promise, in file order.
    pub claims: Vec<Claim>,
}

/// `[service]`: who offers what. Wiring; it promises nothing.
#[derive(Debug, Clone)]
pub struct Service {
    /// The service's name.
    pub name: String,
    /// The supplier's name.
    pub supplier: String,
    /// Whom to write to.
    pub support: String,
}

/// `[app]`: how the application is started, which is wiring, and when it is stopped.
#[derive(Debug, Clone)]
pub struct App {
    /// The program and its arguments; `$SOCKET` and `$DATA` are filled in for each tenant.
    pub command: Vec<String>,
    /// Its version, as its makers count.
    pub version: Option<String>,
    /// The path that answers when it is well.
    pub health: String,
    /// The path that a rehearsed restore is asked: it must answer from the restored data.
    pub question: String,
    /// When it is stopped because nobody uses it, if it ever is. A promise.
    pub idle: Option<avouch_runtime::capacity::Idle>,
}

/// `[evidence]`: how the statement is tried and shown.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// How often all checks run.
    pub check_every: Length,
}

impl Statement {
    /// What customers read of it: all that it promises, and none of its wiring.
    pub fn promise(&self) -> Promise {
        Promise {
            format: "avouch-promise/v1".to_owned(),
            statement: self.source.digest(),
            service: self.service.name.clone(),
            supplier: self.service.supplier.clone(),
            claims: self.claims.clone(),
        }
    }
}

/// Reads the statement in `path`.
///
/// # Errors
/// If the file cannot be read, or with every fault in it.
pub fn load(path: &Path) -> Result<Statement, Fail> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fail::new(format!("cannot read the statement `{}`", path.display()))
            .from(error)
            .help("name it with `-c FILE`; `statements/demo.toml` is an example")
    })?;
    let name = path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    read(Source::new(name, text))
        .map_err(|faults| Fail::new(faults.to_string()).help("mend the lines above and try again"))
}

/// Reads a statement.
///
/// # Errors
/// Every fault in it, in file order.
pub fn read(source: Source) -> Result<Statement, Faults> {
    let reading = Reading::new(&source);
    let document = Document::parse(&reading);
    let mut root = document.table(&reading);
    edition(&mut root);
    let service = section(&mut root, SERVICE, service);
    let keys = section(&mut root, KEYS, avouch_keyring::read);
    let app = section(&mut root, APP, app);
    let gateway = section(&mut root, GATEWAY, avouch_gateway::read);
    let access = section(&mut root, ACCESS, avouch_access::read);
    let tenancy = section(&mut root, TENANCY, avouch_tenancy::read);
    let records = avouch_audit::read_records(&mut root);
    let audit = section(&mut root, AUDIT, |table| avouch_audit::read(table, records));
    let runtime = section(&mut root, RUNTIME, avouch_runtime::read);
    let status = status(&mut root);
    let evidence = section(&mut root, EVIDENCE, evidence);
    let mut reach = None;
    let backup = section(&mut root, BACKUP, |table| {
        // Who reaches backups is a matter of access.
        reach = avouch_access::read_reach(table);
        avouch_backup::settings::read(table)
    });
    let access = access
        .zip(reach)
        .map(|(access, reach)| avouch_access::Settings { reach, ..access });
    // Whether each organisation alone decides who reads its trail bounds what the supplier may make of accounts.
    let custody = audit.as_ref().is_some_and(|audit| audit.custody.is_some());
    let access = access.map(|access| avouch_access::Settings { custody, ..access });
    let reports = avouch_events::report::read(&mut root);
    let governance = avouch_governance::read(&mut root);
    root.finish();
    let claims = reading.finish()?;
    let parts = (
        service, keys, app, gateway, access, tenancy, audit, runtime, status, evidence, backup,
        reports, governance,
    );
    let (
        Some(service),
        Some(keys),
        Some(app),
        Some(gateway),
        Some(access),
        Some(tenancy),
        Some(audit),
        Some(runtime),
        Some(status),
        Some(evidence),
        Some(backup),
        Some(reports),
        Some(governance),
    ) = parts
    else {
        return Err(silent(&source));
    };
    Ok(Statement {
        source: source.clone(),
        service,
        app,
        keys,
        gateway,
        access,
        tenancy,
        audit,
        runtime,
        status,
        backup,
        reports,
        governance,
        evidence,
        claims,
    })
}

/// A section that gave nothing and no fault would be a mistake of ours; it must not pass for a statement.
fn silent(source: &Source) -> Faults {
    let reading = Reading::new(source);
    reading.fault(
        0..0,
        "a section could not be read",
        "",
        "this is a mistake in Avouch; please report it with the statement",
    );
    match reading.finish() {
        Err(faults) => faults,
        Ok(_) => Faults::new(source.clone(), Vec::new()),
    }
}

/// A section that must be there, and the lines that it needs.
type Section = (&'static str, &'static str);

const SERVICE: Section = (
    "service",
    r#"`name = "Acuity"`, `supplier = "Example Digital Ltd"` and `support = "support@example.test"`"#,
);
const KEYS: Section = (
    "keys",
    r#"`master = { from = "file", path = "master.key" }`"#,
);
const APP: Section = (
    "app",
    r#"`command = ["acuity", "--socket", "$SOCKET"]` and `health = "/health"`"#,
);
const GATEWAY: Section = (
    "gateway",
    r#"`domain = "acuity.example"` and `tls = { minimum = "1.2", ciphers = "256-bit", certificate = "local-ca" }`"#,
);
const ACCESS: Section = (
    "access",
    "`sign-in`, `administrators`, `password`, `session` and `lockout`",
);
const TENANCY: Section = (
    "tenancy",
    r#"`isolation = "process"` and `crawl-from = "/"`"#,
);
const AUDIT: Section = ("audit", r#"`before-effect = true` and `keep = "8 years"`"#);
const RUNTIME: Section = ("runtime", r#"`restart-within = "10 s"`"#);
const EVIDENCE: Section = (
    "evidence",
    r#"`overview = "public"` and `check-every = "1 h"`"#,
);
const BACKUP: Section = (
    "backup",
    r#"`encryption = "aes-256"` and a `[[backup.source]]`"#,
);

fn section<'d, T>(
    root: &mut Table<'d>,
    (name, below): Section,
    read: impl FnOnce(&mut Table<'d>) -> Option<T>,
) -> Option<T> {
    let mut table = root.need_section(name, below)?;
    let settings = read(&mut table);
    table.finish();
    settings
}

/// `[status]`, which may be left out.
fn status(root: &mut Table<'_>) -> Option<Option<avouch_status::Settings>> {
    let Some(mut table) = root.table("status", r#"{ told-within = "1 min", keep = "2 years" }"#)
    else {
        return Some(None);
    };
    let settings = avouch_status::read(&mut table);
    table.finish();
    settings.map(Some)
}

fn edition(root: &mut Table<'_>) {
    if let Some(edition) = root.need_whole("edition", 1..=i64::MAX, 1)
        && edition.value != 1
    {
        root.fault(
            edition.at,
            format!("this build reads edition 1, not {}", edition.value),
            "not known",
            "write `edition = 1`, or use a newer Avouch",
        );
    }
}

fn service(table: &mut Table<'_>) -> Option<Service> {
    let name = table.need_text("name", "Acuity");
    let supplier = table.need_text("supplier", "Example Digital Ltd");
    let support = table.need_parsed(
        "support",
        "an email address",
        "support@example.test",
        |text| {
            if text.split('@').count() == 2 && !text.starts_with('@') && !text.ends_with('@') {
                Ok(text.to_owned())
            } else {
                Err("not an email address".to_owned())
            }
        },
    );
    Some(Service {
        name: name?.value,
        supplier: supplier?.value,
        support: support?.value,
    })
}

fn app(table: &mut Table<'_>) -> Option<App> {
    let command = table.need_texts("command", "[\"acuity\", \"--socket\", \"$SOCKET\"]");
    let version = table.or("version", None, |table, key| {
        table.need_parsed(key, "a version", "2.4.1", |text| {
            let fits =
                (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
            fits.then(|| Some(text.to_owned()))
                .ok_or_else(|| "not up to 40 letters, digits and signs".to_owned())
        })
    });
    let path = |text: &str| {
        if text.starts_with('/') {
            Ok(text.to_owned())
        } else {
            Err("it does not start with `/`".to_owned())
        }
    };
    let health = table.need_parsed("health", "a path", "/health", path);
    let question = table.need_parsed("question", "a path", "/totals", path);
    let idle = avouch_runtime::capacity::read_idle(table);
    Some(App {
        idle: idle?,
        command: command?.value.into_iter().map(|word| word.value).collect(),
        version: version?,
        health: health?.value,
        question: question?.value,
    })
}

fn evidence(table: &mut Table<'_>) -> Option<Evidence> {
    let overview = table.need_word("overview", &[("public", "public")]);
    if overview.is_some() {
        table.claim(
            "overview",
            Draft::enforced(
                "Anybody can read and download an overview of these promises, with whether each one is true now.",
                Figure::Word("public".to_owned()),
                "Tried by downloading the page and its JSON document as a stranger and comparing the statement's digest and each \
                 promise's words and status, on both, with what the checks found; and the page's totals, and the document's \
                 date. Not tried: from outside this machine.",
            )
            .for_audience(Audience::Public),
        );
    }
    let check_every = table.need_length("check-every", "1 h");
    overview.and(check_every).map(|check_every| Evidence {
        check_every: check_every.value,
    })
}
