//! Pages: sign-in, administration, statement and status, served to the gateway over a Unix socket.
