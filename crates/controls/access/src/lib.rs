//! Who: accounts, generated passwords, sessions, one-time codes, throttling.
