-- What is held of one rider is asked for by the rider.
create index ride_booking_by_rider on ride_booking (tenant_id, rider);
