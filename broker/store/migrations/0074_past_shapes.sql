-- A geo-query of history asks the same of deleted entities as of those that are there.
alter table entity_past add column shaped boolean not null
    generated always as (lon is not null and (doc #>> '{location,value,type}') is distinct from 'Point') stored;

create or replace view entity_ever with (security_invoker = true) as
    select id, type, first_type, doc, stamps, lon, lat, created_at, modified_at, null::timestamptz as deleted_at, shaped
    from entity
    union all
    select id, type, first_type, doc, stamps, lon, lat, created_at, modified_at, deleted_at, shaped from entity_past;
