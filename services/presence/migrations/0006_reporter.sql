-- Who of a family reported or ended a search stands in the audit trail; here it would tie them to their tag's movements.
update tag_search set reported_by = '';
comment on column tag_search.reported_by is 'not used any more: who reported it stands in the audit trail';
comment on column tag_search.closed_by is 'the officer; empty where the family ended it';
