-- Staff bind and revoke certificates at the gateway; until now only the operator did, on the machine.
grant insert, update on device_certificate to cityos_app;
