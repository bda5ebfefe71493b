-- name: figures
select (select count(*) from parked_record) as parked,
    pg_database_size(current_database()) as bytes,
    (select count(*) from rollup_due) as due

-- name: lock
select pg_try_advisory_xact_lock(hashtext('keeper'), hashtext($1))
