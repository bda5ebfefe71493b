-- name: note
insert into points_unpaid_fare (tenant_id, ride, person, account, yen, why, at, attempt)
values (current_setting('cityos.tenant_id')::int, $1, $2, $3, $4, $5, $6, $7)
on conflict do nothing

-- name: all
select ride, account, yen, why, at, how, by, note, ended_at from points_unpaid_fare
where tenant_id = current_setting('cityos.tenant_id')::int and (ended_at is not null) = $1
order by case when ended_at is null then at end, ended_at desc, ride limit $2

-- name: owed
select count(*) as count, coalesce(sum(yen), 0)::bigint as yen from points_unpaid_fare
where tenant_id = current_setting('cityos.tenant_id')::int and ended_at is null

-- name: lock
select person, account, yen, attempt, how, ended_at from points_unpaid_fare
where tenant_id = current_setting('cityos.tenant_id')::int and ride = $1 for update

-- name: claim
update points_unpaid_fare set how = 'points', by = $2, account = $3
where tenant_id = current_setting('cityos.tenant_id')::int and ride = $1

-- name: declined
update points_unpaid_fare set how = null, attempt = attempt + 1, why = $3
where tenant_id = current_setting('cityos.tenant_id')::int and ride = $1 and attempt = $2 and ended_at is null

-- name: end
update points_unpaid_fare set how = $2, by = $3, note = $4, ended_at = $5
where tenant_id = current_setting('cityos.tenant_id')::int and ride = $1 and ended_at is null
