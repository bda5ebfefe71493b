-- name: at
select s.id as series_id, s.entity_id, s.attribute, s.dataset_id, s.unit_code, h.at, h.number, h.value::text as value,
    h.version, h.received_at
from series s join history h on h.series_id = s.id
where s.entity_id = $1 and s.attribute = $2 and s.id = $3 and h.at = $4
    and (h.version = $5 or h.value ->> 'instanceId' = $6)
order by h.version desc limit 1
for update of h

-- name: named
select s.id as series_id, s.entity_id, s.attribute, s.dataset_id, s.unit_code, h.at, h.number, h.value::text as value,
    h.version, h.received_at
from series s join history h on h.series_id = s.id
where s.entity_id = $1 and s.attribute = $2 and h.value ->> 'instanceId' = $3
for update of h

-- name: remove
with gone as (
    delete from history where series_id = $1 and at = $2 returning tenant_id, number, value, received_at
)
insert into history_withdrawn (tenant_id, series_id, at, digest, received_at)
select tenant_id, $1, $2, history_digest(number, value), received_at from gone
on conflict do nothing

-- name: newest
select s.id as series_id, s.entity_id, s.attribute, s.dataset_id, s.unit_code, h.at, h.number, h.value::text as value,
    h.version, h.received_at
from series s
cross join lateral (
    select at, number, value, version, received_at from history
    where series_id = s.id
    order by at desc, version desc limit 1
) h
where s.entity_id = $1 and s.attribute = $2 and s.dataset_id = $3
order by h.at desc, h.received_at desc limit 1

-- name: remove_series
delete from history where series_id = any($1::bigint[])

-- name: forget
select history_forget($1::bigint[])

-- name: forget_gone
delete from attribute_past where entity_id = $1 and ($2::text is null or attribute = $2)
    and ($3::text is null or dataset_id = $3)

-- name: forget_withdrawn
delete from history_withdrawn w using series s
where s.id = w.series_id and s.entity_id = $1 and ($2::text is null or s.attribute = $2)
    and ($3::text is null or s.dataset_id = $3)

-- name: forget_past
delete from entity_past where id = $1

-- name: only_history
select version = evolved_version from entity where id = $1 for update
