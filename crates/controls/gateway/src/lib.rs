//! The gateway: TLS, limits, header hygiene, forwarding, and the link to the core.
