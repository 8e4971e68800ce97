-- Every object of a database that is its own (no extension's, none of the system's), as one line of text each.
copy (
  with space as (
    select oid, nspname from pg_catalog.pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
  ), brought as (
    select classid, objid from pg_catalog.pg_depend where deptype = 'e'
  ), relation as (
    select c.oid, c.relkind, pg_catalog.format('%I.%I', s.nspname, c.relname) as name
    from pg_catalog.pg_class c join space s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
      and not exists (select from brought b where b.classid = 'pg_catalog.pg_class'::regclass and b.objid = c.oid)
  )
  select text from (
    select 'schema ' || pg_catalog.quote_ident(nspname) as text from space
    union all
    select 'extension ' || extname from pg_catalog.pg_extension
    union all
    select 'relation ' || relkind::text || ' ' || name from relation
    union all
    select 'column ' || r.name || '.' || pg_catalog.quote_ident(a.attname) || ' '
      || pg_catalog.format_type(a.atttypid, a.atttypmod)
      || case when a.attnotnull then ' not null' else '' end
      || a.attidentity::text || a.attgenerated::text
      || coalesce(' default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')
    from relation r join pg_catalog.pg_attribute a on a.attrelid = r.oid
      left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped and r.relkind <> 'S'
    union all
    select 'constraint ' || r.name || ' ' || pg_catalog.quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid)
    from relation r join pg_catalog.pg_constraint k on k.conrelid = r.oid where k.contype <> 'n'
    union all
    select 'index ' || pg_catalog.pg_get_indexdef(i.indexrelid)
    from relation r join pg_catalog.pg_index i on i.indrelid = r.oid
    union all
    select 'view ' || r.name || ' ' || pg_catalog.pg_get_viewdef(r.oid) from relation r where r.relkind in ('v', 'm')
    union all
    select 'trigger ' || pg_catalog.pg_get_triggerdef(t.oid)
    from relation r join pg_catalog.pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal
    union all
    select 'function ' || pg_catalog.pg_get_functiondef(f.oid)
    from pg_catalog.pg_proc f join space s on s.oid = f.pronamespace
    where f.prokind in ('f', 'p')
      and not exists (select from brought b where b.classid = 'pg_catalog.pg_proc'::regclass and b.objid = f.oid)
  ) object order by text collate "C"
) to stdout;
