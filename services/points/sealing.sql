-- name: alone
select pg_advisory_xact_lock(7, current_setting('cityos.tenant_id')::int)

-- name: last_seal
select number, first_seq, last_seq, count, digest, at from points_seal
where tenant_id = current_setting('cityos.tenant_id')::int order by number desc limit 1

-- name: last_seq
select max(seq) from points_transfer where tenant_id = current_setting('cityos.tenant_id')::int

-- name: seals
select number, first_seq, last_seq, count, digest, at from points_seal
where tenant_id = current_setting('cityos.tenant_id')::int and number > $1 order by number limit $2

-- name: records
select seq, jsonb_build_array(seq, id, code, phase, debit, credit, amount, requested, pending_id, refund_of, purpose,
    terms, to_jsonb(lots), to_jsonb(freed), to_jsonb(held), details, by, extract(epoch from event_at),
    extract(epoch from at))::text as record
from points_transfer
where tenant_id = current_setting('cityos.tenant_id')::int and seq > $1 and seq <= $2
order by seq limit $3

-- name: add_seal
insert into points_seal (tenant_id, number, first_seq, last_seq, count, digest, at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6)

-- name: unbalanced
select id, credits_posted, debits_posted, credits_pending, debits_pending, c_posted, d_posted, c_pending, d_pending
from (
    select a.id, a.credits_posted, a.debits_posted, a.credits_pending, a.debits_pending,
        coalesce(c.posted, 0) as c_posted, coalesce(d.posted, 0) as d_posted,
        coalesce(c.pending, 0) as c_pending, coalesce(d.pending, 0) as d_pending
    from (select * from points_account where tenant_id = current_setting('cityos.tenant_id')::int) a
    full join (
        select t.credit as id, sum(t.amount) filter (where t.phase in ('single', 'post')) as posted,
            sum(case t.phase when 'pending' then t.amount when 'single' then 0 else -p.amount end) as pending
        from points_transfer t
        left join points_transfer p on p.tenant_id = t.tenant_id and p.id = t.pending_id
        where t.tenant_id = current_setting('cityos.tenant_id')::int group by t.credit
    ) c on c.id = a.id
    full join (
        select t.debit as id, sum(t.amount) filter (where t.phase in ('single', 'post')) as posted,
            sum(case t.phase when 'pending' then t.amount when 'single' then 0 else -p.amount end) as pending
        from points_transfer t
        left join points_transfer p on p.tenant_id = t.tenant_id and p.id = t.pending_id
        where t.tenant_id = current_setting('cityos.tenant_id')::int group by t.debit
    ) d on d.id = coalesce(a.id, c.id)
) s
where (credits_posted, debits_posted, credits_pending, debits_pending)
    is distinct from (c_posted, d_posted, c_pending, d_pending)
limit 100

-- name: unequal_lots
select coalesce(l.id, m.lot) as id, l.account, l.free, l.held, m.free as free_moved, m.held as held_moved
from (select * from points_lot where tenant_id = current_setting('cityos.tenant_id')::int) l
full join (
    select u.lot, sum(u.free) as free, sum(u.held) as held
    from points_transfer t, unnest(t.lots, t.freed, t.held) as u (lot, free, held)
    where t.tenant_id = current_setting('cityos.tenant_id')::int
    group by u.lot
) m on m.lot = l.id
where (l.free, l.held) is distinct from (m.free, m.held)
limit 100

-- name: lots_against_accounts
select a.id, a.credits_posted - a.debits_posted as balance, a.debits_pending, coalesce(sum(l.free), 0) as free,
    coalesce(sum(l.held), 0) as held
from points_account a
left join points_lot l on l.tenant_id = a.tenant_id and l.account = a.id and l.free + l.held > 0
where a.tenant_id = current_setting('cityos.tenant_id')::int and a.keeps_lots
group by a.tenant_id, a.id
having a.credits_posted - a.debits_posted <> coalesce(sum(l.free + l.held), 0)
    or a.debits_pending <> coalesce(sum(l.held), 0)
limit 100

-- name: pending_states
select coalesce(p.id, t.id) as id, p.state, s.states
from (select * from points_pending where tenant_id = current_setting('cityos.tenant_id')::int) p
full join (
    select id from points_transfer
    where tenant_id = current_setting('cityos.tenant_id')::int and phase = 'pending'
) t on t.id = p.id
left join (
    select pending_id, array_agg(case when id like 'time-out:%' then 'expired' when phase = 'post' then 'posted' else 'voided' end) as states
    from points_transfer
    where tenant_id = current_setting('cityos.tenant_id')::int and pending_id is not null group by pending_id
) s on s.pending_id = t.id
where p.state is null or t.id is null or coalesce(s.states, array['pending']) <> array[p.state]
limit 100

-- name: over_refunded
select o.id, o.amount, sum(r.amount) as refunded
from points_transfer r
join points_transfer o on o.tenant_id = r.tenant_id and o.id = r.refund_of
where r.tenant_id = current_setting('cityos.tenant_id')::int and r.refund_of is not null
group by o.tenant_id, o.seq, o.id, o.amount having sum(r.amount) > o.amount
limit 100

-- name: counts
select (select count(*) from points_transfer where tenant_id = current_setting('cityos.tenant_id')::int) as transfers,
    (select count(*) from points_lot where tenant_id = current_setting('cityos.tenant_id')::int) as lots,
    (select coalesce(sum(credits_posted - debits_posted), 0)::bigint from points_account
        where tenant_id = current_setting('cityos.tenant_id')::int) as sum

-- name: totals
select a.kind, sum(a.credits_posted - a.debits_posted)::bigint as balance, sum(a.debits_pending)::bigint as reserved
from points_account a where a.tenant_id = current_setting('cityos.tenant_id')::int group by a.kind order by a.kind
