-- Numbers only. Every table is STRICT and every column INTEGER with a range, so that the database itself refuses text:
-- there is nowhere to put a name, a date of birth or a note, whatever the program above it does.
-- Times are whole minutes since 1970, UTC. Version 1 (`pragma user_version`).

create table ward (
    number integer primary key check (number between 1 and 999)
) strict;

create table assessment (
    id         integer primary key check (id between 1 and 9007199254740991),
    ward       integer not null references ward (number),
    starts     integer not null check (starts between 15778080 and 68374080 and starts % 60 = 0),
    category_1 integer not null check (category_1 between 0 and 99),
    category_2 integer not null check (category_2 between 0 and 99),
    category_3 integer not null check (category_3 between 0 and 99),
    category_4 integer not null check (category_4 between 0 and 99),
    category_5 integer not null check (category_5 between 0 and 99),
    midwives   integer not null check (midwives between 0 and 99),
    entered    integer not null check (entered between 0 and 9007199254740991),
    corrected  integer check (corrected between 0 and 9007199254740991),
    unique (ward, starts)
) strict;
