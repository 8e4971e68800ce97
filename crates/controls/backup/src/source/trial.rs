//! Trying restored data out: looking at all of it, starting a fresh server for a dump, and asking questions.

use std::path::Path;

use super::{SourceError, expect, mariadb, postgres, survey};
use crate::manifest::{DATA, Database, Engine, Manifest};

/// Beside the restored data, where a fresh server runs.
const FENCE: &str = "fence";

/// What was found.
pub(crate) struct Tried {
    /// What the restored data hold.
    pub(crate) found: Manifest,
    /// Each question and whether it was answered by yes.
    pub(crate) answers: Vec<(String, bool)>,
}

/// Looks at the data in `restored`, with the databases' own checks, and asks every database the questions.
///
/// # Errors
///
/// If something cannot be read or is damaged, a dump cannot be restored, or no server can be started for it.
pub(crate) async fn try_out(
    restored: &Path,
    recorded: &Manifest,
    questions: &[String],
) -> Result<Tried, SourceError> {
    let data = restored.join(DATA);
    let mut tried = Tried {
        found: survey(&data, recorded.taken).await?,
        answers: Vec::new(),
    };
    for (file, database) in &recorded.databases {
        let Some(server) = &database.server else {
            for question in questions {
                // A question that cannot be asked of the restored copy is not answered by yes.
                let yes = expect(&data.join(file), question).await.unwrap_or(false);
                tried.answers.push((question.clone(), yes));
            }
            continue;
        };
        let name = file
            .rsplit_once('.')
            .map_or(file.as_str(), |(name, _)| name);
        let fence = restored.with_file_name(FENCE);
        let found = match server.engine {
            Engine::Postgres => on_postgres(&fence, &data, name, questions, &mut tried).await?,
            Engine::Mariadb => {
                on_mariadb(&fence, &data, name, database, questions, &mut tried).await?
            }
        };
        tried.found.databases.insert(file.clone(), found);
    }
    Ok(tried)
}

async fn on_postgres(
    fence: &Path,
    data: &Path,
    name: &str,
    questions: &[String],
    tried: &mut Tried,
) -> Result<Database, SourceError> {
    let cluster = postgres::Cluster::start(fence).await?;
    cluster.restore(data, name).await?;
    let found = cluster.survey(name).await?;
    for question in questions {
        let yes = cluster.asked(name, question).await;
        tried.answers.push((question.clone(), yes));
    }
    cluster.check(name).await?;
    cluster.end().await?;
    Ok(found)
}

async fn on_mariadb(
    fence: &Path,
    data: &Path,
    name: &str,
    recorded: &Database,
    questions: &[String],
    tried: &mut Tried,
) -> Result<Database, SourceError> {
    let fresh = mariadb::Fresh::start(fence).await?;
    fresh.restore(data, name, recorded).await?;
    let found = fresh.survey(name).await?;
    for question in questions {
        let yes = fresh.asked(name, question).await;
        tried.answers.push((question.clone(), yes));
    }
    fresh.check(name).await?;
    fresh.end().await?;
    Ok(found)
}
