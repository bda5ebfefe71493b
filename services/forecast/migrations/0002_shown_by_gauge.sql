-- What is shown is decided for each gauge by its rising limb. A model judged before that shows nothing until it is
-- trained anew.

alter table forecast_model add column shown_by jsonb not null default '{}';
comment on column forecast_model.shown_by is 'by gauge the hours ahead at which it beat persistence while that gauge rose';
comment on column forecast_model.shown is 'hours ahead that are shown of some gauge';
