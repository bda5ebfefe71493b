-- name: by_url
select body::text as body from jsonld_context where (kind = 'Cached' and url = $1) or id = $2

-- name: used
update jsonld_context c set hits = hits + u.times, last_usage = clock_timestamp()
from unnest($1::text[], $2::text[], $3::bigint[]) as u (url, id, times)
where (c.kind = 'Cached' and c.url = u.url) or c.id = u.id

-- name: keep_copy
insert into jsonld_context (id, url, kind, body) values ($1, $2, 'Cached', $3::jsonb)
on conflict (url) where kind = 'Cached' do update set body = excluded.body, created_at = clock_timestamp()

-- name: bound_copies
delete from jsonld_context where kind = 'Cached' and id in (
    select id from jsonld_context where kind = 'Cached'
    order by coalesce(last_usage, created_at) desc, id offset $1)

-- name: host
insert into jsonld_context (id, tenant_id, kind, body)
values ($1, current_setting('cityos.tenant_id')::int, $2, $3::jsonb) on conflict do nothing

-- name: listed
select id, url, kind, body::text as body, created_at, last_usage, hits from jsonld_context
where $1::text is null or kind = $1 order by created_at, id

-- name: one
select id, url, kind, body::text as body, created_at, last_usage, hits from jsonld_context where id = $1 or url = $1

-- name: delete
delete from jsonld_context where id = $1 or url = $1 returning id
