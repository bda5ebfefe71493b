-- Published models of entity types, for strict mode.

create table model (
    tenant_id int not null references tenant,
    type text not null,
    doc jsonb not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, type)
);
comment on column model.doc is 'schema, the schemas it refers to by URI (refs), and the URI of the context of its names';

alter table model enable row level security;
create policy own_rows on model to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on model to cityos_system using (true);
grant select on model to cityos_app;
grant select, insert, update, delete on model to cityos_system;
