//! The command line: what may be typed. Each command's doing is in `commands`.

mod clock;
mod everything;
mod keeper;

pub use clock::Clock;
pub use everything::Everything;
pub use keeper::Keeper;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::audit;

/// Run a multi-tenant application by a written statement, and keep trying to prove it false.
#[derive(Debug, Parser)]
#[command(name = "avouch", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The statement.
    #[arg(
        short = 'c',
        long = "config",
        global = true,
        value_name = "FILE",
        default_value = "avouch.toml"
    )]
    pub statement: PathBuf,
    /// The folder where everything that Avouch keeps lives.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "/var/lib/avouch"
    )]
    pub data: PathBuf,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run it all.
    Up {
        /// Make two example tenants with people and figures in them.
        #[arg(long)]
        demo: bool,
        /// Read the passphrase of the keys from this open descriptor, not from the terminal.
        #[arg(long, value_name = "N")]
        passphrase_fd: Option<u16>,
    },
    /// Run the checks now: exit 0 all held, 1 something broken or unproven, 2 could not run.
    Check {
        /// Only checks that judge these claims; `*` stands for one part of a claim's path.
        claims: Vec<String>,
    },
    /// Say requirement by requirement what the statement answers.
    Coverage {
        /// Which requirement set.
        #[arg(long, default_value = "demo")]
        set: String,
    },
    /// Print the statement as a document.
    Statement {
        /// In which form.
        #[arg(long, value_enum, default_value_t = Format::Md)]
        format: Format,
    },
    /// Write what a customer gets to verify.
    Pack {
        /// The tenant.
        tenant: String,
        /// Where to write it.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Verify a pack, a proof, or events with theirs, without the service and without the network.
    Verify {
        /// The pack, the proof that `audit prove` wrote, or the events that `audit search --proofs` wrote.
        file: PathBuf,
        /// A policy with the log's key, got earlier (`log <key>` on a line).
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// The earlier checkpoint that a proof goes on from.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Sign other machines' logs as long as each goes on from what was signed before.
    Witness {
        /// The private key; made if it is not there and `--name` is given.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The name for a new key: a host and path.
        #[arg(long)]
        name: Option<String>,
        /// Where what was signed is kept; whoever loses it can be deceived.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// A log's public key; more than once for several.
        #[arg(long = "log", value_name = "KEY", required = true)]
        logs: Vec<String>,
        /// Where to listen, without TLS: put it behind something that speaks it.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7380")]
        listen: std::net::SocketAddr,
    },
    /// Receive other machines' backups, which whoever writes them cannot take away again.
    Keeper {
        /// Where everything received is kept.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        #[command(subcommand)]
        command: Keeper,
    },
    /// Take, list or verify backups.
    #[command(subcommand)]
    Backup(Backup),
    /// Plan a restore, into place or to a folder; with `--execute`, do it.
    Restore {
        /// The tenant, or `platform`.
        #[arg(required_unless_present = "everything")]
        tenant: Option<String>,
        /// Which of its sources, if it has several.
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// This snapshot instead of the newest, by its id or the beginning of it.
        #[arg(long, value_name = "ID")]
        snapshot: Option<String>,
        /// As it was at this moment, by the clock of the source's zone, as in "2026-11-21 14:32:07".
        #[arg(long, value_name = "MOMENT", conflicts_with = "snapshot")]
        at: Option<String>,
        /// From this destination; otherwise from the one longest untried. With `--everything`, its folder or its
        /// `keeper://` address.
        #[arg(long, value_name = "DESTINATION")]
        from: Option<String>,
        /// To this empty or new folder, to be looked at, instead of into place.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// Only this file of it.
        #[arg(long, value_name = "PATH", requires = "to")]
        file: Option<PathBuf>,
        /// Why; the tenant sees it in its trail.
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
        /// Do it; without this the plan is printed and nothing is done.
        #[arg(long, requires = "because")]
        execute: bool,
        #[command(flatten)]
        everything: Everything,
    },
    /// Rehearse a restore, or look at rehearsals.
    #[command(subcommand)]
    Drill(Drill),
    /// Say how the clock stands, or that it is right.
    #[command(subcommand)]
    Clock(Clock),
    /// Search or verify the audit trail.
    #[command(subcommand)]
    Audit(Audit),
    /// List or show the reports that the statement names.
    #[command(subcommand)]
    Report(Report),
    /// List, add or remove tenants.
    #[command(subcommand)]
    Tenant(Tenant),
    /// List, add, disable people, make them a new password, or take their second factor away.
    #[command(subcommand)]
    User(User),
    /// Say what would stop this machine from keeping the statement.
    Doctor,
    /// Run one of the platform's processes; `up` starts these.
    #[command(hide = true, subcommand)]
    Role(Role),
    /// Run a command with no more rights than its specification gives.
    Confine {
        /// The specification, as JSON.
        #[arg(long, value_name = "JSON")]
        spec: String,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Run one job, whose specification comes on standard input.
    #[command(hide = true)]
    Job,
    /// Connect a job to one place on the network.
    #[command(hide = true)]
    Carry {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// Print the master key as sheets of paper, try them, or bring it back from them.
    #[command(subcommand)]
    Key(Key),
    /// Try the acts on standard input and say which succeeded: what a taken-over application could do.
    #[command(hide = true)]
    Probe,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    Html,
    Md,
    Pdf,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Take a backup now.
    Run {
        /// Of this tenant only.
        tenant: Option<String>,
    },
    /// List the snapshots.
    List,
    /// Read every stored byte of every repository back and compare.
    Verify,
}

#[derive(Debug, Subcommand)]
pub enum Drill {
    /// Restore a tenant's newest snapshot into a fenced place, try it, time it, and destroy it again.
    Run {
        /// The tenant, or `platform`.
        tenant: String,
        /// An older snapshot instead, chosen at random.
        #[arg(long, conflicts_with = "snapshot")]
        random: bool,
        /// A database as it was at any moment instead, drawn from those that can be had.
        #[arg(long, conflicts_with_all = ["snapshot", "random"])]
        any_moment: bool,
        /// This snapshot instead, by its id or the beginning of it.
        #[arg(long, value_name = "ID")]
        snapshot: Option<String>,
        /// From this destination; otherwise from the one longest untried.
        #[arg(long, value_name = "DESTINATION")]
        from: Option<String>,
    },
    /// List the drills.
    List,
    /// Show one drill, step by step.
    Show {
        /// Its id.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Search the trail, newest first.
    Search(audit::Search),
    /// Say who opened or changed somebody's record.
    Subject(audit::Subject),
    /// Write events to a file in a format that others read.
    Export(audit::Export),
    /// Show how far those have got who receive the trail as it is written.
    Exports,
    /// List what the reviews of access found in an organisation, and who looked at it.
    Unusual {
        /// The organisation.
        tenant: String,
        /// Why it is asked; it is written down.
        #[arg(long, value_name = "WHY")]
        because: String,
    },
    /// Write a proof that anybody can verify: of an entry, or that nothing before a checkpoint was changed.
    Prove {
        /// The entry's number.
        #[arg(required_unless_present = "since", conflicts_with = "since")]
        index: Option<u64>,
        /// An earlier checkpoint that was kept.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// Where to write it.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Make everything anew that is derived from the ledger: its tiles, the index, the rounds that are shown.
    Rebuild,
    /// Verify the ledger's files with nothing but its public key.
    Verify {
        /// The log's key (vkey text); read from the data folder when left out.
        #[arg(long)]
        key: Option<String>,
        /// A witness's key: it must have signed, and the ledger must go on from that; more than once for several.
        #[arg(long = "witness", value_name = "KEY")]
        witnesses: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Report {
    /// List the reports.
    List,
    /// Say for how long each application ran on a day, and for whom.
    Hours {
        /// The day, such as `2026-11-22`; today when left out.
        #[arg(long)]
        day: Option<String>,
    },
    /// Count a report and show it.
    Show {
        /// Its name.
        name: String,
        /// The period: `2026-11-22`, `2026-W47`, `2026-11`, `2026-Q4` or `2026`; the present one when left out.
        #[arg(long)]
        period: Option<String>,
        /// Counted from this tenant's events alone.
        #[arg(long)]
        tenant: Option<String>,
        /// In which form; `--json` gives it for a program.
        #[arg(long, value_enum, default_value_t = Sheet::Text)]
        format: Sheet,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Sheet {
    /// Columns for a person.
    Text,
    /// Comma-separated values.
    Csv,
    /// A picture of the first column.
    Svg,
}

#[derive(Debug, Subcommand)]
pub enum Tenant {
    /// List the tenants.
    List,
    /// Add a tenant and start its application.
    Add {
        /// Its short name: a host label.
        id: String,
        /// The organisation's name.
        #[arg(long)]
        name: String,
    },
    /// Plan the erasure of a tenant and of all its data; with `--execute`, do it. It cannot be undone.
    Remove {
        /// Its short name.
        id: String,
        /// Why; it is recorded.
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
        /// Do it; without this the plan is printed and nothing is done.
        #[arg(long, requires = "because")]
        execute: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// List the people.
    List,
    /// Add somebody and print the password made for them.
    Add {
        /// Their email address.
        email: String,
        /// Their name.
        #[arg(long)]
        name: String,
        /// Their tenant; leave it out for the supplier's people.
        #[arg(long)]
        tenant: Option<String>,
        /// Make them an administrator.
        #[arg(long)]
        administrator: bool,
        /// The site or unit within their tenant.
        #[arg(long, value_name = "NAME")]
        locality: Option<String>,
    },
    /// Say to which site or unit within their tenant somebody belongs; every event of theirs says it from then on.
    Locality {
        /// Their email address.
        email: String,
        /// The site or unit; an empty name takes it back.
        name: String,
    },
    /// Say which records are somebody's own or their family's, for the review of access. One a line comes on standard
    /// input, as `own NUMBER` or `family NUMBER`; what was said before is forgotten. No number is kept, only a mark of it.
    Records {
        /// Their email address.
        email: String,
    },
    /// Stop somebody from signing in.
    Disable {
        /// Their email address.
        email: String,
    },
    /// Take somebody's second factor away; they set up another at their next sign-in, where one is demanded.
    RemoveSecondFactor {
        /// Their email address.
        email: String,
    },
    /// Make somebody a new password and print it.
    Reset {
        /// Their email address.
        email: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Key {
    /// Print sheets, some of which bring the master key back; those from before are then useless.
    Escrow {
        /// How many sheets.
        #[arg(long)]
        sheets: u8,
        /// How many of them are needed.
        #[arg(long)]
        needed: u8,
        /// Where to put them, one PDF for each holder: an empty or new folder in memory, such as `/dev/shm/sheets`.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Type sheets in, and see that they bring the master key back; the date is kept.
    Rehearse {
        /// A file with a sheet's lines, instead of typing them; more than once for several.
        #[arg(long = "sheet", value_name = "FILE")]
        sheets: Vec<PathBuf>,
    },
    /// Bring the master key back from sheets and a copy of the folder of keys, without the service.
    Recover {
        /// The copy of the folder: `core/keys` of the data folder.
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        /// A file with a sheet's lines, instead of typing them; more than once for several.
        #[arg(long = "sheet", value_name = "FILE")]
        sheets: Vec<PathBuf>,
        /// The new file for the master key.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Hand the master key to the core that asks for it over standard input.
    #[command(hide = true)]
    Hold {
        /// Where the key comes from, as JSON.
        #[arg(long)]
        spec: String,
        /// A passphrase can be read from standard output.
        #[arg(long)]
        given: bool,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum Role {
    /// Keys, ledger, store, accounts, schedules, checks and pages.
    Core {
        /// Fill an empty service with examples.
        #[arg(long)]
        demo: bool,
    },
    /// The public listeners.
    Front {
        /// An address below port 1024 to listen on before the right to such ports is given up.
        #[arg(long)]
        low: Vec<std::net::SocketAddr>,
    },
}
