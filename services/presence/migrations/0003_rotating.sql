-- Tags that change their name (Eddystone-EID): how far their coming names are known, and until when each was good.
alter table tag add column named_until timestamptz;
comment on column tag.named_until is 'of a tag that changes its name: up to when its names are in tag_alias; null for others';
create index tag_rotating on tag (named_until) where named_until is not null and ended_at is null;
alter table tag_alias add column until timestamptz;
comment on column tag_alias.until is 'of a name that was good for a while: its end; forgotten when no report can be so late';
create index tag_alias_until on tag_alias (tenant_id, until) where until is not null;
