-- name: add
insert into usage (tenant_id, day, client, data, calls, refused)
select current_setting('cityos.tenant_id')::int, u.*
from unnest($1::date[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) as u (day, client, data, calls, refused)
on conflict (tenant_id, day, client, data)
    do update set calls = usage.calls + excluded.calls, refused = usage.refused + excluded.refused

-- name: report
select u.day, u.client, coalesce(c.name, '') as name, u.data, u.calls, u.refused
from usage u left join oauth_client c on c.client_id = u.client
where u.day between $1 and $2
order by u.day, u.client, u.data
