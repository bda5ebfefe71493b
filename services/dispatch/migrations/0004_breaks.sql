-- Drivers' breaks, which the planner keeps free.

alter table bus_vehicle add column breaks jsonb not null default '[]';
comment on column bus_vehicle.breaks is
    'the driver''s breaks at the depot: each begins within earliest … latest and lasts minutes (all from midnight, in order)';
