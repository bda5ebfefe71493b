-- name: report
insert into tag_search (tenant_id, id, tag_id, reported_by, reported_at, sealed)
values (current_setting('cityos.tenant_id')::int, $1, $2, '', $3, $4) on conflict do nothing returning id

-- name: open_ones
select s.id, s.tag_id, s.reported_at, s.opened_at, s.until,
    (select max(o.until) from tag_search_officer o
        where o.tenant_id = s.tenant_id and o.search_id = s.id and o.officer = $1) as mine
from tag_search s where s.closed_at is null order by s.reported_at, s.id limit 500

-- name: number
select current_setting('cityos.tenant_id')::int

-- name: lock
select id, tag_id, reported_at, sealed from tag_search where id = $1 and closed_at is null for update

-- name: open
insert into tag_search_officer (tenant_id, search_id, officer, opened_at, until, emergency)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5)

-- name: opened
update tag_search set opened_at = coalesce(opened_at, $2), until = greatest(until, $3) where id = $1

-- name: one_of_tag
select id, tag_id, reported_at, opened_at, until, sealed from tag_search where tag_id = $1 and closed_at is null

-- name: officers
select officer, opened_at, until, emergency from tag_search_officer where search_id = $1 order by opened_at

-- name: close
update tag_search set closed_at = $2, closed_by = $3, sealed = null where id = $1

-- name: drop_closed
delete from tag_search where tenant_id = $1 and closed_at < $2
