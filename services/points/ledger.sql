-- name: journal
select w.id, t.id is not null as found, t.code, t.phase, t.debit, t.credit, t.amount, t.requested, t.pending_id,
    t.refund_of, t.purpose, t.terms::text as terms, t.lots, t.freed, t.held, t.at, r.reason
from unnest($1::text[]) as w (id)
left join points_transfer t on t.tenant_id = current_setting('cityos.tenant_id')::int and t.id = w.id
left join points_refusal r on r.tenant_id = current_setting('cityos.tenant_id')::int and r.id = w.id

-- name: accounts
select id, keeps_lots, overdraft, max_transfer, max_day, closed,
    debits_pending, debits_posted, credits_pending, credits_posted
from points_account
where tenant_id = current_setting('cityos.tenant_id')::int and id = any($1::text[])
order by id
for update

-- name: lots
select id, account, granted_by, kind, issuer, programme, spend_on, granted_at, expires_at, amount, free, held, moves
from points_lot
where tenant_id = current_setting('cityos.tenant_id')::int and account = any($1::text[]) and free + held > 0
union
select id, account, granted_by, kind, issuer, programme, spend_on, granted_at, expires_at, amount, free, held, moves
from points_lot
where tenant_id = current_setting('cityos.tenant_id')::int and id = any($2::bigint[])

-- name: pendings
select id, state, expires_at
from points_pending
where tenant_id = current_setting('cityos.tenant_id')::int and id = any($1::text[])

-- name: refunds
select refund_of, lots, freed, amount
from points_transfer
where tenant_id = current_setting('cityos.tenant_id')::int and refund_of = any($1::text[])

-- name: counters
select account, key, value
from points_counter
where tenant_id = current_setting('cityos.tenant_id')::int
    and (account, key) in (select * from unnest($1::text[], $2::text[]))

-- name: write_books
-- One statement for what nearly every transfer changes: a single client waits for each round trip. A seal waits for
-- transfers under way, so the lock is held before the first number of the journal is drawn.
with sealing as materialized (select pg_advisory_xact_lock_shared(7, current_setting('cityos.tenant_id')::int)),
journal as (
    insert into points_transfer (tenant_id, id, code, phase, debit, credit, amount, requested, pending_id, refund_of,
        purpose, terms, lots, freed, held, details, by, event_at, at)
    select current_setting('cityos.tenant_id')::int, id, code, phase, debit, credit, amount, requested, pending_id,
        refund_of, purpose, terms::jsonb, lots::bigint[], freed::bigint[], held::bigint[], details::jsonb, by, event_at, $1
    from sealing, unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::text[],
        $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
        $18::timestamptz[]) with ordinality
        as t (id, code, phase, debit, credit, amount, requested, pending_id, refund_of, purpose, terms, lots, freed, held,
            details, by, event_at, place)
    order by place
), accounts as (
    update points_account a
    set debits_pending = w.debits_pending, debits_posted = w.debits_posted,
        credits_pending = w.credits_pending, credits_posted = w.credits_posted
    from unnest($19::text[], $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[])
        as w (id, debits_pending, debits_posted, credits_pending, credits_posted)
    where a.tenant_id = current_setting('cityos.tenant_id')::int and a.id = w.id
), opened as (
    insert into points_lot (tenant_id, id, account, granted_by, kind, issuer, programme, spend_on, granted_at, expires_at,
        amount, free, held, moves)
    select current_setting('cityos.tenant_id')::int, id, account, granted_by, kind, issuer, programme, spend_on::text[],
        $1, expires_at, amount, free, held, moves
    from unnest($24::bigint[], $25::text[], $26::text[], $27::text[], $28::text[], $29::text[], $30::text[],
        $31::timestamptz[], $32::bigint[], $33::bigint[], $34::bigint[], $35::int[])
        as l (id, account, granted_by, kind, issuer, programme, spend_on, expires_at, amount, free, held, moves)
)
update points_lot l
set free = w.free, held = w.held, moves = w.moves
from unnest($36::bigint[], $37::bigint[], $38::bigint[], $39::int[]) as w (id, free, held, moves)
where l.tenant_id = current_setting('cityos.tenant_id')::int and l.id = w.id

-- name: write_pendings
insert into points_pending (tenant_id, id, state, expires_at)
select current_setting('cityos.tenant_id')::int, id, state, expires_at
from unnest($1::text[], $2::text[], $3::timestamptz[]) as p (id, state, expires_at)
on conflict (tenant_id, id) do update set state = excluded.state, expires_at = excluded.expires_at

-- name: write_counters
insert into points_counter (tenant_id, account, key, value)
select current_setting('cityos.tenant_id')::int, account, key, value
from unnest($1::text[], $2::text[], $3::bigint[]) as c (account, key, value)
on conflict (tenant_id, account, key) do update set value = excluded.value

-- name: write_refusals
insert into points_refusal (tenant_id, id, reason, at)
select current_setting('cityos.tenant_id')::int, id, reason, $1 from unnest($2::text[], $3::text[]) as r (id, reason)
on conflict do nothing

-- name: lot_block
select nextval('points_lot_block')

-- name: timed_out
select id from points_pending
where tenant_id = current_setting('cityos.tenant_id')::int and state = 'pending' and expires_at <= $1
order by expires_at limit $2

-- name: expired_lots
select id, account, free, moves from points_lot
where tenant_id = current_setting('cityos.tenant_id')::int and free > 0 and expires_at <= $1
order by expires_at, id limit $2

-- name: open_account
insert into points_account (tenant_id, id, kind, title, keeps_lots, overdraft, max_transfer, max_day, opened_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7, $8)
on conflict do nothing

-- name: set_limits
update points_account set max_transfer = $2, max_day = $3
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1
