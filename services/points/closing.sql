-- name: outstanding
select issuer, kind, programme, sum(points)::bigint as points
from (
    select issuer, kind, programme, free + held as points
    from points_lot
    where tenant_id = current_setting('cityos.tenant_id')::int and free + held > 0
        and granted_at < $1 and (expires_at is null or expires_at > $1)
    union all
    select l.issuer, l.kind, l.programme, -(u.free + u.held)
    from points_transfer t, unnest(t.lots, t.freed, t.held) as u (lot, free, held)
    join points_lot l on l.tenant_id = current_setting('cityos.tenant_id')::int and l.id = u.lot
    where t.tenant_id = current_setting('cityos.tenant_id')::int and t.at >= $1
        and l.granted_at < $1 and (l.expires_at is null or l.expires_at > $1)
) s
group by issuer, kind, programme having sum(points) <> 0
order by issuer, kind, programme

-- name: balances
select kind, sum(points)::bigint as points
from (
    select a.kind, a.credits_posted - a.debits_posted as points
    from points_account a where a.tenant_id = current_setting('cityos.tenant_id')::int
    union all
    select a.kind, case when a.id = t.credit then -t.amount else t.amount end
    from points_transfer t
    join points_account a on a.tenant_id = t.tenant_id and a.id in (t.debit, t.credit)
    where t.tenant_id = current_setting('cityos.tenant_id')::int and t.at >= $1 and t.phase in ('single', 'post')
) s
group by kind order by kind

-- name: flows
select code, count(*) as transfers, sum(amount)::bigint as points
from points_transfer
where tenant_id = current_setting('cityos.tenant_id')::int and at >= $1 and at < $2 and phase in ('single', 'post')
group by code order by code

-- name: closed
select day, seal, totals::text as totals, closed_at from points_closing
where tenant_id = current_setting('cityos.tenant_id')::int and day = $1

-- name: close
insert into points_closing (tenant_id, day, seal, totals, closed_at)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3::jsonb, $4)
on conflict do nothing

-- name: tenants
select distinct t.name from tenant t where exists (select 1 from points_account a where a.tenant_id = t.id)
