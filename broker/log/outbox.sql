-- name: queue_up
-- One queue per bucket of keys: who puts a record of a key waits for the one before to commit or give up, so the
-- order of ids is the order of commits for every key.
select pg_advisory_xact_lock($1, bucket) from unnest($2::int[]) bucket

-- name: put
insert into outbox (topic, key, value)
select $1, r.key, r.value from unnest($2::bytea[], $3::bytea[]) with ordinality r(key, value, number) order by number

-- name: ring
select pg_notify('outbox', '')

-- name: alone
select pg_try_advisory_xact_lock($1)

-- name: oldest
select id, topic, key, value
from (
    select o.*, sum(octet_length(o.value)) over (order by o.id) - octet_length(o.value) as before
    from (select * from outbox order by id limit $1) o
) o
where before < $2
order by id

-- name: delete
delete from outbox where id = any($1::bigint[])
