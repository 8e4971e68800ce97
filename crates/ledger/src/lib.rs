//! The append-only ledger in the open C2SP formats, and a verifier that shares no code with its writer.
