-- name: lock
select pg_advisory_xact_lock(hashtext('policy'), id) from tenant where name = $1

-- name: in_force
select v.number, v.policy::text as policy
from policy_activation a left join policy_version v on v.tenant_id = a.tenant_id and v.number = a.version
where a.tenant_id = (select id from tenant where name = $1)
order by a.number desc limit 1

-- name: districts
select id, body ->> 'polygon' as polygon from district
where tenant_id = (select id from tenant where name = $1) and id = any($2::text[])

-- name: number_in_force
select version from policy_activation where tenant_id = (select id from tenant where name = $1)
order by number desc limit 1

-- name: version
select policy::text as policy, cases::text as cases, why, made_by, made_at from policy_version
where tenant_id = (select id from tenant where name = $1) and number = $2

-- name: draft
insert into policy_version (tenant_id, number, policy, cases, why, made_by, made_at)
select t.id, coalesce((select max(v.number) from policy_version v where v.tenant_id = t.id), 0) + 1,
    $2::text::jsonb, $3::text::jsonb, $4, $5, $6
from tenant t where t.name = $1
returning number

-- name: activate
insert into policy_activation (tenant_id, number, version, why, decided_by, decided_at)
select t.id, coalesce((select max(a.number) from policy_activation a where a.tenant_id = t.id), 0) + 1, $2, $3, $4, $5
from tenant t where t.name = $1
returning number

-- name: versions
select number as version, why, made_by as "madeBy", made_at as "madeAt", jsonb_array_length(policy -> 'rules') as rules,
    jsonb_array_length(cases) as cases
from policy_version where tenant_id = (select id from tenant where name = $1) order by number desc limit 200

-- name: activations
select number, version, why, decided_by as "decidedBy", decided_at as "decidedAt"
from policy_activation where tenant_id = (select id from tenant where name = $1) order by number desc limit 200
