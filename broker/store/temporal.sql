-- name: samples
select s.entity_id, s.attribute, s.dataset_id, s.unit_code, h.at, h.number, h.value::text as value,
    s.id as series_id, h.version, h.received_at, h.told
from {series} s cross join lateral (
    select * from ({instances}) i order by told {order} limit $6
) h
where s.entity_id = any($1::text[]) and ($2::text[] is null or s.attribute = any($2))
    and ($3::text[] is null or s.dataset_id = any($3))
    and (s.entity_id, s.attribute) not in (select * from unnest($8::text[], $9::text[]))
order by h.told {order}, s.id limit $7

-- name: by_observedAt
select distinct on (at) at, version, number, value, received_at, at as told from {history}
where series_id = s.id and at >= $4 and at < $5 and (not {strict} or value is null or value ? 'observedAt')
order by at {order}, version desc

-- name: by_createdAt
select * from (
    select distinct on (at) at, version, number, value, received_at, received_at as told from {history}
    where series_id = s.id order by at, version desc
) i where told >= $4 and told < $5

-- name: by_modifiedAt
select * from (
    select distinct on (at) at, version, number, value, received_at,
        coalesce((value ->> 'modifiedAt')::timestamptz, received_at) as told from {history}
    where series_id = s.id order by at, version desc
) i where told >= $4 and told < $5

-- name: gone
select entity_id, attribute, dataset_id, kind, deleted_at from attribute_past
where entity_id = any($1::text[]) and ($2::text[] is null or attribute = any($2))
    and ($3::text[] is null or dataset_id = any($3)) and deleted_at >= $4 and deleted_at < $5
    and (entity_id, attribute) not in (select * from unnest($7::text[], $8::text[]))
order by deleted_at {order}, id limit $6

-- name: has_observedAt
exists (select from {history} h where h.series_id = s.id and h.at >= {{0}}::timestamptz and h.at < {{1}}::timestamptz
    and (not {strict} or h.value is null or h.value ? 'observedAt'))

-- name: has_createdAt
exists (select from {history} h where h.series_id = s.id and h.received_at >= {{0}}::timestamptz
    and h.received_at < {{1}}::timestamptz)

-- name: has_modifiedAt
exists (select from {history} h where h.series_id = s.id
    and coalesce((h.value ->> 'modifiedAt')::timestamptz, h.received_at) >= {{0}}::timestamptz
    and coalesce((h.value ->> 'modifiedAt')::timestamptz, h.received_at) < {{1}}::timestamptz)

-- name: has
exists (select from {series} s where s.entity_id = entity.id
    and ({{2}}::text[] is null or s.attribute = any({{2}})) and ({{3}}::text[] is null or s.dataset_id = any({{3}}))
    and {condition}{seen})

-- name: has_deletedAt
exists (select from attribute_past s where s.entity_id = entity.id
    and s.deleted_at >= {{0}}::timestamptz and s.deleted_at < {{1}}::timestamptz
    and ({{2}}::text[] is null or s.attribute = any({{2}})) and ({{3}}::text[] is null or s.dataset_id = any({{3}})){seen})

-- name: series
select s.id as series_id, s.entity_id, s.attribute, s.dataset_id, s.unit_code from {series} s
where s.entity_id = any($1::text[]) and ($2::text[] is null or s.attribute = any($2))
    and ($3::text[] is null or s.dataset_id = any($3)) and exists (select from {history} h where h.series_id = s.id)
    and (s.entity_id, s.attribute) not in (select * from unnest($4::text[], $5::text[]))
order by s.id

-- name: known
select exists (select from {series} s where s.entity_id = $1 and exists (select from {history} h where h.series_id = s.id))
