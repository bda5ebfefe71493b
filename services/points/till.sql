-- name: purchases
select o.id, o.at, (o.document ->> 'yen')::bigint as cash, t.id as payment, coalesce(t.amount, 0) as points,
    coalesce(r.points, 0)::bigint as refunded, coalesce(e.points, 0)::bigint as earned,
    coalesce(e.taken, 0)::bigint as taken_back
from points_occasion o
left join points_transfer t on t.tenant_id = o.tenant_id and t.id = 'pay:' || o.id
left join lateral (
    select sum(b.amount) as points from points_transfer b
    where b.tenant_id = o.tenant_id and b.refund_of = t.id
) r on true
left join lateral (
    select sum(g.amount) as points, sum(b.amount) as taken
    from points_rules v, jsonb_array_elements(v.document -> 'campaigns') c
    join points_transfer g on g.tenant_id = o.tenant_id and g.id = 'award:' || o.id || ':' || (c ->> 'id')
    left join points_transfer b on b.tenant_id = o.tenant_id and b.id = 'take-back:' || g.id
    where v.tenant_id = o.tenant_id and v.version = o.rules
) e on true
where o.tenant_id = current_setting('cityos.tenant_id')::int and o.shop = $1 and o.at >= $2
    and ($3::text is null or o.id = $3)
order by o.at desc, o.id limit $4

-- name: amount
select amount from points_transfer
where tenant_id = current_setting('cityos.tenant_id')::int and id = $1
