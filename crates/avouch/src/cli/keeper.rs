//! What `avouch keeper` takes.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Keeper {
    /// Run the keeper; its key is made when it runs first.
    Run {
        /// Where to listen.
        #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:7390")]
        listen: std::net::SocketAddr,
        /// A name or address by which stock clients reach it, for its certificate; more than once for several. Left out,
        /// the certificate stays as it is.
        #[arg(long = "name", value_name = "HOST")]
        names: Vec<String>,
    },
    /// Let a service write here, by its statement (`-c`): print its credential once, or set a known one's rules anew.
    Add {
        /// The name that the service is to have here.
        name: avouch_statement::Slug,
        /// The destination of the statement that this keeper is.
        #[arg(long, value_name = "NAME")]
        destination: avouch_statement::Slug,
        /// How much room it may take up, such as `200 GiB`.
        #[arg(long, value_name = "SIZE")]
        room: String,
    },
    /// List what is kept of each service.
    List,
    /// Show the writer of a repository again just what is kept of it, after somebody wrote what does no good.
    Reinstate {
        /// The service.
        name: avouch_statement::Slug,
        /// The repository: a tenant, or `platform`.
        repository: avouch_statement::Slug,
    },
    /// Say that this machine's clock is right, by another: the way back after it was wrong and was believed.
    Believe {
        /// What the other clock says, as `date -Iseconds` prints it.
        time: jiff::Timestamp,
    },
}
