-- name: effect
with sales as (
    select o.account, o.shop, o.document ->> 'area' as area, o.document ->> 'category' as category,
        (o.document ->> 'yen')::bigint + coalesce(t.amount, 0) as yen, o.at >= $2 as during,
        width_bucket(
            extract(year from age(o.at, (o.document -> 'person' ->> 'born')::date)), array[20, 30, 40, 50, 60, 70, 80]
        ) as band
    from points_occasion o
    left join points_transfer t on t.tenant_id = o.tenant_id and t.id = 'pay:' || o.id
    where o.tenant_id = current_setting('cityos.tenant_id')::int and o.at >= $1 and o.at < $3 and o.shop is not null
)
select v.kind, coalesce(v.name, '') as name, count(distinct s.account) filter (where s.during) as people,
    count(distinct s.account) filter (where not s.during) as people_before,
    coalesce(sum(s.yen) filter (where s.during), 0)::bigint as yen,
    coalesce(sum(s.yen) filter (where not s.during), 0)::bigint as yen_before
from sales s
cross join lateral (
    values ('all', ''), ('shop', s.shop), ('area', s.area), ('category', s.category),
        ('age', case when s.band is null then null when s.band = 0 then '0-19' when s.band = 7 then '80-'
            else s.band * 10 + 10 || '-' || s.band * 10 + 19 end)
) as v (kind, name)
group by v.kind, coalesce(v.name, '') order by v.kind, coalesce(v.name, '')

-- name: by_day
select (o.at at time zone 'Asia/Tokyo')::date as day, count(distinct o.account) as people,
    sum((o.document ->> 'yen')::bigint + coalesce(t.amount, 0))::bigint as yen
from points_occasion o
left join points_transfer t on t.tenant_id = o.tenant_id and t.id = 'pay:' || o.id
where o.tenant_id = current_setting('cityos.tenant_id')::int and o.at >= $1 and o.at < $2 and o.shop is not null
group by 1 order by 1
