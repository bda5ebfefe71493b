-- name: alone
select pg_advisory_xact_lock(9, current_setting('cityos.tenant_id')::int)

-- name: expiring
select p.person, l.expires_at, sum(l.free)::bigint as points, array_agg(l.id order by l.id) as lots
from person_link p
join points_lot l on l.tenant_id = p.tenant_id and l.account = p.reference and l.free + l.held > 0
where p.tenant_id = (select id from tenant where name = $1) and p.service = $2 and p.person = any($3::text[])
    and l.free > 0 and l.expires_at > $4 and l.expires_at <= $5
    and not exists (select from points_announced a where a.tenant_id = l.tenant_id and a.lot = l.id)
group by p.person, l.expires_at order by l.expires_at, p.person

-- name: announced
insert into points_announced (tenant_id, lot, at)
select current_setting('cityos.tenant_id')::int, lot, $2 from unnest($1::bigint[]) as t (lot) on conflict do nothing
