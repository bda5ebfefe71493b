-- name: add
insert into device_command (tenant_id, id, device, name, arguments, asked_by, asked_at, expires_at)
select d.tenant_id, $2, d.id, $3, $4::text::jsonb, $5, $6, $7
from device d where d.id = $1 and d.status = 'approved' and d.tenant_id = current_setting('cityos.tenant_id')::int
returning id

-- name: of_device
select id, device, name, arguments::text as arguments, asked_by, asked_at, expires_at, sent_at, acknowledged_at,
    answered_at, answer, case when status in ('queued', 'sent', 'acknowledged') and expires_at <= $2 then 'expired' else status end as status
from device_command where device = $1 order by asked_at desc, id limit $3

-- name: one
select id, device, name, arguments::text as arguments, asked_by, asked_at, expires_at, sent_at, acknowledged_at,
    answered_at, answer, whole_answer as whole,
    case when status in ('queued', 'sent', 'acknowledged') and expires_at <= $2 then 'expired' else status end as status
from device_command where id = $1

-- name: keep_answer
update device_command c set whole_answer = $3 from tenant t where t.id = c.tenant_id and t.name = $1 and c.id = $2

-- name: open
select t.name as tenant, c.id, c.device, c.name, c.arguments::text as arguments, c.asked_at, c.expires_at
from device_command c join tenant t on t.id = c.tenant_id join device d on d.tenant_id = c.tenant_id and d.id = c.device
where c.status in ('queued', 'sent') and c.expires_at > $1 and (c.asked_at, c.id) > ($2, $3) and d.status = 'approved'
order by c.asked_at, c.id limit $4

-- name: sent
update device_command c set status = 'sent', sent_at = $3 from tenant t
where t.id = c.tenant_id and t.name = $1 and c.id = $2 and c.status = 'queued'

-- name: acknowledged
update device_command c set status = 'acknowledged', acknowledged_at = $3, sent_at = coalesce(c.sent_at, $3) from tenant t
where t.id = c.tenant_id and t.name = $1 and c.id = $2 and c.status in ('queued', 'sent')

-- name: answered
update device_command c set status = a.status, answer = a.answer, answered_at = a.at
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
    as a (tenant, device, id, status, answer, at)
join tenant t on t.name = a.tenant
where c.tenant_id = t.id and c.id = a.id and c.device = a.device and c.status not in ('done', 'failed')
