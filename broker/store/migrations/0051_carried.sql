alter table tenant add column sealed_as int;
comment on column tenant.sealed_as is
    'the number under which this city''s journals were sealed where it came from; null where it has always been here';
create function sealed_as(tenant int) returns int language sql stable as $$
    select coalesce(t.sealed_as, t.id) from public.tenant t where t.id = $1
$$;
comment on function sealed_as is 'the number of a tenant that its sealed records name';
