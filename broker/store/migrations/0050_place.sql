-- A geo-query asks for points in a box, or for shapes whatever their middle: with the few shapes in an index of their
-- own, row-level security leaves it two index scans in place of one over the whole city.
create index entity_of_shape on entity (tenant_id, id)
    where lon is not null and (doc #>> '{location,value,type}') is distinct from 'Point';
