-- name: gauges
select distinct on (d.entity_id) d.entity_id, d.entity_type, d.profile::text as profile
from device d join tenant t on t.id = d.tenant_id
where t.name = $1 and d.entity_type in ('WaterObserved', 'WeatherObserved') and d.entity_id is not null
order by d.entity_id, d.id

-- name: save
insert into forecast_model (tenant_id, made_at, traits, shown, judged, body, shown_by)
select id, $2, $3::jsonb, $4, $5::jsonb, $6, $7::jsonb from tenant where name = $1
returning id

-- name: newest
select distinct on (m.tenant_id) t.name as tenant, m.id
from forecast_model m join tenant t on t.id = m.tenant_id
order by m.tenant_id, m.id desc

-- name: model
select traits::text as traits, shown_by::text as shown_by, body from forecast_model where id = $1

-- name: latest
select max((e.doc #>> '{waterLevel,observedAt}')::timestamptz)
from entity e join tenant t on t.id = e.tenant_id
where t.name = $1 and e.first_type = 'WaterObserved'

-- name: levels
select distinct on (s.entity_id, h.at) s.entity_id, extract(epoch from h.at)::float8 as at, h.number as level
from series s join tenant t on t.id = s.tenant_id join history h on h.series_id = s.id
where t.name = $1 and s.attribute = 'waterLevel' and s.dataset_id = '' and s.unit_code in ('', 'MTR')
    and h.at > $2 and h.at <= $3 and h.number is not null
order by s.entity_id, h.at, h.version desc

-- name: rain
select distinct on (s.entity_id, s.attribute, h.at)
    s.entity_id, s.attribute, extract(epoch from h.at)::float8 as at, h.number as rain
from series s join tenant t on t.id = s.tenant_id join history h on h.series_id = s.id
where t.name = $1 and s.attribute in ('precipitation', 'precipitation10min') and s.dataset_id = ''
    and s.unit_code in ('', 'MMT') and h.at > $2 and h.at <= $3 and h.number is not null
order by s.entity_id, s.attribute, h.at, h.version desc

-- name: of_other_models
select e.id
from entity e join tenant t on t.id = e.tenant_id
where t.name = $1 and e.first_type = 'WaterLevelForecast' and e.doc #> '{forecast,value}' <> '[]'::jsonb
    and e.doc #>> '{model,value}' is distinct from $2::text
