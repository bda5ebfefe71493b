-- A query by type looks at first_type; entities of several types are few and are found through this.
create index entity_of_several_types on entity (tenant_id, id) where cardinality(type) > 1;
