-- What the vehicle at a connector asks for, as long as it stands there; what else draws at a site, by its meter's last word.

alter table charging_connector
    add column needs_at timestamptz,
    add column need_wh float8 check (need_wh >= 0),
    add column need_from_wh float8,
    add column departs_at timestamptz,
    add column vehicle_w float8 check (vehicle_w > 0);
comment on column charging_connector.need_wh is 'energy it wanted when it asked; need_from_wh is the register''s reading then';
comment on column charging_connector.vehicle_w is 'the most that the vehicle can take';

alter table charging_site add column others_w float8, add column others_at timestamptz;
comment on column charging_site.others_w is 'what drew there beside the stations when its meter spoke at others_at';
