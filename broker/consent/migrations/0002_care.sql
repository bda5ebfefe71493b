-- Guardians invite others to stand for a child; persons ask for deletion, and staff decide.

create table guardian_invitation (
    tenant_id int not null references tenant,
    code_hash bytea not null,
    child text not null,
    relation text not null check (length(relation) between 1 and 60),
    invited_by text not null,
    until timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    used_by text,
    primary key (tenant_id, code_hash),
    foreign key (tenant_id, child) references person,
    check ((used_at is null) = (used_by is null))
);
comment on column guardian_invitation.code_hash is 'SHA-256 of a code of 80 random bits that we made';

create table deletion_request (
    tenant_id int not null references tenant,
    id text not null,
    person text not null,
    asked_by text not null,
    categories text[] not null check (cardinality(categories) > 0),
    reason text not null check (length(reason) <= 2000),
    asked_at timestamptz not null,
    decided_by text,
    decided_at timestamptz,
    decision text check (decision in ('erase', 'keep')),
    explanation text not null default '' check (length(explanation) <= 2000),
    erased jsonb not null default '[]',
    primary key (tenant_id, id),
    foreign key (tenant_id, person) references person,
    check ((decision is null) = (decided_by is null) and (decision is null) = (decided_at is null)),
    check (decided_by <> asked_by)
);
create index deletion_request_of on deletion_request (tenant_id, person);
create index deletion_request_open on deletion_request (tenant_id, asked_at) where decision is null;
comment on column deletion_request.erased is 'per category what was erased, what had to be kept, and why';

do $$
declare
    name text;
begin
    foreach name in array array['guardian_invitation', 'deletion_request']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('revoke all on %I from cityos_app, cityos_system', name);
        execute format('grant select, insert on %I to cityos_app, cityos_system', name);
    end loop;
end $$;
grant update (used_at, used_by) on guardian_invitation to cityos_app, cityos_system;
grant update (decided_by, decided_at, decision, explanation, erased) on deletion_request to cityos_app, cityos_system;
