-- name: count
insert into account_batch (tenant_id, day, counts)
select t.id, c.day, c.counts::jsonb
from unnest($1::text[], $2::date[], $3::text[]) as c (tenant, day, counts)
join tenant t on t.name = c.tenant

-- name: fold
with gone as (
    delete from account_batch where id in (select id from account_batch order by id limit $1 for update skip locked)
    returning tenant_id, day, counts
)
insert into account (tenant_id, day, device, outcome, count)
select g.tenant_id, g.day, d.key, o.key, sum(o.value::bigint)
from gone g, jsonb_each(g.counts) d, jsonb_each_text(d.value) o
group by 1, 2, 3, 4
order by 1, 2, 3, 4
on conflict (tenant_id, day, device, outcome) do update set count = account.count + excluded.count

-- name: reject
insert into rejected (tenant_id, sender, device, topic, reason, field, detail, payload, received_at)
select t.id, r.sender, r.device, r.topic, r.reason, r.field, r.detail, r.payload, r.received_at
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[],
    $9::timestamptz[]) as r (tenant, sender, device, topic, reason, field, detail, payload, received_at)
join tenant t on t.name = r.tenant

-- name: seen
insert into message_seen (tenant_id, device, message_key, seen_at)
select t.id, m.device, m.message_key, m.seen_at
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as m (tenant, device, message_key, seen_at)
join tenant t on t.name = m.tenant
on conflict do nothing
returning (select name from tenant where id = tenant_id) as tenant, device, message_key

-- name: summary
select a.day, a.device, a.outcome, a.count from accounting a join tenant t on t.id = a.tenant_id
where t.name = $1 and ($2::text is null or a.device = $2) and a.day >= $3
order by a.day, a.device, a.outcome
