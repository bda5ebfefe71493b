-- name: ready
select name from queried_attribute where name = any($1::text[]) and ready and values_kept()

-- name: by_number
select v.entity from unnest($2::float8[], $3::float8[]) b (low, high)
cross join lateral (
    select entity from entity_value where name = $1 and number >= b.low and number <= b.high order by number limit $4) v
limit $4

-- name: by_text
select v.entity from unnest($2::text[]) b (text)
cross join lateral (select entity from entity_value where name = $1 and text = b.text collate "C" limit $3) v
limit $3

-- name: declare
select declare_queried(t.id, $2) from tenant t where t.name = $1

-- name: unready
select t.name as tenant, t.id as city, q.name from queried_attribute q join tenant t on t.id = q.city
where not q.ready order by 2, 3

-- name: fill
select fill_queried($1, $2, $3, $4)

-- name: forget
select forget_queried(t.id, $2) from tenant t where t.name = $1

-- name: listed
select t.name as tenant, q.name as attribute, q.ready and values_kept() as ready,
    (select count(*) from entity_value v where v.city = q.city and v.name = q.name) as values
from queried_attribute q join tenant t on t.id = q.city order by 1, 2
