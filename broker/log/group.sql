-- name: found
insert into log_group (consumer, topic) values ($1, $2) on conflict do nothing

-- name: lock
select generation from log_group where consumer = $1 and topic = $2 for update

-- name: bury
delete from log_member where consumer = $1 and topic = $2 and member <> $3 and expires_at < clock_timestamp()
returning member

-- name: enlist
insert into log_member (consumer, topic, member, expires_at)
values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
on conflict (consumer, topic, member) do update set expires_at = excluded.expires_at
returning xmax = 0 as joined

-- name: members
select member from log_member where consumer = $1 and topic = $2 order by member

-- name: leases
select partition, member from log_lease where consumer = $1 and topic = $2

-- name: release
delete from log_lease where consumer = $1 and topic = $2 and member = $3 and partition = any($4::int[])

-- name: take
insert into log_lease (consumer, topic, partition, member) select $1, $2, p, $3 from unnest($4::int[]) p

-- name: proclaim
update log_group set generation = generation + 1 where consumer = $1 and topic = $2 returning generation

-- name: ring
select pg_notify($1, '')

-- name: beat
update log_member set expires_at = clock_timestamp() + make_interval(secs => $4)
where consumer = $1 and topic = $2 and member = $3
returning (select generation from log_group where consumer = $1 and topic = $2)

-- name: leave
delete from log_member where consumer = $1 and topic = $2 and member = $3
