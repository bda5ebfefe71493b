-- Models that forecast levels: the newest one of a city is in use, the others tell what was in use when.

create table forecast_model (
    id bigint primary key generated always as identity,
    tenant_id int not null references tenant,
    made_at timestamptz not null,
    traits jsonb not null,
    shown int[] not null,
    judged jsonb not null,
    body bytea not null
);
create index forecast_model_newest on forecast_model (tenant_id, id desc);
comment on column forecast_model.body is 'trees as data (skops); judged: the skill on records that it had not seen';
comment on column forecast_model.shown is 'hours ahead at which it beat persistence; the others are shown nowhere';

alter table forecast_model enable row level security;
create policy own_rows on forecast_model to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on forecast_model to cityos_system using (true);
grant select on forecast_model to cityos_app;
grant select, insert, update, delete on forecast_model to cityos_system;
grant usage, select on all sequences in schema public to cityos_system;
