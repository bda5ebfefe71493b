SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.device_touched() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.updated_at := clock_timestamp();
    perform pg_notify('device', '');
    return new;
end $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.account (
    tenant_id integer NOT NULL,
    day date NOT NULL,
    device text NOT NULL,
    outcome text NOT NULL,
    count bigint NOT NULL
)
WITH (fillfactor='70');
CREATE TABLE public.account_batch (
    id bigint NOT NULL,
    tenant_id integer NOT NULL,
    day date NOT NULL,
    counts jsonb NOT NULL
);
ALTER TABLE public.account_batch ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW public.accounting WITH (security_invoker='true') AS
 SELECT tenant_id,
    day,
    device,
    outcome,
    (sum(count))::bigint AS count
   FROM ( SELECT account.tenant_id,
            account.day,
            account.device,
            account.outcome,
            account.count
           FROM public.account
        UNION ALL
         SELECT b.tenant_id,
            b.day,
            d.key,
            o.key,
            (o.value)::bigint AS value
           FROM public.account_batch b,
            LATERAL jsonb_each(b.counts) d(key, value),
            LATERAL jsonb_each_text(d.value) o(key, value)) every
  GROUP BY tenant_id, day, device, outcome;
CREATE TABLE public.device (
    tenant_id integer NOT NULL,
    id text NOT NULL,
    family text NOT NULL,
    kind text DEFAULT 'device'::text NOT NULL,
    status text DEFAULT 'approved'::text NOT NULL,
    entity_id text,
    entity_type text,
    secret_hash bytea,
    profile jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT device_kind_check CHECK ((kind = ANY (ARRAY['device'::text, 'network'::text]))),
    CONSTRAINT device_status_check CHECK ((status = ANY (ARRAY['approved'::text, 'quarantined'::text, 'suspended'::text])))
);
CREATE TABLE public.entity (
    tenant_id integer NOT NULL,
    id text NOT NULL,
    type text[] NOT NULL,
    first_type text GENERATED ALWAYS AS (type[1]) STORED NOT NULL,
    doc jsonb NOT NULL,
    version bigint NOT NULL,
    lon double precision,
    lat double precision,
    created_at timestamp with time zone NOT NULL,
    modified_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');
CREATE TABLE public.history (
    series_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    version smallint DEFAULT 0 NOT NULL,
    tenant_id integer NOT NULL,
    number double precision,
    value jsonb,
    received_at timestamp with time zone NOT NULL,
    confirmed boolean DEFAULT false NOT NULL
)
PARTITION BY RANGE (at);
CREATE TABLE public.history_rest (
    series_id bigint CONSTRAINT history_series_id_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT history_at_not_null NOT NULL,
    version smallint DEFAULT 0 CONSTRAINT history_version_not_null NOT NULL,
    tenant_id integer CONSTRAINT history_tenant_id_not_null NOT NULL,
    number double precision,
    value jsonb,
    received_at timestamp with time zone CONSTRAINT history_received_at_not_null NOT NULL,
    confirmed boolean DEFAULT false CONSTRAINT history_confirmed_not_null NOT NULL
);
CREATE TABLE public.message_seen (
    tenant_id integer NOT NULL,
    device text NOT NULL,
    message_key text NOT NULL,
    seen_at timestamp with time zone NOT NULL
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    topic text NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL
);
ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.parked_record (
    id bigint NOT NULL,
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    error text NOT NULL,
    parked_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.parked_record ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.parked_record_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public."position" (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL
);
CREATE TABLE public.rejected (
    id bigint NOT NULL,
    tenant_id integer NOT NULL,
    sender text NOT NULL,
    device text NOT NULL,
    topic text NOT NULL,
    reason text NOT NULL,
    field text,
    detail text NOT NULL,
    payload bytea NOT NULL,
    received_at timestamp with time zone NOT NULL,
    replayed_at timestamp with time zone
);
ALTER TABLE public.rejected ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rejected_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.schema_migration (
    owner text NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.series (
    id bigint NOT NULL,
    tenant_id integer NOT NULL,
    entity_id text NOT NULL,
    attribute text NOT NULL,
    dataset_id text DEFAULT ''::text NOT NULL,
    unit_code text DEFAULT ''::text NOT NULL
);
ALTER TABLE public.series ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.tenant (
    id integer NOT NULL,
    name text NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    local_government_code text,
    unknown_devices text DEFAULT 'quarantine'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tenant_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,49}$'::text)),
    CONSTRAINT tenant_unknown_devices_check CHECK ((unknown_devices = ANY (ARRAY['reject'::text, 'quarantine'::text])))
);
ALTER TABLE public.tenant ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tenant_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY public.history ATTACH PARTITION public.history_rest DEFAULT;
COPY public.account (tenant_id, day, device, outcome, count) FROM stdin;
1	2026-11-20	gauge-1	received	5
1	2026-11-20	gauge-1	stored	4
1	2026-11-20	gauge-1	duplicate	1
2	2026-11-20	gauge-1	received	5
2	2026-11-20	gauge-1	stored	4
2	2026-11-20	gauge-1	duplicate	1
\.
COPY public.account_batch (id, tenant_id, day, counts) FROM stdin;
1	1	2026-11-20	{"gauge-1": {"stored": 2, "received": 2}}
2	2	2026-11-20	{"gauge-1": {"stored": 2, "received": 2}}
\.
COPY public.device (tenant_id, id, family, kind, status, entity_id, entity_type, secret_hash, profile, created_at, updated_at) FROM stdin;
1	gauge-1	river_gauge	device	approved	urn:ngsi-ld:WaterObserved:180009:1	WaterObserved	\N	{"date_attribute": "dateObserved"}	2026-11-21 04:37:10.783363+00	2026-11-21 04:37:10.809936+00
\.
COPY public.entity (tenant_id, id, type, doc, version, lon, lat, created_at, modified_at) FROM stdin;
1	urn:ngsi-ld:WaterObserved:180009:1	{WaterObserved}	{"id": "urn:ngsi-ld:WaterObserved:180009:1", "type": "WaterObserved", "waterLevel": {"type": "Property", "value": 1.5, "unitCode": "MTR", "observedAt": "2023-07-13T00:10:00Z"}}	2	136.2	36.06	2023-07-13 00:00:00+00	2023-07-13 00:10:00+00
\.
COPY public.history_rest (series_id, at, version, tenant_id, number, value, received_at, confirmed) FROM stdin;
1	2021-08-14 00:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 00:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 00:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 00:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 00:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 00:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 00:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 01:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 01:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 01:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 01:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 01:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 01:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 01:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 02:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 02:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 02:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 02:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 02:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 02:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 02:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 03:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 03:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 03:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 03:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 03:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 03:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 03:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 04:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 04:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 04:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 04:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 04:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 04:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 04:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 05:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 05:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 05:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 05:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 05:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 05:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 05:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 06:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 06:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 06:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 06:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 06:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 06:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 06:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 07:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 07:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 07:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 07:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 07:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 07:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 07:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 08:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 08:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 08:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 08:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 08:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 08:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 08:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 09:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 09:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 09:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 09:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 09:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 09:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 09:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 10:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 10:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 10:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 10:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 10:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 10:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 10:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 11:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 11:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 11:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 11:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 11:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 11:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 11:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 12:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 12:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 12:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 12:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 12:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 12:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 12:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 13:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 13:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 13:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 13:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 13:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 13:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 13:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 14:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 14:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 14:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 14:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 14:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 14:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 14:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 15:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 15:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 15:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 15:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 15:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 15:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 15:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 16:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 16:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 16:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 16:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 16:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 16:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 16:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 17:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 17:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 17:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 17:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 17:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 17:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 17:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 18:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 18:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 18:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 18:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 18:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 18:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 18:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 19:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 19:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 19:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 19:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 19:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 19:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 19:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 20:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 20:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 20:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 20:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 20:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 20:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 20:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 21:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 21:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 21:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 21:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 21:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 21:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 21:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 22:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 22:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 22:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 22:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 22:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 22:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 22:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 23:00:00+00	0	1	0	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 23:10:00+00	0	1	10	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 23:20:00+00	0	1	20	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 23:30:00+00	0	1	30	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 23:30:00+00	1	1	31	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 23:40:00+00	0	1	40	\N	2026-11-20 00:00:00+00	f
1	2021-08-14 23:50:00+00	0	1	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 00:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 00:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 00:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 00:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 00:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 00:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 00:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 01:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 01:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 01:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 01:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 01:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 01:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 01:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 02:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 02:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 02:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 02:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 02:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 02:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 02:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 03:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 03:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 03:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 03:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 03:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 03:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 03:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 04:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 04:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 04:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 04:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 04:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 04:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 04:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 05:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 05:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 05:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 05:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 05:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 05:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 05:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 06:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 06:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 06:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 06:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 06:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 06:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 06:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 07:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 07:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 07:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 07:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 07:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 07:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 07:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 08:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 08:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 08:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 08:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 08:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 08:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 08:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 09:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 09:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 09:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 09:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 09:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 09:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 09:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 10:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 10:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 10:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 10:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 10:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 10:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 10:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 11:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 11:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 11:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 11:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 11:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 11:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 11:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 12:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 12:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 12:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 12:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 12:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 12:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 12:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 13:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 13:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 13:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 13:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 13:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 13:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 13:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 14:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 14:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 14:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 14:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 14:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 14:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 14:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 15:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 15:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 15:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 15:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 15:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 15:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 15:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 16:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 16:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 16:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 16:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 16:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 16:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 16:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 17:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 17:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 17:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 17:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 17:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 17:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 17:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 18:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 18:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 18:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 18:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 18:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 18:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 18:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 19:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 19:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 19:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 19:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 19:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 19:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 19:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 20:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 20:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 20:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 20:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 20:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 20:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 20:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 21:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 21:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 21:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 21:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 21:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 21:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 21:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 22:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 22:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 22:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 22:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 22:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 22:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 22:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 23:00:00+00	0	2	0	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 23:10:00+00	0	2	10	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 23:20:00+00	0	2	20	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 23:30:00+00	0	2	30	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 23:30:00+00	1	2	31	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 23:40:00+00	0	2	40	\N	2026-11-20 00:00:00+00	f
2	2021-08-14 23:50:00+00	0	2	50	\N	2026-11-20 00:00:00+00	f
1	2023-07-13 00:00:00+00	0	1	\N	{"type": "Property", "value": "rising"}	2026-11-20 00:00:00+00	t
2	2023-07-13 00:00:00+00	0	2	\N	{"type": "Property", "value": "rising"}	2026-11-20 00:00:00+00	t
\.
COPY public.message_seen (tenant_id, device, message_key, seen_at) FROM stdin;
1	gauge-1	f/1	2026-11-20 00:00:00+00
2	gauge-1	f/1	2026-11-20 00:00:00+00
\.
COPY public.outbox (id, topic, key, value) FROM stdin;
\.
COPY public.parked_record (id, consumer, topic, partition, log_offset, key, value, error, parked_at) FROM stdin;
1	writer	observations	0	9	\\x6b	\\x76	KeyError()	2026-11-21 04:37:10.783363+00
\.
COPY public."position" (consumer, topic, partition, next) FROM stdin;
writer	observations	0	171
alerting	changes	0	3
\.
COPY public.rejected (id, tenant_id, sender, device, topic, reason, field, detail, payload, received_at, replayed_at) FROM stdin;
\.
COPY public.schema_migration (owner, name, digest, applied_at) FROM stdin;
broker.store	0001_core.sql	25e6c4c133fa3848ad72fbbe0e1e5f7559c752127ddcdc2aaa4fe1f1bdd6be7b	2026-11-21 04:37:10.783363+00
\.
COPY public.series (id, tenant_id, entity_id, attribute, dataset_id, unit_code) FROM stdin;
1	1	urn:ngsi-ld:WaterObserved:180009:1	waterLevel		MTR
2	2	urn:ngsi-ld:WaterObserved:180009:1	waterLevel		MTR
\.
COPY public.tenant (id, name, title, local_government_code, unknown_devices, created_at) FROM stdin;
1	fukui	福井県	180009	quarantine	2026-11-21 04:37:10.783363+00
2	neighbour	隣の市	\N	quarantine	2026-11-21 04:37:10.783363+00
\.
SELECT pg_catalog.setval('public.account_batch_id_seq', 2, true);
SELECT pg_catalog.setval('public.outbox_id_seq', 1, false);
SELECT pg_catalog.setval('public.parked_record_id_seq', 1, true);
SELECT pg_catalog.setval('public.rejected_id_seq', 1, false);
SELECT pg_catalog.setval('public.series_id_seq', 2, true);
SELECT pg_catalog.setval('public.tenant_id_seq', 2, true);
ALTER TABLE ONLY public.account_batch
    ADD CONSTRAINT account_batch_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (tenant_id, day, device, outcome);
ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.entity
    ADD CONSTRAINT entity_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.message_seen
    ADD CONSTRAINT message_seen_pkey PRIMARY KEY (tenant_id, device, message_key);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.parked_record
    ADD CONSTRAINT parked_record_consumer_topic_partition_log_offset_key UNIQUE (consumer, topic, partition, log_offset);
ALTER TABLE ONLY public.parked_record
    ADD CONSTRAINT parked_record_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public."position"
    ADD CONSTRAINT position_pkey PRIMARY KEY (consumer, topic, partition);
ALTER TABLE ONLY public.rejected
    ADD CONSTRAINT rejected_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (owner, name);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_tenant_id_entity_id_attribute_dataset_id_unit_code_key UNIQUE (tenant_id, entity_id, attribute, dataset_id, unit_code);
ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_name_key UNIQUE (name);
ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
CREATE INDEX device_by_update ON public.device USING btree (updated_at);
CREATE INDEX entity_by_place ON public.entity USING btree (tenant_id, lon, lat) WHERE (lon IS NOT NULL);
CREATE INDEX entity_by_type ON public.entity USING btree (tenant_id, first_type, id);
CREATE UNIQUE INDEX history_once ON ONLY public.history USING btree (series_id, at, version);
CREATE UNIQUE INDEX history_rest_series_id_at_version_idx ON public.history_rest USING btree (series_id, at, version);
CREATE INDEX rejected_by_device ON public.rejected USING btree (tenant_id, device, id);
ALTER INDEX public.history_once ATTACH PARTITION public.history_rest_series_id_at_version_idx;
CREATE TRIGGER device_touched BEFORE INSERT OR UPDATE ON public.device FOR EACH ROW EXECUTE FUNCTION public.device_touched();
ALTER TABLE ONLY public.account_batch
    ADD CONSTRAINT account_batch_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.entity
    ADD CONSTRAINT entity_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE public.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.account_batch ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON public.account TO cityos_system USING (true);
CREATE POLICY all_rows ON public.account_batch TO cityos_system USING (true);
CREATE POLICY all_rows ON public.device TO cityos_system USING (true);
CREATE POLICY all_rows ON public.entity TO cityos_system USING (true);
CREATE POLICY all_rows ON public.history TO cityos_system USING (true);
CREATE POLICY all_rows ON public.message_seen TO cityos_system USING (true);
CREATE POLICY all_rows ON public.rejected TO cityos_system USING (true);
CREATE POLICY all_rows ON public.series TO cityos_system USING (true);
ALTER TABLE public.device ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.entity ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.history ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.message_seen ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON public.account TO cityos_app USING ((tenant_id = (current_setting('cityos.tenant_id'::text))::integer));
CREATE POLICY own_rows ON public.account_batch TO cityos_app USING ((tenant_id = (current_setting('cityos.tenant_id'::text))::integer));
CREATE POLICY own_rows ON public.device TO cityos_app USING ((tenant_id = (current_setting('cityos.tenant_id'::text))::integer));
CREATE POLICY own_rows ON public.entity TO cityos_app USING ((tenant_id = (current_setting('cityos.tenant_id'::text))::integer));
CREATE POLICY own_rows ON public.history TO cityos_app USING ((tenant_id = (current_setting('cityos.tenant_id'::text))::integer));
CREATE POLICY own_rows ON public.message_seen TO cityos_app USING ((tenant_id = (current_setting('cityos.tenant_id'::text))::integer));
CREATE POLICY own_rows ON public.rejected TO cityos_app USING ((tenant_id = (current_setting('cityos.tenant_id'::text))::integer));
CREATE POLICY own_rows ON public.series TO cityos_app USING ((tenant_id = (current_setting('cityos.tenant_id'::text))::integer));
ALTER TABLE public.rejected ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.series ENABLE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA public TO cityos_app;
GRANT USAGE ON SCHEMA public TO cityos_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.account TO cityos_system;
GRANT SELECT ON TABLE public.account TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.account_batch TO cityos_system;
GRANT SELECT ON TABLE public.account_batch TO cityos_app;
GRANT SELECT,USAGE ON SEQUENCE public.account_batch_id_seq TO cityos_system;
GRANT SELECT,USAGE ON SEQUENCE public.account_batch_id_seq TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.accounting TO cityos_system;
GRANT SELECT ON TABLE public.accounting TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device TO cityos_system;
GRANT SELECT,INSERT,UPDATE ON TABLE public.device TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.entity TO cityos_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.entity TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.history TO cityos_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.history TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.history_rest TO cityos_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_seen TO cityos_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO cityos_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO cityos_app;
GRANT SELECT,USAGE ON SEQUENCE public.outbox_id_seq TO cityos_system;
GRANT SELECT,USAGE ON SEQUENCE public.outbox_id_seq TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.parked_record TO cityos_system;
GRANT SELECT,USAGE ON SEQUENCE public.parked_record_id_seq TO cityos_system;
GRANT SELECT,USAGE ON SEQUENCE public.parked_record_id_seq TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public."position" TO cityos_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rejected TO cityos_system;
GRANT SELECT ON TABLE public.rejected TO cityos_app;
GRANT SELECT,USAGE ON SEQUENCE public.rejected_id_seq TO cityos_system;
GRANT SELECT,USAGE ON SEQUENCE public.rejected_id_seq TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.schema_migration TO cityos_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.series TO cityos_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.series TO cityos_app;
GRANT SELECT,USAGE ON SEQUENCE public.series_id_seq TO cityos_system;
GRANT SELECT,USAGE ON SEQUENCE public.series_id_seq TO cityos_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tenant TO cityos_system;
GRANT SELECT ON TABLE public.tenant TO cityos_app;
GRANT SELECT,USAGE ON SEQUENCE public.tenant_id_seq TO cityos_system;
GRANT SELECT,USAGE ON SEQUENCE public.tenant_id_seq TO cityos_app;
