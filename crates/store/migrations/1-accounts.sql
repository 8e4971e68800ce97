-- Customer organisations. `uid` is the system user that runs the tenant's application.
create table tenant (
    id      text primary key,
    name    text not null,
    uid     integer not null unique,
    created integer not null,
    status  text not null check (status in ('active', 'suspended', 'destroyed'))
) strict;

-- People. `email_key` is the address in lower case: one address, one account. A supplier's administrator has no tenant.
-- `nominated_by` is the person who made the account, or 'setup' for the first ones. No password: cannot sign in by form.
-- `length` and `alphabet` are what the password was generated with; `signed_in` is when they last did. `seal` authenticates
-- all but `signed_in`, so that a row written by anybody but Avouch shows.
create table person (
    id           text primary key,
    email        text not null,
    email_key    text not null unique,
    name         text not null,
    role         text not null check (role in ('supplier', 'administrator', 'member')),
    tenant       text references tenant (id),
    password     text,
    length       integer,
    alphabet     text,
    nominated_by text not null,
    nominated_at integer not null,
    disabled     integer,
    signed_in    integer,
    synthetic    integer not null default 0 check (synthetic in (0, 1)),
    seal         blob not null,
    check ((role = 'supplier') = (tenant is null)),
    check (synthetic = 0 or role = 'member'),
    check ((password is null) = (length is null) and (length is null) = (alphabet is null))
) strict;
create index person_by_tenant on person (tenant);

-- Sessions, by the SHA-256 of their token; the token itself is nowhere. `sign_in` groups the sessions of one sign-in, and
-- `created` is when that sign-in was: a session joined later is no younger. `ends` cuts a synthetic person's short.
create table session (
    token_digest blob primary key,
    sign_in      blob not null,
    person       text not null references person (id) on delete cascade,
    host         text not null,
    created      integer not null,
    last_used    integer not null,
    ends         integer
) strict, without rowid;
create index session_by_sign_in on session (sign_in);
create index session_by_person on session (person);

-- One-time codes that carry a sign-in from one host to another.
create table code (
    digest     blob primary key,
    person     text not null references person (id) on delete cascade,
    sign_in    blob not null,
    signed_in  integer not null,
    target     text not null,
    expires    integer not null,
    used       integer
) strict, without rowid;

-- Failed attempts to sign in, by the SHA-256 of the address that was typed.
create table failure (
    id        integer primary key,
    email_key blob not null,
    client    text not null,
    at        integer not null
) strict;
create index failure_by_email on failure (email_key, at);
create index failure_by_client on failure (client, at);

-- Clients from which an account has signed in before: a stranger's guesses do not lock these out.
create table known_client (
    email_key blob not null,
    client    text not null,
    at        integer not null,
    primary key (email_key, client)
) strict, without rowid;

-- Rounds of checks. The ledger commits to each; `document` is what was found.
create table round (
    number    integer primary key,
    at        integer not null,
    log_index integer,
    document  text not null
) strict;
