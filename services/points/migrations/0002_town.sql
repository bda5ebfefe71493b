-- Around the ledger: people, shops and their tills, rules, occasions, codes and cards, settlements.

create table points_person (
    tenant_id int not null references tenant,
    account text not null,
    household text,
    born date,
    residence text,
    family text,
    primary key (tenant_id, account),
    foreign key (tenant_id, account) references points_account (tenant_id, id)
);
comment on table points_person is 'of a resident only what rules ask about; family: whom points may be handed to';

create table points_shop (
    tenant_id int not null references tenant,
    id text not null check (id ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    name text not null,
    area text not null,
    category text not null,
    purpose text not null,
    monthly_fee int not null check (monthly_fee >= 0),
    fee_per_point int not null check (fee_per_point >= 0),
    opened_at timestamptz not null,
    closed_at timestamptz,
    primary key (tenant_id, id)
);

create table points_till (
    tenant_id int not null references tenant,
    client_id text not null,
    shop text not null,
    name text not null,
    closed_at timestamptz,
    primary key (tenant_id, client_id),
    foreign key (tenant_id, shop) references points_shop (tenant_id, id)
);
comment on table points_till is 'which client (a till, a member of staff) acts for which shop';

create table points_rules (
    tenant_id int not null references tenant,
    version int not null,
    document jsonb not null,
    by text not null,
    at timestamptz not null,
    primary key (tenant_id, version)
);

create table points_occasion (
    tenant_id int not null references tenant,
    id text not null check (length(id) between 1 and 100),
    account text not null,
    rules int not null,
    document jsonb not null,
    at timestamptz not null,
    primary key (tenant_id, id)
);
create index points_occasion_by_time on points_occasion (tenant_id, at, id);
comment on table points_occasion is 'what happened that may earn points, with the rules in force then: a retry earns the same';

create table points_code (
    tenant_id int not null references tenant,
    digest bytea not null,
    account text not null,
    expires_at timestamptz not null,
    used_by text,
    primary key (tenant_id, digest)
);
create index points_code_old on points_code (expires_at);

create table points_card (
    tenant_id int not null references tenant,
    digest bytea not null,
    account text not null,
    pin_hash text not null,
    failures int not null default 0,
    locked_at timestamptz,
    primary key (tenant_id, digest)
);
comment on table points_card is 'printed cards: SHA-256 of the number on the card, and the PIN (Argon2id)';

create table points_settlement (
    tenant_id int not null references tenant,
    shop text not null,
    period date not null,
    document jsonb not null,
    at timestamptz not null,
    primary key (tenant_id, shop, period)
);

do $$
declare
    name text;
begin
    foreach name in array array['points_person', 'points_shop', 'points_till', 'points_rules', 'points_occasion',
        'points_code', 'points_card', 'points_settlement']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('revoke all on %I from cityos_app, cityos_system', name);
        execute format('grant select, insert on %I to cityos_app, cityos_system', name);
    end loop;
end $$;
grant update on points_person, points_shop, points_till, points_code, points_card to cityos_app, cityos_system;
grant delete on points_code, points_person to cityos_system;

create table points_consent (
    tenant_id int not null references tenant,
    client_id text not null,
    account text not null,
    granted_at timestamptz not null,
    withdrawn_at timestamptz,
    primary key (tenant_id, client_id, account)
);
comment on table points_consent is 'which app may see and act for which resident''s points, by the resident''s own word';
alter table points_consent enable row level security;
create policy own_rows on points_consent to cityos_app using (tenant_id = current_setting('cityos.tenant_id')::int);
create policy all_rows on points_consent to cityos_system using (true);
grant select, insert, update on points_consent to cityos_app, cityos_system;
