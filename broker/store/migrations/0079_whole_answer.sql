-- An answer to a command is told in a few words; one that says more is kept whole beside them.

alter table device_command add column whole_answer text;
comment on column device_command.whole_answer is 'the answer as JSON, where the words of `answer` do not hold all of it';
