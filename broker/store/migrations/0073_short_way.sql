-- A predicate that names `doc` costs every update of every entity its short way (HOT): each reading wrote a new row into
-- each index of the table, and autovacuum went after them. A column of its own changes as seldom as a place does.
drop index entity_of_shape;
alter table entity add column shaped boolean not null
    generated always as (lon is not null and (doc #>> '{location,value,type}') is distinct from 'Point') stored;
comment on column entity.shaped is 'its location is more than a point, so its middle alone does not say whether a box meets it';
create index entity_of_shape on entity (tenant_id, id) where shaped;

-- Nobody plans by what stands inside documents, and to sample them was most of the cost of an ANALYZE. Every entity
-- changes many times an hour, but a table of states looks much the same afterwards.
alter table entity alter column doc set statistics 0, alter column stamps set statistics 0;
alter table entity set (autovacuum_vacuum_scale_factor = 0.5, autovacuum_analyze_scale_factor = 1);
