//! Backups: sources, repositories, retention, schedules, restores and drills.
