-- What was proposed in past floods is looked up whenever an officer looks at a proposal.

create index evacuation_proposed on evacuation_record (tenant_id, city_at desc) where kind = 'proposed';
