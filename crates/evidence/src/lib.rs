//! Checks, verdicts, findings, rounds and packs, and a pack verifier that shares no code with any writer.
