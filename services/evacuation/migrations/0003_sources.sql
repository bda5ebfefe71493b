-- Districts look at more than gauges: rain, dams, flood notices.

comment on column district.gauges is 'entity ids of the gauges and of the other sources; a change of one judges the district anew';
