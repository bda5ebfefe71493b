-- What was told of a person is kept until it is delivered, and not beside the fact that it was.
update delivery set notice = '{}' where state = 'done' and notice -> 'private' = 'true';
