-- Who tries to change the record is not privileged to: said by the code that the driver tells from a fault of ours.

create or replace function evacuation_record_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the record of the night is append-only' using errcode = 'insufficient_privilege';
end $$;
