//! Processes: confinement, supervision, restarts and jobs.
