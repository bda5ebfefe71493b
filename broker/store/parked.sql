-- name: set_aside
insert into parked_record (consumer, topic, partition, log_offset, key, value, error) values ($1, $2, $3, $4, $5, $6, $7)

-- name: list
select id, consumer, topic, partition, log_offset, key, octet_length(value) as bytes,
    error, attempts, parked_at, asked_at
from parked_record
where $1::text is null or consumer = $1
order by id desc limit $2

-- name: show
select id, consumer, topic, partition, log_offset, key, value, error, attempts, parked_at,
    asked_at
from parked_record where id = $1

-- name: list_discarded
select id, consumer, topic, partition, log_offset, key, octet_length(value) as bytes,
    error, attempts, parked_at, reason, discarded_by, discarded_at
from discarded_record
where $1::text is null or consumer = $1
order by discarded_at desc, id desc limit $2

-- name: show_discarded
select id, consumer, topic, partition, log_offset, key, value, error, attempts, parked_at,
    reason, discarded_by, discarded_at
from discarded_record where id = $1

-- name: discard
with given_up as (
    delete from parked_record where id = any($1::bigint[])
    returning id, consumer, topic, partition, log_offset, key, value, error, attempts, parked_at
)
insert into discarded_record (id, consumer, topic, partition, log_offset, key, value, error, attempts, parked_at,
    reason, discarded_by, discarded_at)
select g.*, $2, $3, $4 from given_up g
returning id, consumer, topic, partition, log_offset, key, value, parked_at

-- name: ask
update parked_record set asked_at = now()
where ($1::text is null or consumer = $1) and ($2::bigint[] is null or id = any($2))
returning id

-- name: rest
select id, asked_at is not null as waiting from parked_record where id = any($1::bigint[])

-- name: take
select id, topic, partition, log_offset, key, value, parked_at
from parked_record
where consumer = $1 and topic = $2 and asked_at is not null
    and pg_try_advisory_xact_lock(hashtext('parked'), hashtext($1 || '/' || $2))
order by id limit 1 for update

-- name: handled
delete from parked_record where id = $1

-- name: failed
update parked_record set error = $2, attempts = attempts + 1, asked_at = null where id = $1

-- name: any
select exists (select from parked_record)
