-- name: settled
select document::text as document from points_settlement
where tenant_id = current_setting('cityos.tenant_id')::int and shop = $1 and period = $2

-- name: add_settlement
insert into points_settlement (tenant_id, shop, period, document, at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3::jsonb, $4)
on conflict do nothing

-- name: earliest_unsettled
select max(period) from points_settlement
where tenant_id = current_setting('cityos.tenant_id')::int and shop = $1

-- name: membership
select opened_at, leaving_at, closed_at from points_shop where tenant_id = current_setting('cityos.tenant_id')::int and id = $1

-- name: leave
update points_shop set leaving_at = coalesce(leaving_at, $2)
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 and closed_at is null returning leaving_at

-- name: stay
update points_shop set leaving_at = null
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 and closed_at is null returning id

-- name: close_account
update points_account set closed = true
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1 and debits_pending = 0 and credits_pending = 0 returning id

-- name: close_shop
update points_shop set closed_at = $2 where tenant_id = current_setting('cityos.tenant_id')::int and id = $1

-- name: close_tills
update points_till set closed_at = $2
where tenant_id = current_setting('cityos.tenant_id')::int and shop = $1 and closed_at is null

-- name: takings
select coalesce(sum(t.amount) filter (where t.credit = $1 and t.code = 'spend'), 0)::bigint as received,
    coalesce(sum(t.amount) filter (where t.debit = $1 and t.code = 'refund'), 0)::bigint as refunded,
    count(*) filter (where t.credit = $1 and t.code = 'spend') as payments
from points_transfer t
where t.tenant_id = current_setting('cityos.tenant_id')::int and $1 in (t.debit, t.credit)
    and t.at >= $2 and t.at < $3 and t.phase in ('single', 'post')

-- name: kinds
select l.kind, (-sum(u.free + u.held))::bigint as points
from points_transfer t, unnest(t.lots, t.freed, t.held) as u (lot, free, held)
join points_lot l on l.tenant_id = current_setting('cityos.tenant_id')::int and l.id = u.lot
where t.tenant_id = current_setting('cityos.tenant_id')::int and $1 in (t.debit, t.credit)
    and t.at >= $2 and t.at < $3 and t.phase in ('single', 'post') and t.code in ('spend', 'refund')
group by l.kind

-- name: issued
select coalesce(sum(case t.code when 'grant' then t.amount else -t.amount end), 0)::bigint
from points_transfer t
where t.tenant_id = current_setting('cityos.tenant_id')::int and t.at >= $2 and t.at < $3
    and t.code in ('grant', 'take_back') and t.phase in ('single', 'post') and t.details ->> 'shop' = $1

-- name: balance_at
select (a.credits_posted - a.debits_posted - coalesce((
    select sum(case when t.credit = a.id then t.amount else -t.amount end)
    from points_transfer t
    where t.tenant_id = a.tenant_id and a.id in (t.debit, t.credit) and t.at >= $2 and t.phase in ('single', 'post')
), 0))::bigint
from points_account a
where a.tenant_id = current_setting('cityos.tenant_id')::int and a.id = $1

-- name: lines
select t.at, t.id, t.code, case when t.credit = $1 then t.amount else -t.amount end as points,
    coalesce((t.details ->> 'yen')::bigint, 0) as yen
from points_transfer t
where t.tenant_id = current_setting('cityos.tenant_id')::int and $1 in (t.debit, t.credit)
    and t.at >= $2 and t.at < $3 and t.code in ('spend', 'refund') and t.phase in ('single', 'post')
order by t.seq
