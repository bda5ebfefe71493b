-- The clock of a replay no longer follows one gauge alone: see services/alerting/cityclock.py.
alter table city_clock add column sole text, add column leaper text, add column leap timestamptz;
comment on table city_clock is
    'the newest time observed that is not one gauge''s alone, kept where the city''s present is that of its data (a replay)';
comment on column city_clock.sole is 'the only gauge heard so far';
comment on column city_clock.leaper is 'who said a time far ahead that nobody else has said yet, and which (leap)';
