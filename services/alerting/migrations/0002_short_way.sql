-- `silent_from` moves with every reading of a gauge: with an index on it each of them wrote a new row into every index of
-- the table. Who looks for silent gauges comes twice a minute and may read them all.
drop index gauge_state_silent_next;
alter table gauge_state alter column steps set statistics 0, alter column state set statistics 0;
alter table gauge_state set (autovacuum_vacuum_scale_factor = 0.5, autovacuum_analyze_scale_factor = 1);
