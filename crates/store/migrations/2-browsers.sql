-- A code is good in one browser only: `state` is the SHA-256 of the mark that its target host gave that browser. A pass,
-- which the right password earns and which is exchanged for a code, has none.
alter table code add column state blob;

-- When a tenant's administrators were told that an address is in use beyond their reach: so many a day, and no more.
create table refused_address (
    id     integer primary key,
    tenant text not null references tenant (id),
    at     integer not null
) strict;
create index refused_address_by_tenant on refused_address (tenant, at);
