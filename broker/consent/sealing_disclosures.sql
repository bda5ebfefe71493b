-- name: alone
select pg_advisory_xact_lock(hashtext('evidence_seal/disclosure'), $1::int)

-- name: last
select number, digest from evidence_seal where tenant_id = $1 and journal = 'disclosure' order by number desc limit 1

-- name: fresh
select id, jsonb_build_array(id, sealed_as(tenant_id), extract(epoch from at), person, recipient, by, category, purpose, sensitive,
    reference, allowed, ground, basis, why)::text as record
from disclosure
where tenant_id = $1
    and id > coalesce((select max(last_id) from evidence_seal
        where tenant_id = $1 and journal = 'disclosure' and at < $2::timestamptz - interval '1 hour'), 0)
    and id not in (select unnest(ids) from evidence_seal
        where tenant_id = $1 and journal = 'disclosure' and at >= $2::timestamptz - interval '1 hour')
order by id limit $3

-- name: records
select id, jsonb_build_array(id, sealed_as(tenant_id), extract(epoch from at), person, recipient, by, category, purpose, sensitive,
    reference, allowed, ground, basis, why)::text as record
from disclosure where tenant_id = $1 and id = any($2::bigint[]) order by id

-- name: add
insert into evidence_seal (tenant_id, journal, number, ids, last_id, digest, at)
values ($1, 'disclosure', $2, $3, $4, $5, $6)

-- name: seals
select number, ids, digest, at from evidence_seal
where tenant_id = $1 and journal = 'disclosure' and number > $2 order by number limit 100

-- name: lines
select count(*) from disclosure where tenant_id = $1
