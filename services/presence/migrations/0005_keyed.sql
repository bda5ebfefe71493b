-- A tag's rows bear a name of their own, made from the tag's handle with a key that this database never sees. The
-- handle alone stands beside persons (in links, disclosures, messages): a copy of the database ties nobody to a
-- movement. Rows from before are given their names by the role presence, which has the key.
alter table tag add column keyed boolean not null default false;
comment on column tag.id is 'keyed hash of the handle under which persons and apps know the tag; the handle stands in sealed';
comment on column tag.keyed is 'false: id is the handle itself, from before; it is given its name when presence starts';
create index tag_unkeyed on tag (tenant_id) where not keyed;

do $$
declare
    name text;
begin
    foreach name in array array['tag_alias', 'tag_place', 'tag_rule', 'tag_presence', 'tag_day', 'tag_event']
    loop
        execute format('alter table %I drop constraint %I', name, name || '_tenant_id_tag_id_fkey');
        execute format('alter table %I add constraint %I foreign key (tenant_id, tag_id) references tag'
            ' on delete cascade on update cascade', name, name || '_tenant_id_tag_id_fkey');
    end loop;
end $$;
-- Equal times would tie what the handle no longer does.
update tag set registered_at = date_trunc('day', registered_at), named_until = date_trunc('hour', named_until);
update tag_event set noted_at = date_trunc('hour', noted_at);
