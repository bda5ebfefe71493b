-- A city carried from another platform brings its audit lines and seals along: numbers are unique within a city, and
-- the chain's digests name the number that the city had when they were made.
alter table audit drop constraint audit_pkey, add primary key (tenant_id, id);
drop index audit_by_tenant;
