-- Persons, what they allow and take back, who stands for them, on which other grounds data may be disclosed, and the
-- register of every disclosure. What is evidence can be added to, never changed: no role has the right to.

create table person (
    tenant_id int not null references tenant,
    id text not null check (length(id) between 1 and 100),
    name text not null default '' check (length(name) <= 100),
    born date,
    created_at timestamptz not null,
    primary key (tenant_id, id)
);
comment on table person is 'somebody whom personal data are about; id is their account''s where they have one';

create table person_link (
    tenant_id int not null references tenant,
    service text not null check (length(service) between 1 and 60),
    reference text not null check (length(reference) between 1 and 300),
    person text not null,
    linked_by text not null,
    linked_at timestamptz not null,
    primary key (tenant_id, service, reference),
    foreign key (tenant_id, person) references person
);
create index person_link_of on person_link (tenant_id, person, service);
comment on table person_link is 'which record of a service (an account, a rider, a tag) is about which person';

create table consent (
    tenant_id int not null references tenant,
    id text not null,
    person text not null,
    recipient text not null check (length(recipient) between 1 and 200),
    category text not null,
    purpose text not null,
    sensitive boolean not null,
    since timestamptz not null,
    until timestamptz not null check (until > since),
    given_by text not null,
    given_at timestamptz not null,
    withdrawn_at timestamptz,
    withdrawn_by text,
    primary key (tenant_id, id),
    foreign key (tenant_id, person) references person,
    check ((withdrawn_at is null) = (withdrawn_by is null))
);
create index consent_of on consent (tenant_id, person, recipient);
create index consent_to on consent (tenant_id, recipient, category, purpose) where withdrawn_at is null;

create table guardianship (
    tenant_id int not null references tenant,
    id text not null,
    guardian text not null,
    child text not null,
    relation text not null check (length(relation) <= 60),
    since timestamptz not null,
    until timestamptz not null check (until > since),
    confirmed_by text not null,
    ended_at timestamptz,
    ended_by text,
    primary key (tenant_id, id),
    foreign key (tenant_id, guardian) references person,
    foreign key (tenant_id, child) references person,
    check (guardian <> child),
    check ((ended_at is null) = (ended_by is null))
);
create index guardianship_of on guardianship (tenant_id, child);
create index guardianship_by on guardianship (tenant_id, guardian);

create table legal_ground (
    tenant_id int not null references tenant,
    id text not null,
    ground text not null,
    recipient text not null check (length(recipient) between 1 and 200),
    category text not null,
    purpose text not null,
    sensitive boolean not null,
    law text not null,
    justification text not null,
    since timestamptz not null,
    until timestamptz check (until > since),
    decided_by text not null,
    decided_at timestamptz not null,
    revoked_at timestamptz,
    revoked_by text,
    primary key (tenant_id, id),
    check (ground <> 'law' or law <> ''),
    check (not sensitive or ground = 'law'),
    check (length(justification) between 10 and 2000)
);
create index legal_ground_for on legal_ground (tenant_id, recipient, category, purpose);

create table emergency_access (
    tenant_id int not null references tenant,
    id text not null,
    officer text not null,
    person text not null,
    categories text[] not null check (cardinality(categories) > 0),
    reason text not null check (length(reason) between 10 and 2000),
    since timestamptz not null,
    until timestamptz not null check (until > since and until <= since + interval '24 hours'),
    ended_at timestamptz,
    reviewed_by text check (reviewed_by <> officer),
    reviewed_at timestamptz,
    outcome text check (outcome in ('justified', 'not-justified')),
    review text not null default '',
    primary key (tenant_id, id),
    foreign key (tenant_id, person) references person,
    check ((outcome is null) = (reviewed_by is null) and (outcome is null) = (reviewed_at is null))
);
create index emergency_access_of on emergency_access (tenant_id, person);
create index emergency_access_by on emergency_access (tenant_id, officer, until);
comment on table emergency_access is 'limited in time, with its reason; reviewed by somebody else; shown to the person';

create table disclosure (
    tenant_id int not null references tenant,
    id bigint not null generated always as identity,
    at timestamptz not null,
    person text not null,
    recipient text not null,
    by text not null,
    category text not null,
    purpose text not null,
    sensitive boolean not null,
    reference text not null,
    allowed boolean not null,
    ground text,
    basis text not null,
    why text not null,
    primary key (tenant_id, id)
);
create index disclosure_of on disclosure (tenant_id, person, id);
comment on table disclosure is 'every disclosure of personal data, and every one that was refused';

create table consent_evidence (
    tenant_id int not null references tenant,
    id bigint not null generated always as identity,
    at timestamptz not null,
    kind text not null,
    person text,
    statement text not null,
    primary key (tenant_id, id)
);
create index consent_evidence_of on consent_evidence (tenant_id, person, id);
comment on column consent_evidence.statement is 'what was done, by whom and when, signed by the city (compact JWS)';

create table evidence_seal (
    tenant_id int not null references tenant,
    journal text not null check (journal in ('consent', 'disclosure')),
    number bigint not null,
    ids bigint[] not null,
    last_id bigint not null,
    digest bytea not null,
    at timestamptz not null,
    primary key (tenant_id, journal, number)
);

do $$
declare
    name text;
begin
    foreach name in array array['person', 'person_link', 'consent', 'guardianship', 'legal_ground', 'emergency_access',
        'disclosure', 'consent_evidence', 'evidence_seal']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('revoke all on %I from cityos_app, cityos_system', name);
        execute format('grant select on %I to cityos_app, cityos_system', name);
        if name <> 'evidence_seal' then
            execute format('grant insert on %I to cityos_app, cityos_system', name);
        end if;
    end loop;
end $$;
grant insert on evidence_seal to cityos_system;
grant update (name, born) on person to cityos_app, cityos_system;
grant delete on person_link to cityos_app, cityos_system;
grant update (withdrawn_at, withdrawn_by) on consent to cityos_app, cityos_system;
grant update (ended_at, ended_by) on guardianship to cityos_app, cityos_system;
grant update (revoked_at, revoked_by) on legal_ground to cityos_app, cityos_system;
grant update (ended_at, reviewed_by, reviewed_at, outcome, review) on emergency_access to cityos_app, cityos_system;
grant usage on sequence disclosure_id_seq, consent_evidence_id_seq to cityos_app, cityos_system;
