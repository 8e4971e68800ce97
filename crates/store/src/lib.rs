//! State that changes, in SQLite: schema and migrations.
