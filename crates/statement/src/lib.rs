//! The statement: text to settings, claims, requirement sets and coverage, without I/O or a clock.
