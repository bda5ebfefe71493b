-- Rows of a small city, as the first release stored them. Names the columns, so that it serves later schemas too.
insert into tenant (name, title, local_government_code) values ('fukui', '福井県', '180009'), ('neighbour', '隣の市', null);
insert into device (tenant_id, id, family, entity_id, entity_type, profile)
    select id, 'gauge-1', 'river_gauge', 'urn:ngsi-ld:WaterObserved:180009:1', 'WaterObserved', '{"date_attribute": "dateObserved"}'
    from tenant where name = 'fukui';
insert into entity (tenant_id, id, type, doc, version, lon, lat, created_at, modified_at)
    select id, 'urn:ngsi-ld:WaterObserved:180009:1', '{WaterObserved}',
        '{"id": "urn:ngsi-ld:WaterObserved:180009:1", "type": "WaterObserved", "waterLevel": {"type": "Property", "value": 1.5, "unitCode": "MTR", "observedAt": "2023-07-13T00:10:00Z"}}',
        2, 136.2, 36.06, '2023-07-13 00:00Z', '2023-07-13 00:10Z'
    from tenant where name = 'fukui';
insert into series (tenant_id, entity_id, attribute, unit_code)
    select id, 'urn:ngsi-ld:WaterObserved:180009:1', 'waterLevel', 'MTR' from tenant;
insert into history (series_id, at, version, tenant_id, number, received_at)
    select s.id, t.at, v.version, s.tenant_id, extract(minute from t.at) + v.version, '2026-11-20 00:00Z'
    from series s, generate_series('2021-08-14'::timestamptz, '2021-08-14 23:50Z', '10 min') as t (at),
        (values (0), (1)) as v (version)
    where v.version = 0 or extract(minute from t.at) = 30;
insert into history (series_id, at, version, tenant_id, value, received_at, confirmed)
    select id, '2023-07-13 00:00Z', 0, tenant_id, '{"type": "Property", "value": "rising"}', '2026-11-20 00:00Z', true from series;
insert into message_seen (tenant_id, device, message_key, seen_at) select id, 'gauge-1', 'f/1', '2026-11-20 00:00Z' from tenant;
insert into position (consumer, topic, partition, next) values ('writer', 'observations', 0, 171), ('alerting', 'changes', 0, 3);
insert into account (tenant_id, day, device, outcome, count)
    select id, '2026-11-20', 'gauge-1', o.outcome, o.count from tenant, (values ('received', 5), ('stored', 4), ('duplicate', 1)) as o (outcome, count);
insert into account_batch (tenant_id, day, counts)
    select id, '2026-11-20', '{"gauge-1": {"received": 2, "stored": 2}}' from tenant;
insert into parked_record (consumer, topic, partition, log_offset, key, value, error) values ('writer', 'observations', 0, 9, 'k', 'v', 'KeyError()');
