-- name: profiles
select distinct on (entity_id) entity_id, profile::text as profile
from device
where tenant_id = $1 and entity_type = 'WaterObserved' and entity_id is not null
order by entity_id, id

-- name: readings
select s.entity_id, h.at, h.version, h.number, h.received_at, coalesce(h.value ? 'instanceId', false) as by_hand
from series s join history h on h.series_id = s.id
where s.tenant_id = $1 and s.attribute = 'waterLevel' and s.dataset_id = '' and s.unit_code in ('', 'MTR')
    and h.at >= $2 and h.at < $3 and h.number is not null
order by h.received_at, h.at, h.version
