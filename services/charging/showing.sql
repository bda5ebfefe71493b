-- name: rules
-- When the last disaster ended is a rule too: between two looks one may have begun and ended.
select t.name as tenant, s.id as station, m.public_cap_w,
    (select max(closed_at) from charging_emergency past where past.tenant_id = s.tenant_id) as ended,
    case when m.id is not null then s.priority end as priority, case when m.id is not null then s.flooded end as flooded
from charging_station s
join tenant t on t.id = s.tenant_id
join device d on d.tenant_id = s.tenant_id and d.id = s.id
left join charging_emergency m on m.tenant_id = s.tenant_id and m.closed_at is null
order by 1, 2
