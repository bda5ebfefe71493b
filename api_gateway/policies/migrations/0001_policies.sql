-- Policies as versions. Nothing is changed or removed: what was in force when, who decided that and why can be shown.

create table policy_version (
    tenant_id int not null references tenant,
    number int not null check (number > 0),
    policy jsonb not null,
    cases jsonb not null default '[]',
    why text not null,
    made_by text not null,
    made_at timestamptz not null,
    primary key (tenant_id, number)
);
comment on column policy_version.cases is 'what must hold of it (`cityos policy test`); asked again before it comes into force';

create table policy_activation (
    tenant_id int not null references tenant,
    number int not null check (number > 0),
    version int not null,
    why text not null,
    decided_by text not null,
    decided_at timestamptz not null,
    primary key (tenant_id, number)
);
comment on table policy_activation is 'the last one is in force; version 0 is the policy that the platform comes with';

create function policy_activated() returns trigger language plpgsql as $$
begin
    perform pg_notify('policy', '');
    return null;
end $$;
create trigger policy_activated after insert on policy_activation for each statement execute function policy_activated();

do $$
declare
    name text;
begin
    foreach name in array array['policy_version', 'policy_activation']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('grant select, insert on %I to cityos_app, cityos_system', name);
    end loop;
end $$;
