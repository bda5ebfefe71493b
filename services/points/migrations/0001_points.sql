-- The points' books. The journal (points_transfer) and its seals can be added to and read, never changed: nobody but
-- the schema's owner holds the right to update or delete there. Balances, lots, pendings and counters are what the
-- journal adds up to, kept beside it so that a balance is one row; `cityos points verify` adds it up again.

create table points_account (
    tenant_id int not null references tenant,
    id text not null check (length(id) between 1 and 100),
    kind text not null check (kind in ('resident', 'shop', 'programme', 'campaign', 'issuer', 'breakage', 'fees', 'donation')),
    title text not null default '',
    keeps_lots boolean not null,
    overdraft bigint check (overdraft >= 0),
    max_transfer bigint check (max_transfer > 0),
    max_day bigint check (max_day > 0),
    closed boolean not null default false,
    debits_pending bigint not null default 0 check (debits_pending >= 0),
    debits_posted bigint not null default 0 check (debits_posted >= 0),
    credits_pending bigint not null default 0 check (credits_pending >= 0),
    credits_posted bigint not null default 0 check (credits_posted >= 0),
    opened_at timestamptz not null,
    primary key (tenant_id, id),
    constraint points_never_below check (credits_posted - debits_posted - debits_pending + overdraft >= 0)
) with (fillfactor = 60);
comment on column points_account.overdraft is 'how far below zero the balance may fall, in points; null: without end (the issuer)';
comment on column points_account.max_day is 'the most that may leave in one day of Japan';

create table points_transfer (
    tenant_id int not null references tenant,
    seq bigint not null generated always as identity,
    id text not null check (length(id) between 1 and 200),
    code text not null,
    phase text not null check (phase in ('single', 'pending', 'post', 'void')),
    debit text not null,
    credit text not null,
    amount bigint not null check (amount >= 0),
    requested bigint,
    pending_id text,
    refund_of text,
    purpose text not null,
    terms jsonb not null,
    lots bigint[] not null,
    freed bigint[] not null,
    held bigint[] not null,
    details jsonb not null,
    by text not null,
    event_at timestamptz,
    at timestamptz not null,
    primary key (tenant_id, seq),
    unique (tenant_id, id),
    check (debit <> credit)
);
create index points_transfer_refunds on points_transfer (tenant_id, refund_of) where refund_of is not null;
create index points_transfer_by_debit on points_transfer (tenant_id, debit, seq);
create index points_transfer_by_credit on points_transfer (tenant_id, credit, seq);
comment on column points_transfer.amount is 'points reserved (pending), moved (single, post) or given back (void)';
comment on column points_transfer.lots is 'the lots moved; freed and held are, lot for lot, what it added to their spendable and reserved points';
comment on column points_transfer.at is 'the ledger''s time, which decides; event_at is what the till''s clock said';

create table points_lot (
    tenant_id int not null references tenant,
    id bigint not null,
    account text not null,
    granted_by text not null,
    kind text not null check (kind in ('given', 'bought')),
    issuer text not null,
    programme text not null,
    spend_on text[] not null,
    granted_at timestamptz not null,
    expires_at timestamptz,
    amount bigint not null check (amount > 0),
    free bigint not null check (free >= 0),
    held bigint not null check (held >= 0),
    moves int not null,
    primary key (tenant_id, id),
    check (free + held <= amount)
) with (fillfactor = 80);
create index points_lot_of_account on points_lot (tenant_id, account) where free + held > 0;
create index points_lot_to_expire on points_lot (tenant_id, expires_at) where free > 0;
create index points_lot_by_grant on points_lot (tenant_id, granted_by);
create sequence points_lot_block increment by 1000 minvalue 1000;
comment on sequence points_lot_block is 'each value ends a thousand lot numbers, which a process then gives out';

create table points_pending (
    tenant_id int not null references tenant,
    id text not null,
    state text not null check (state in ('pending', 'posted', 'voided', 'expired')),
    expires_at timestamptz,
    primary key (tenant_id, id)
) with (fillfactor = 80);
create index points_pending_to_expire on points_pending (tenant_id, expires_at) where state = 'pending';

create table points_counter (
    tenant_id int not null references tenant,
    account text not null,
    key text not null,
    value bigint not null check (value >= 0),
    primary key (tenant_id, account, key)
) with (fillfactor = 60);
comment on table points_counter is 'what counted towards a limit: per account and key (a day, a campaign, a once-only grant)';

create table points_refusal (
    tenant_id int not null references tenant,
    id text not null,
    reason text not null,
    at timestamptz not null,
    primary key (tenant_id, id)
);
comment on table points_refusal is 'transfers refused for a reason that may pass: their ids stay refused, so that an answer stays the answer';

create table points_seal (
    tenant_id int not null references tenant,
    number bigint not null,
    first_seq bigint not null,
    last_seq bigint not null,
    count bigint not null,
    digest bytea not null,
    at timestamptz not null,
    primary key (tenant_id, number)
);

create table points_closing (
    tenant_id int not null references tenant,
    day date not null,
    seal bigint not null,
    totals jsonb not null,
    closed_at timestamptz not null,
    primary key (tenant_id, day)
);
comment on table points_closing is '日次締め: the books at midnight of Japan at the end of the day';

do $$
declare
    name text;
begin
    foreach name in array array['points_account', 'points_transfer', 'points_lot', 'points_pending', 'points_counter',
        'points_refusal', 'points_seal', 'points_closing']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own_rows on %I to cityos_app using (tenant_id = current_setting(''cityos.tenant_id'')::int)', name);
        execute format('create policy all_rows on %I to cityos_system using (true)', name);
        execute format('revoke all on %I from cityos_app, cityos_system', name);
        execute format('grant select, insert on %I to cityos_app, cityos_system', name);
    end loop;
end $$;
grant update on points_account, points_lot, points_pending, points_counter to cityos_app, cityos_system;
grant delete on points_refusal to cityos_system;
grant usage on sequence points_lot_block, points_transfer_seq_seq to cityos_app, cityos_system;
create index points_transfer_by_time on points_transfer (tenant_id, at);
