-- name: series
with wanted as (
    select * from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as w (entity_id, attribute, dataset_id, unit_code)
), made as (
    insert into series (tenant_id, entity_id, attribute, dataset_id, unit_code)
    select $1, entity_id, attribute, dataset_id, unit_code from wanted
    on conflict do nothing
    returning id, entity_id, attribute, dataset_id, unit_code
)
select id, true as is_new, entity_id, attribute, dataset_id, unit_code from made
union all
select s.id, false, s.entity_id, s.attribute, s.dataset_id, s.unit_code
from wanted w
join series s on s.tenant_id = $1
    and (s.entity_id, s.attribute, s.dataset_id, s.unit_code) = (w.entity_id, w.attribute, w.dataset_id, w.unit_code)

-- name: insert
with kept as (
    insert into history (tenant_id, series_id, at, version, number, value, received_at)
    select $1, series_id, at, version, number, value::jsonb, received_at
    from unnest($2::bigint[], $3::timestamptz[], $4::smallint[], $5::float8[], $6::text[], $7::timestamptz[])
        as r (series_id, at, version, number, value, received_at)
    where $8 or not exists (select from history_withdrawn w where w.series_id = r.series_id and w.at = r.at)
    on conflict do nothing
    returning series_id, at
)
select count(*) as count,
    case when count(*) < cardinality($2::bigint[]) then array_agg(series_id) end as series_ids,
    case when count(*) < cardinality($2::bigint[]) then array_agg(at) end as times
from kept

-- name: versions
select h.series_id, h.at, h.number, h.value::text as value
from (select distinct * from unnest($1::bigint[], $2::timestamptz[]) as k (series_id, at)) k
join history h on h.series_id = k.series_id and h.at = k.at
order by h.series_id, h.at, h.version

-- name: withdrawn
select r.place - 1 as place
from unnest($1::bigint[], $2::timestamptz[], $3::float8[], $4::text[]) with ordinality
    as r (series_id, at, number, value, place)
join history_withdrawn w on w.series_id = r.series_id and w.at = r.at
where w.digest = history_digest(r.number, r.value::jsonb)

-- name: lift
update history set version = version + 1 where series_id = $1 and at = $2 and version = $3

-- name: confirm
update history h set confirmed = true
from series s join tenant t on t.id = s.tenant_id
where h.series_id = s.id and t.name = $1 and s.entity_id = $2 and s.attribute = $3
    and h.at >= $4 and h.at < $5 and not h.confirmed
