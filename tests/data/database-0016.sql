-- facts: {"revision": "0016_failed_by_model", "tenants": {"free": "ten_01m8nebacha5q7pyvc5fgs6wxk", "standard": "ten_01m8nebaeh7gcjy075xvrw26e7", "paying": "ten_01m8nebaf9m1m9zszavjvjwdtk", "suspended": "ten_01m8nebag2z63b2ps6ttqfay69"}, "keys": {"operator": "bt_01m8neba4b3yd5nry6vq38ez2t_nZOLanmWVqoVeMrXCpVpwg14B9at", "viewer": "bt_01m8neba847pq7jmsrka1qcbv9_V0v2SZs9xa2VtrB5swc8II4AxPiI", "former operator": "bt_01m8neba8t11yggxx5kgbdb3yx_G6Hh6zbhKeO5b1qzRbzsVZ4jHMAM", "free": "bt_01m8nebadma0rz3zj8y7geddha_Nrb6iMIOIkHvCLwMfBVVB8456a2T", "standard": "bt_01m8nebaev33t9h0rb2nd696x1_RWkSzFH6Np3FLryE6YfiPO1uxtVh", "paying": "bt_01m8nebafgqayzkzfhbakhd8yj_wP6BSoUn6ZR5DkZdJGaTG72wtuGD", "suspended": "bt_01m8nebag89y249ec8pfsj6vkk_aQc9Kf0oKXJyuuZfj32MxT06Zvxn", "revoked": "bt_01m8nebagsptxnyw4qftj0xjv6_UVjjTv8PatsB1YafTzhYUw4d4Q33"}, "jobs": {"succeeded": "job_01m8nebapxxzdresfxkrvcm40t", "paid by allowance": "job_01m8nebaynpqn1fm6c49zcqn4v", "paid by balance": "job_01m8nebb0tf1sf43yagbzfxggc", "removed": "job_01m8nebb2t8k0f03h3xrrq2e0p", "analysed": "job_01m8nebb5x9nq6hwzcna6m5f7k", "announced": "job_01m8nebb85vpgnjzaq98k52dmh", "announced in vain": "job_01m8nebbc2bby3n6fjr7t4gj7z", "succeeded at the second attempt": "job_01m8nebbek0bcq0fjcvbarmcac", "idempotent": "job_01m8nebbgfke4wy2zknse4yz5j", "failed": "job_01m8nebbj265225kspwwh12nmh", "failed and retried": "job_01m8nebbkxrf5dc79ep3bq77ff", "lost": "job_01m8nebbnzw23tjmkeqea3hcmw", "canceled while running": "job_01m8nebbrgrrmdz7y9ap819ehh", "canceled while queued": "job_01m8nebbsmyvrk4b3p37pjay8n", "canceled by an operator": "job_01m8nebbxjn63vjdsexh9v1b54", "expired": "job_01m8nebbz6hfcvyte7gn0xatcs", "running": "job_01m8nebc0jzpeaaqphm47940r3", "running, paid by balance": "job_01m8nebc13vesw5fsb7pabpb5q", "running without a worker": "job_01m8nebc2a9xmtpnmbn41rggj1", "running without a worker, paid by balance": "job_01m8nebc30dvrwhe090bjtvtbp", "retried": "job_01m8nebc3y7hvk3r965pz4hzxy", "to be resumed": "job_01m8nebc5769v31p0dc0mkqqjt", "suspect": "job_01m8nebc6xwgrp5d3pdkrjybjv", "handed back": "job_01m8nebc892291bbkb3rmxfzzq", "queued, low": "job_01m8nebc8vfmkscmsjsne6j9n1", "queued, normal": "job_01m8nebc97geb7csxjbxqf6f6r", "queued, high": "job_01m8nebc9bsr7jjgtm1nzyntg2", "queued, paid by balance": "job_01m8nebca04m5n5j9tqhsgtkb2", "queued, of a suspended tenant": "job_01m8nebcbc96n55grdzxmd9che", "queued, with a webhook": "job_01m8nebccp60mqy31q2z0c8xnc", "queued, expires late": "job_01m8nebcd60yp11gsfeg1j17kc", "queued, past its expiry": "job_01m8nebcdkyv8hcymvcndgrx41", "queued, an analysis": "job_01m8nebce514w3tq46265vasxy", "queued, paused": "job_01m8nebces916xq0q1tdcy3vx4", "queued, retry of a failed job": "job_01m8nebcg91vwsvn5p2bebndj6"}, "inputs": ["inputs/ten_01m8nebaeh7gcjy075xvrw26e7/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"], "idempotency_key": "order-17", "session": "YkKrX3YyaRYFZ-lXciJ4XxpnlXz7lV3NXuF0accRFQU"}
\restrict kept
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.allowances (
    tenant_id character varying NOT NULL,
    month date NOT NULL,
    kind character varying NOT NULL,
    granted integer NOT NULL,
    used integer NOT NULL,
    held integer NOT NULL,
    CONSTRAINT ck_allowances_not_negative CHECK (((used >= 0) AND (held >= 0))),
    CONSTRAINT ck_allowances_within_grant CHECK (((used + held) <= granted))
);
CREATE TABLE public.api_keys (
    id character varying NOT NULL,
    tenant_id character varying,
    name character varying NOT NULL,
    secret_sha256 bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    role character varying,
    CONSTRAINT ck_api_keys_role_known CHECK (((role)::text = ANY ((ARRAY['operator'::character varying, 'viewer'::character varying])::text[]))),
    CONSTRAINT ck_api_keys_role_of_operators CHECK (((tenant_id IS NULL) = (role IS NOT NULL)))
);
CREATE TABLE public.artifacts (
    job_id character varying NOT NULL,
    n integer NOT NULL,
    attempt integer NOT NULL,
    key character varying NOT NULL,
    media_type character varying NOT NULL,
    bytes bigint NOT NULL,
    sha256 character varying NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    seed character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    removed_at timestamp with time zone,
    kind character varying DEFAULT 'image'::character varying NOT NULL,
    about jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT ck_artifacts_kind_known CHECK (((kind)::text = ANY ((ARRAY['image'::character varying, 'mask'::character varying, 'overlay'::character varying, 'coco'::character varying])::text[])))
);
CREATE TABLE public.attempt_notes (
    job_id character varying NOT NULL,
    note character varying NOT NULL
);
CREATE TABLE public.attempts (
    job_id character varying NOT NULL,
    number integer NOT NULL,
    worker_id character varying NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    outcome character varying
);
CREATE TABLE public.audit_entries (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor character varying NOT NULL,
    actor_name character varying NOT NULL,
    action character varying NOT NULL,
    target character varying NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    request_id character varying DEFAULT ''::character varying NOT NULL
);
ALTER TABLE public.audit_entries ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.audit_entries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.deliveries (
    id character varying NOT NULL,
    job_id character varying NOT NULL,
    tenant_id character varying NOT NULL,
    endpoint_id character varying NOT NULL,
    event character varying NOT NULL,
    url character varying NOT NULL,
    body character varying NOT NULL,
    state character varying NOT NULL,
    attempts integer NOT NULL,
    tries integer NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    leased_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_deliveries_leased_when_pending CHECK ((((state)::text = 'pending'::text) OR (leased_until IS NULL))),
    CONSTRAINT ck_deliveries_state_known CHECK (((state)::text = ANY ((ARRAY['pending'::character varying, 'delivered'::character varying, 'failed'::character varying, 'disabled'::character varying])::text[])))
);
CREATE TABLE public.delivery_attempts (
    delivery_id character varying NOT NULL,
    number integer NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    status integer,
    error character varying,
    seconds double precision,
    CONSTRAINT ck_delivery_attempts_ended_somehow CHECK (((ended_at IS NULL) OR (status IS NOT NULL) OR (error IS NOT NULL)))
);
CREATE TABLE public.fair_tags (
    variant character varying NOT NULL,
    tenant_id character varying NOT NULL,
    finish double precision NOT NULL
);
CREATE TABLE public.files (
    id character varying NOT NULL,
    tenant_id character varying NOT NULL,
    key character varying NOT NULL,
    media_type character varying NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    bytes bigint NOT NULL,
    sha256 character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.holds (
    job_id character varying NOT NULL,
    tenant_id character varying NOT NULL,
    source character varying NOT NULL,
    month date NOT NULL,
    kind character varying NOT NULL,
    units integer NOT NULL,
    amount_micros bigint NOT NULL,
    state character varying NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT ck_holds_closed_once CHECK ((((state)::text = 'open'::text) = (closed_at IS NULL))),
    CONSTRAINT ck_holds_source_known CHECK (((source)::text = ANY ((ARRAY['allowance'::character varying, 'balance'::character varying])::text[]))),
    CONSTRAINT ck_holds_state_known CHECK (((state)::text = ANY ((ARRAY['open'::character varying, 'settled'::character varying, 'released'::character varying])::text[])))
);
CREATE TABLE public.idempotency_keys (
    tenant_id character varying NOT NULL,
    key character varying NOT NULL,
    fingerprint bytea NOT NULL,
    job_id character varying NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.job_retries (
    job_id character varying NOT NULL,
    retried_as character varying NOT NULL
);
CREATE TABLE public.job_traces (
    job_id character varying NOT NULL,
    traceparent character varying NOT NULL
);
CREATE TABLE public.jobs (
    id character varying NOT NULL,
    tenant_id character varying NOT NULL,
    variant character varying NOT NULL,
    state character varying NOT NULL,
    priority character varying NOT NULL,
    input jsonb NOT NULL,
    metadata jsonb NOT NULL,
    batch_key character varying NOT NULL,
    batch_limit integer NOT NULL,
    cost_seconds double precision NOT NULL,
    fair_share double precision NOT NULL,
    fair_start double precision NOT NULL,
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    worker_id character varying,
    leased_until timestamp with time zone,
    available_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    deadline_seconds double precision NOT NULL,
    progress_step integer NOT NULL,
    progress_steps integer NOT NULL,
    unit_kind character varying NOT NULL,
    units integer NOT NULL,
    price_micros bigint NOT NULL,
    covered_by character varying NOT NULL,
    output jsonb,
    error_code character varying,
    error_message character varying,
    error_retryable boolean,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    run_seconds double precision,
    store_seconds double precision,
    webhook jsonb,
    request_id character varying,
    CONSTRAINT ck_jobs_error_when_failed CHECK ((((state)::text = 'failed'::text) = (error_code IS NOT NULL))),
    CONSTRAINT ck_jobs_finished_when_terminal CHECK ((((state)::text = ANY ((ARRAY['queued'::character varying, 'running'::character varying])::text[])) = (finished_at IS NULL))),
    CONSTRAINT ck_jobs_leased_when_running CHECK ((((state)::text = 'running'::text) = (leased_until IS NOT NULL))),
    CONSTRAINT ck_jobs_state_known CHECK (((state)::text = ANY ((ARRAY['queued'::character varying, 'running'::character varying, 'succeeded'::character varying, 'failed'::character varying, 'canceled'::character varying, 'expired'::character varying])::text[])))
);
CREATE TABLE public.ledger_entries (
    id bigint NOT NULL,
    tenant_id character varying NOT NULL,
    reference character varying NOT NULL,
    amount_micros bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.ledger_entries ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.ledger_entries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.operator_sessions (
    token_sha256 bytea NOT NULL,
    key_id character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.queues (
    variant character varying NOT NULL,
    virtual_time double precision NOT NULL,
    paused_at timestamp with time zone
);
CREATE TABLE public.stored_inputs (
    key character varying NOT NULL,
    used_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.tenants (
    id character varying NOT NULL,
    name character varying NOT NULL,
    tier character varying NOT NULL,
    balance_micros bigint NOT NULL,
    balance_held_micros bigint NOT NULL,
    in_flight integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    suspended_at timestamp with time zone,
    CONSTRAINT ck_tenants_held_not_negative CHECK ((balance_held_micros >= 0)),
    CONSTRAINT ck_tenants_held_within_balance CHECK ((balance_held_micros <= balance_micros)),
    CONSTRAINT ck_tenants_in_flight_not_negative CHECK ((in_flight >= 0))
);
CREATE TABLE public.tiers (
    name character varying NOT NULL,
    weight double precision NOT NULL,
    max_in_flight integer NOT NULL,
    max_priority character varying NOT NULL,
    images_per_month integer NOT NULL,
    analyses_per_month integer NOT NULL,
    requests_per_minute integer,
    CONSTRAINT ck_tiers_requests_positive CHECK ((requests_per_minute > 0)),
    CONSTRAINT ck_tiers_weight_positive CHECK ((weight > (0)::double precision))
);
CREATE TABLE public.usage_events (
    id bigint NOT NULL,
    key character varying NOT NULL,
    tenant_id character varying NOT NULL,
    job_id character varying NOT NULL,
    variant character varying NOT NULL,
    kind character varying NOT NULL,
    units integer NOT NULL,
    amount_micros bigint NOT NULL,
    covered_by character varying NOT NULL,
    month date NOT NULL,
    occurred_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.usage_events ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.usage_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.webhook_endpoints (
    id character varying NOT NULL,
    tenant_id character varying NOT NULL,
    url character varying NOT NULL,
    host character varying NOT NULL,
    failing_since timestamp with time zone,
    paused_until timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason character varying,
    CONSTRAINT ck_webhook_endpoints_disabled_for_reason CHECK (((disabled_at IS NULL) = (disabled_reason IS NULL))),
    CONSTRAINT ck_webhook_endpoints_reason_known CHECK (((disabled_reason)::text = ANY ((ARRAY['gone'::character varying, 'failing'::character varying])::text[])))
);
CREATE TABLE public.webhook_secrets (
    id bigint NOT NULL,
    tenant_id character varying NOT NULL,
    secret character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone
);
ALTER TABLE public.webhook_secrets ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.webhook_secrets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.workers (
    id character varying NOT NULL,
    host character varying NOT NULL,
    pid integer NOT NULL,
    device character varying NOT NULL,
    variants text[] NOT NULL,
    state character varying NOT NULL,
    memory_used_bytes bigint NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat_at timestamp with time zone DEFAULT now() NOT NULL,
    memory_total_bytes bigint DEFAULT '0'::bigint NOT NULL,
    resident text[] DEFAULT '{}'::text[] NOT NULL,
    loading character varying,
    loading_fraction double precision,
    drained_at timestamp with time zone,
    failed_at timestamp with time zone
);
COPY public.alembic_version (version_num) FROM stdin;
0016_failed_by_model
\.
COPY public.allowances (tenant_id, month, kind, granted, used, held) FROM stdin;
ten_01m8nebaf9m1m9zszavjvjwdtk	2026-11-01	images	1	1	0
ten_01m8nebacha5q7pyvc5fgs6wxk	2026-11-01	images	100	1	1
ten_01m8nebag2z63b2ps6ttqfay69	2026-11-01	images	100	0	1
ten_01m8nebaeh7gcjy075xvrw26e7	2026-11-01	analyses	500	1	2
ten_01m8nebaeh7gcjy075xvrw26e7	2026-11-01	images	100	5	12
\.
COPY public.api_keys (id, tenant_id, name, secret_sha256, created_at, revoked_at, role) FROM stdin;
key_01m8neba4b3yd5nry6vq38ez2t	\N	operator	\\xfaf6530856fa42a3c1c4579b2571e5693ca6bd62890d2f4521a5c599e88b4273	2026-11-30 05:20:23.806681+00	\N	operator
key_01m8neba847pq7jmsrka1qcbv9	\N	viewer	\\x64f33a5a8aaa08c38e372994a61710ee9a2dad9fc18ceb6e769d2a52c5748622	2026-11-30 05:20:23.817205+00	\N	viewer
key_01m8neba8t11yggxx5kgbdb3yx	\N	former operator	\\x658c3479bc200614f029660164e90d1caec8d90fa2617f2c0d70f6185e1ebcfd	2026-11-30 05:20:23.836696+00	2026-11-30 05:20:23.868824+00	operator
key_01m8nebadma0rz3zj8y7geddha	ten_01m8nebacha5q7pyvc5fgs6wxk	free	\\x1f9402a8f2db80aa2a64cab957866fc649fad233342ad703de4bd0f4142687e9	2026-11-30 05:20:23.996785+00	\N	\N
key_01m8nebaev33t9h0rb2nd696x1	ten_01m8nebaeh7gcjy075xvrw26e7	standard	\\xd17f813d99766b07abaf8e486a48f14fa25fc31193813bf728f54b331293b6b0	2026-11-30 05:20:24.028336+00	\N	\N
key_01m8nebafgqayzkzfhbakhd8yj	ten_01m8nebaf9m1m9zszavjvjwdtk	paying	\\x7aed370eb6a2210a7b046a5fbf29bae1d619d8ae638ae066da2c9fd4e7ab12f8	2026-11-30 05:20:24.048597+00	\N	\N
key_01m8nebag89y249ec8pfsj6vkk	ten_01m8nebag2z63b2ps6ttqfay69	suspended	\\x6d08c172b681ab799ff5bc314b373e99d80ec2c426894f4b93c7fbce776889a3	2026-11-30 05:20:24.073216+00	\N	\N
key_01m8nebagsptxnyw4qftj0xjv6	ten_01m8nebaeh7gcjy075xvrw26e7	revoked	\\xb586ed5e76d5adcfcd4301b535f0101e54523862c63325d1ccb21aff1c1a1e7c	2026-11-30 05:20:24.089686+00	2026-11-30 05:20:24.098034+00	\N
\.
COPY public.artifacts (job_id, n, attempt, key, media_type, bytes, sha256, width, height, seed, created_at, expires_at, removed_at, kind, about) FROM stdin;
job_01m8nebapxxzdresfxkrvcm40t	0	1	results/ten_x/2026-11-30/job_01m8nebapxxzdresfxkrvcm40t/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:20:24.414516+00	2126-11-06 05:20:24.414516+00	\N	image	{}
job_01m8nebapxxzdresfxkrvcm40t	1	1	results/ten_x/2026-11-30/job_01m8nebapxxzdresfxkrvcm40t/1/1.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:20:24.414516+00	2126-11-06 05:20:24.414516+00	\N	image	{}
job_01m8nebaynpqn1fm6c49zcqn4v	0	1	results/ten_x/2026-11-30/job_01m8nebaynpqn1fm6c49zcqn4v/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:20:24.582153+00	2126-11-06 05:20:24.582153+00	\N	image	{}
job_01m8nebb0tf1sf43yagbzfxggc	0	1	results/ten_x/2026-11-30/job_01m8nebb0tf1sf43yagbzfxggc/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:20:24.651661+00	2126-11-06 05:20:24.651661+00	\N	image	{}
job_01m8nebb2t8k0f03h3xrrq2e0p	0	1	results/ten_x/2026-11-30/job_01m8nebb2t8k0f03h3xrrq2e0p/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:20:24.701293+00	2126-11-06 05:20:24.701293+00	2026-11-30 05:20:24.727202+00	image	{}
job_01m8nebb5x9nq6hwzcna6m5f7k	0	1	results/ten_x/2026-11-30/job_01m8nebb5x9nq6hwzcna6m5f7k/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	\N	2026-11-30 05:20:24.824407+00	2126-11-06 05:20:24.824407+00	\N	mask	{"label": "a"}
job_01m8nebb5x9nq6hwzcna6m5f7k	1	1	results/ten_x/2026-11-30/job_01m8nebb5x9nq6hwzcna6m5f7k/1/1.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	\N	2026-11-30 05:20:24.824407+00	2126-11-06 05:20:24.824407+00	\N	overlay	{"label": "a"}
job_01m8nebb5x9nq6hwzcna6m5f7k	2	1	results/ten_x/2026-11-30/job_01m8nebb5x9nq6hwzcna6m5f7k/1/2.json	application/json	123	abababababababababababababababababababababababababababababababab	128	64	\N	2026-11-30 05:20:24.824407+00	2126-11-06 05:20:24.824407+00	\N	coco	{"label": "a"}
job_01m8nebb85vpgnjzaq98k52dmh	0	1	results/ten_x/2026-11-30/job_01m8nebb85vpgnjzaq98k52dmh/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:20:24.873378+00	2126-11-06 05:20:24.873378+00	\N	image	{}
job_01m8nebbc2bby3n6fjr7t4gj7z	0	1	results/ten_x/2026-11-30/job_01m8nebbc2bby3n6fjr7t4gj7z/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:20:24.993917+00	2126-11-06 05:20:24.993917+00	\N	image	{}
job_01m8nebbek0bcq0fjcvbarmcac	0	2	results/ten_x/2026-11-30/job_01m8nebbek0bcq0fjcvbarmcac/2/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:20:25.094858+00	2126-11-06 05:20:25.094858+00	\N	image	{}
job_01m8nebbgfke4wy2zknse4yz5j	0	1	results/ten_x/2026-11-30/job_01m8nebbgfke4wy2zknse4yz5j/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:20:25.137576+00	2126-11-06 05:20:25.137576+00	\N	image	{}
\.
COPY public.attempt_notes (job_id, note) FROM stdin;
job_01m8nebc5769v31p0dc0mkqqjt	task-17
\.
COPY public.attempts (job_id, number, worker_id, started_at, ended_at, outcome) FROM stdin;
job_01m8nebapxxzdresfxkrvcm40t	1	wrk_old	2026-11-30 05:20:24.377382+00	2026-11-30 05:20:24.414516+00	succeeded
job_01m8nebaynpqn1fm6c49zcqn4v	1	wrk_old	2026-11-30 05:20:24.55818+00	2026-11-30 05:20:24.582153+00	succeeded
job_01m8nebb0tf1sf43yagbzfxggc	1	wrk_old	2026-11-30 05:20:24.629894+00	2026-11-30 05:20:24.651661+00	succeeded
job_01m8nebb2t8k0f03h3xrrq2e0p	1	wrk_old	2026-11-30 05:20:24.691254+00	2026-11-30 05:20:24.701293+00	succeeded
job_01m8nebb5x9nq6hwzcna6m5f7k	1	wrk_old	2026-11-30 05:20:24.794259+00	2026-11-30 05:20:24.824407+00	succeeded
job_01m8nebb85vpgnjzaq98k52dmh	1	wrk_old	2026-11-30 05:20:24.859808+00	2026-11-30 05:20:24.873378+00	succeeded
job_01m8nebbc2bby3n6fjr7t4gj7z	1	wrk_old	2026-11-30 05:20:24.987251+00	2026-11-30 05:20:24.993917+00	succeeded
job_01m8nebbek0bcq0fjcvbarmcac	1	wrk_old	2026-11-30 05:20:25.056737+00	2026-11-30 05:20:25.06141+00	internal_error
job_01m8nebbek0bcq0fjcvbarmcac	2	wrk_old	2026-11-30 05:20:25.080297+00	2026-11-30 05:20:25.094858+00	succeeded
job_01m8nebbgfke4wy2zknse4yz5j	1	wrk_old	2026-11-30 05:20:25.127941+00	2026-11-30 05:20:25.137576+00	succeeded
job_01m8nebbj265225kspwwh12nmh	1	wrk_old	2026-11-30 05:20:25.172945+00	2026-11-30 05:20:25.182645+00	invalid_input
job_01m8nebbkxrf5dc79ep3bq77ff	1	wrk_old	2026-11-30 05:20:25.220483+00	2026-11-30 05:20:25.236725+00	invalid_input
job_01m8nebbnzw23tjmkeqea3hcmw	1	wrk_old	2026-11-30 05:20:25.294764+00	2026-11-30 05:20:25.321905+00	worker_lost
job_01m8nebbrgrrmdz7y9ap819ehh	1	wrk_old	2026-11-30 05:20:25.395081+00	2026-11-30 05:20:25.465911+00	canceled
job_01m8nebc0jzpeaaqphm47940r3	1	wrk_old	2026-11-30 05:20:25.62514+00	\N	\N
job_01m8nebc13vesw5fsb7pabpb5q	1	wrk_old	2026-11-30 05:20:25.66368+00	\N	\N
job_01m8nebc2a9xmtpnmbn41rggj1	1	wrk_old	2026-11-30 05:20:25.688434+00	\N	\N
job_01m8nebc30dvrwhe090bjtvtbp	1	wrk_old	2026-11-30 05:20:25.717718+00	\N	\N
job_01m8nebc3y7hvk3r965pz4hzxy	1	wrk_old	2026-11-30 05:20:25.739584+00	2026-11-30 05:20:25.741882+00	internal_error
job_01m8nebc5769v31p0dc0mkqqjt	1	wrk_old	2026-11-30 05:20:25.776739+00	2026-11-30 05:20:25.800688+00	internal_error
job_01m8nebc6xwgrp5d3pdkrjybjv	1	wrk_old	2026-11-30 05:20:25.833335+00	2026-11-30 05:20:25.844024+00	worker_lost
job_01m8nebc892291bbkb3rmxfzzq	1	wrk_old	2026-11-30 05:20:25.86993+00	2026-11-30 05:20:25.873034+00	handed_back
\.
COPY public.audit_entries (id, at, actor, actor_name, action, target, before, after, request_id) FROM stdin;
1	2026-11-30 05:20:23.817205+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	operator.create	key_01m8neba847pq7jmsrka1qcbv9	{}	{"name": "viewer", "role": "viewer"}	req_kept
2	2026-11-30 05:20:23.836696+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	operator.create	key_01m8neba8t11yggxx5kgbdb3yx	{}	{"name": "former operator", "role": "operator"}	req_kept
3	2026-11-30 05:20:23.868824+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	operator.revoke	key_01m8neba8t11yggxx5kgbdb3yx	{}	{"name": "former operator"}	req_kept
4	2026-11-30 05:20:23.926755+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	tier.set	enterprise	{"images_per_month": 1000}	{"images_per_month": 1}	req_kept
5	2026-11-30 05:20:23.951005+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	tenant.create	ten_01m8nebacha5q7pyvc5fgs6wxk	{}	{"name": "free", "tier": "free"}	req_kept
6	2026-11-30 05:20:23.996785+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	key.create	key_01m8nebadma0rz3zj8y7geddha	{}	{"name": "free", "tenant": "ten_01m8nebacha5q7pyvc5fgs6wxk"}	req_kept
7	2026-11-30 05:20:24.011781+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	tenant.create	ten_01m8nebaeh7gcjy075xvrw26e7	{}	{"name": "standard", "tier": "free"}	req_kept
8	2026-11-30 05:20:24.028336+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	key.create	key_01m8nebaev33t9h0rb2nd696x1	{}	{"name": "standard", "tenant": "ten_01m8nebaeh7gcjy075xvrw26e7"}	req_kept
9	2026-11-30 05:20:24.038636+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	tenant.create	ten_01m8nebaf9m1m9zszavjvjwdtk	{}	{"name": "paying", "tier": "enterprise"}	req_kept
10	2026-11-30 05:20:24.048597+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	key.create	key_01m8nebafgqayzkzfhbakhd8yj	{}	{"name": "paying", "tenant": "ten_01m8nebaf9m1m9zszavjvjwdtk"}	req_kept
11	2026-11-30 05:20:24.063827+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	tenant.create	ten_01m8nebag2z63b2ps6ttqfay69	{}	{"name": "suspended", "tier": "standard"}	req_kept
12	2026-11-30 05:20:24.073216+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	key.create	key_01m8nebag89y249ec8pfsj6vkk	{}	{"name": "suspended", "tenant": "ten_01m8nebag2z63b2ps6ttqfay69"}	req_kept
13	2026-11-30 05:20:24.089686+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	key.create	key_01m8nebagsptxnyw4qftj0xjv6	{}	{"name": "revoked", "tenant": "ten_01m8nebaeh7gcjy075xvrw26e7"}	req_kept
14	2026-11-30 05:20:24.098034+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	key.revoke	key_01m8nebagsptxnyw4qftj0xjv6	{}	{"tenant": "ten_01m8nebaeh7gcjy075xvrw26e7"}	req_kept
15	2026-11-30 05:20:24.11183+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	tenant.tier	ten_01m8nebaeh7gcjy075xvrw26e7	{"tier": "free"}	{"tier": "standard"}	req_kept
16	2026-11-30 05:20:24.139454+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	tenant.credit	ten_01m8nebaf9m1m9zszavjvjwdtk	{"balance_micros": 0}	{"reason": "kept", "reference": "payment-1", "balance_micros": 1000000}	req_kept
17	2026-11-30 05:20:24.176705+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	tenant.credit	ten_01m8nebaf9m1m9zszavjvjwdtk	{"balance_micros": 1000000}	{"reason": "kept", "reference": "correction-1", "balance_micros": 900000}	req_kept
18	2026-11-30 05:20:24.262414+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	worker.drain	wrk_drained	{"drained": false}	{"drained": true}	req_kept
19	2026-11-30 05:20:25.535626+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	job.cancel	job_01m8nebbxjn63vjdsexh9v1b54	{"state": "queued"}	{"state": "canceled"}	req_kept
20	2026-11-30 05:20:26.091879+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	queue.pause	flux.2-demo	{"paused": false}	{"paused": true}	req_kept
21	2026-11-30 05:20:26.113079+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	job.retry	job_01m8nebbkxrf5dc79ep3bq77ff	{}	{"retried_as": "job_01m8nebcg91vwsvn5p2bebndj6"}	req_kept
22	2026-11-30 05:20:26.151885+00	key_01m8neba4b3yd5nry6vq38ez2t	operator	tenant.suspend	ten_01m8nebag2z63b2ps6ttqfay69	{"suspended": false}	{"suspended": true}	req_kept
\.
COPY public.deliveries (id, job_id, tenant_id, endpoint_id, event, url, body, state, attempts, tries, next_at, leased_until, created_at) FROM stdin;
msg_01m8nebb9rx4267sd4dss4t1za	job_01m8nebb85vpgnjzaq98k52dmh	ten_01m8nebaeh7gcjy075xvrw26e7	whe_01m8nebb9zpr869p1rdznshs08	job.succeeded	http://127.0.0.1:9/hook?n=1	{"type":"job.succeeded","timestamp":"2026-11-30T05:20:24.873378Z","data":{"id":"job_01m8nebb85vpgnjzaq98k52dmh","model":"flux.1-demo","state":"succeeded","attempt":1,"priority":"normal","created_at":"2026-11-30T05:20:24.837756Z","started_at":"2026-11-30T05:20:24.859808Z","finished_at":"2026-11-30T05:20:24.873378Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":{"images":[{"width":128,"height":64,"media_type":"image/png","bytes":123,"sha256":"abababababababababababababababababababababababababababababababab","seed":18446744073709551615}]},"error":null,"metadata":{},"urls":{"self":"https://bottega.test/v1/jobs/job_01m8nebb85vpgnjzaq98k52dmh"}}}	delivered	1	1	2026-11-30 05:20:24.873378+00	\N	2026-11-30 05:20:24.873378+00
msg_01m8nebbd54n7arjfptm6gdp4c	job_01m8nebbc2bby3n6fjr7t4gj7z	ten_01m8nebaeh7gcjy075xvrw26e7	whe_01m8nebb9zpr869p1rdznshs08	job.succeeded	http://127.0.0.1:9/hook?n=1	{"type":"job.succeeded","timestamp":"2026-11-30T05:20:24.993917Z","data":{"id":"job_01m8nebbc2bby3n6fjr7t4gj7z","model":"flux.1-demo","state":"succeeded","attempt":1,"priority":"normal","created_at":"2026-11-30T05:20:24.962958Z","started_at":"2026-11-30T05:20:24.987251Z","finished_at":"2026-11-30T05:20:24.993917Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":{"images":[{"width":128,"height":64,"media_type":"image/png","bytes":123,"sha256":"abababababababababababababababababababababababababababababababab","seed":18446744073709551615}]},"error":null,"metadata":{},"urls":{"self":"https://bottega.test/v1/jobs/job_01m8nebbc2bby3n6fjr7t4gj7z"}}}	pending	1	1	2026-11-30 05:20:30.1833+00	\N	2026-11-30 05:20:24.993917+00
msg_01m8nebbk7ne0w1xdwns68vh1k	job_01m8nebbj265225kspwwh12nmh	ten_01m8nebaeh7gcjy075xvrw26e7	whe_01m8nebbk9jyyayj214vahdgef	job.failed	http://127.0.0.1:9/gone	{"type":"job.failed","timestamp":"2026-11-30T05:20:25.182645Z","data":{"id":"job_01m8nebbj265225kspwwh12nmh","model":"flux.1-demo","state":"failed","attempt":1,"priority":"normal","created_at":"2026-11-30T05:20:25.157298Z","started_at":"2026-11-30T05:20:25.172945Z","finished_at":"2026-11-30T05:20:25.182645Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":null,"error":{"code":"invalid_input","message":"the picture is broken","retryable":false},"metadata":{},"urls":null}}	disabled	1	1	2026-11-30 05:20:25.182645+00	\N	2026-11-30 05:20:25.182645+00
msg_01m8nebbwx3tad3h852cx1k8bx	job_01m8nebbsmyvrk4b3p37pjay8n	ten_01m8nebaeh7gcjy075xvrw26e7	whe_01m8nebb9zpr869p1rdznshs08	job.canceled	http://127.0.0.1:9/hook	{"type":"job.canceled","timestamp":"2026-11-30T05:20:25.492703Z","data":{"id":"job_01m8nebbsmyvrk4b3p37pjay8n","model":"flux.1-demo","state":"canceled","attempt":0,"priority":"normal","created_at":"2026-11-30T05:20:25.397298Z","started_at":null,"finished_at":"2026-11-30T05:20:25.492703Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":null,"error":null,"metadata":{},"urls":null}}	pending	0	0	2026-11-30 05:20:25.492703+00	\N	2026-11-30 05:20:25.492703+00
\.
COPY public.delivery_attempts (delivery_id, number, started_at, ended_at, status, error, seconds) FROM stdin;
msg_01m8nebb9rx4267sd4dss4t1za	1	2026-11-30 05:20:24.906855+00	2026-11-30 05:20:24.927523+00	200	\N	0.1
msg_01m8nebbd54n7arjfptm6gdp4c	1	2026-11-30 05:20:25.003+00	2026-11-30 05:20:25.007041+00	500	\N	0.1
msg_01m8nebbk7ne0w1xdwns68vh1k	1	2026-11-30 05:20:25.250976+00	2026-11-30 05:20:25.258198+00	410	\N	0.1
\.
COPY public.fair_tags (variant, tenant_id, finish) FROM stdin;
flux.1-pro	ten_01m8nebaeh7gcjy075xvrw26e7	0.125
flux.1-demo	ten_01m8nebacha5q7pyvc5fgs6wxk	0.9737500000000001
flux.1-demo	ten_01m8nebaf9m1m9zszavjvjwdtk	0.5765625000000001
flux.1-demo	ten_01m8nebag2z63b2ps6ttqfay69	0.6150000000000001
florence-2-demo	ten_01m8nebaeh7gcjy075xvrw26e7	0.04125
flux.2-demo	ten_01m8nebaeh7gcjy075xvrw26e7	0.0325
flux.1-demo	ten_01m8nebaeh7gcjy075xvrw26e7	0.8968750000000002
\.
COPY public.files (id, tenant_id, key, media_type, width, height, bytes, sha256, created_at) FROM stdin;
file_01m8nebb52kwpbmtvpyq5336hc	ten_01m8nebaeh7gcjy075xvrw26e7	inputs/ten_01m8nebaeh7gcjy075xvrw26e7/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd	image/png	40	30	200	cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd	2026-11-30 05:20:24.749138+00
\.
COPY public.holds (job_id, tenant_id, source, month, kind, units, amount_micros, state, closed_at) FROM stdin;
job_01m8nebapxxzdresfxkrvcm40t	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:20:24.414516+00
job_01m8nebaynpqn1fm6c49zcqn4v	ten_01m8nebaf9m1m9zszavjvjwdtk	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:20:24.582153+00
job_01m8nebb0tf1sf43yagbzfxggc	ten_01m8nebaf9m1m9zszavjvjwdtk	balance	2026-11-01	images	1	1000	settled	2026-11-30 05:20:24.651661+00
job_01m8nebb2t8k0f03h3xrrq2e0p	ten_01m8nebacha5q7pyvc5fgs6wxk	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:20:24.701293+00
job_01m8nebb5x9nq6hwzcna6m5f7k	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	analyses	1	1000	settled	2026-11-30 05:20:24.824407+00
job_01m8nebb85vpgnjzaq98k52dmh	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:20:24.873378+00
job_01m8nebbc2bby3n6fjr7t4gj7z	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:20:24.993917+00
job_01m8nebbek0bcq0fjcvbarmcac	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:20:25.094858+00
job_01m8nebbgfke4wy2zknse4yz5j	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:20:25.137576+00
job_01m8nebbj265225kspwwh12nmh	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:20:25.182645+00
job_01m8nebbkxrf5dc79ep3bq77ff	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:20:25.236725+00
job_01m8nebbnzw23tjmkeqea3hcmw	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:20:25.321905+00
job_01m8nebbrgrrmdz7y9ap819ehh	ten_01m8nebaf9m1m9zszavjvjwdtk	balance	2026-11-01	images	1	1000	released	2026-11-30 05:20:25.465911+00
job_01m8nebbsmyvrk4b3p37pjay8n	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:20:25.492703+00
job_01m8nebbxjn63vjdsexh9v1b54	ten_01m8nebacha5q7pyvc5fgs6wxk	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:20:25.535626+00
job_01m8nebbz6hfcvyte7gn0xatcs	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:20:25.600703+00
job_01m8nebc0jzpeaaqphm47940r3	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebc13vesw5fsb7pabpb5q	ten_01m8nebaf9m1m9zszavjvjwdtk	balance	2026-11-01	images	1	1000	open	\N
job_01m8nebc2a9xmtpnmbn41rggj1	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebc30dvrwhe090bjtvtbp	ten_01m8nebaf9m1m9zszavjvjwdtk	balance	2026-11-01	images	1	1000	open	\N
job_01m8nebc3y7hvk3r965pz4hzxy	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebc5769v31p0dc0mkqqjt	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebc6xwgrp5d3pdkrjybjv	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	analyses	1	1000	open	\N
job_01m8nebc892291bbkb3rmxfzzq	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebc8vfmkscmsjsne6j9n1	ten_01m8nebacha5q7pyvc5fgs6wxk	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebc97geb7csxjbxqf6f6r	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebc9bsr7jjgtm1nzyntg2	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebca04m5n5j9tqhsgtkb2	ten_01m8nebaf9m1m9zszavjvjwdtk	balance	2026-11-01	images	1	1000	open	\N
job_01m8nebcbc96n55grdzxmd9che	ten_01m8nebag2z63b2ps6ttqfay69	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebccp60mqy31q2z0c8xnc	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebcd60yp11gsfeg1j17kc	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebcdkyv8hcymvcndgrx41	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebce514w3tq46265vasxy	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	analyses	1	1000	open	\N
job_01m8nebces916xq0q1tdcy3vx4	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
job_01m8nebcg91vwsvn5p2bebndj6	ten_01m8nebaeh7gcjy075xvrw26e7	allowance	2026-11-01	images	1	1000	open	\N
\.
COPY public.idempotency_keys (tenant_id, key, fingerprint, job_id, expires_at) FROM stdin;
ten_01m8nebaeh7gcjy075xvrw26e7	order-17	\\x707344f1fec8de6f9825506957e7cd74744ca1f3e38881d6b8df72df2f41f383	job_01m8nebbgfke4wy2zknse4yz5j	2126-11-30 05:20:25.126084+00
\.
COPY public.job_retries (job_id, retried_as) FROM stdin;
job_01m8nebbkxrf5dc79ep3bq77ff	job_01m8nebcg91vwsvn5p2bebndj6
\.
COPY public.job_traces (job_id, traceparent) FROM stdin;
job_01m8nebapxxzdresfxkrvcm40t	00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
\.
COPY public.jobs (id, tenant_id, variant, state, priority, input, metadata, batch_key, batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts, worker_id, leased_until, available_at, expires_at, deadline_seconds, progress_step, progress_steps, unit_kind, units, price_micros, covered_by, output, error_code, error_message, error_retryable, created_at, started_at, finished_at, run_seconds, store_seconds, webhook, request_id) FROM stdin;
job_01m8nebapxxzdresfxkrvcm40t	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "succeeded", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0	1	3	wrk_old	\N	2026-11-30 05:20:24.28832+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:24.28832+00	2026-11-30 05:20:24.377382+00	2026-11-30 05:20:24.414516+00	1.5	0.25	\N	req_kept
job_01m8nebaynpqn1fm6c49zcqn4v	ten_01m8nebaf9m1m9zszavjvjwdtk	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "paid by allowance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0	1	3	wrk_old	\N	2026-11-30 05:20:24.533655+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:24.533655+00	2026-11-30 05:20:24.55818+00	2026-11-30 05:20:24.582153+00	1.5	0.25	\N	\N
job_01m8nebb0tf1sf43yagbzfxggc	ten_01m8nebaf9m1m9zszavjvjwdtk	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.0128125	1	3	wrk_old	\N	2026-11-30 05:20:24.60259+00	\N	120	4	4	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:20:24.60259+00	2026-11-30 05:20:24.629894+00	2026-11-30 05:20:24.651661+00	1.5	0.25	\N	\N
job_01m8nebb2t8k0f03h3xrrq2e0p	ten_01m8nebacha5q7pyvc5fgs6wxk	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "removed", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.205	0.012812500000000004	1	3	wrk_old	\N	2026-11-30 05:20:24.667364+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:24.667364+00	2026-11-30 05:20:24.691254+00	2026-11-30 05:20:24.701293+00	1.5	0.25	\N	\N
job_01m8nebb5x9nq6hwzcna6m5f7k	ten_01m8nebaeh7gcjy075xvrw26e7	florence-2-demo	succeeded	normal	{"task": null, "text": null, "image": "inputs/ten_01m8nebaeh7gcjy075xvrw26e7/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "tasks": ["<OD>"], "region": null, "artifacts": [], "num_beams": 1, "max_new_tokens": 200}	{}	05a873e3227941b4	8	0.055	0.01375	0	1	3	wrk_old	\N	2026-11-30 05:20:24.768973+00	\N	60	4	4	analyses	1	1000	allowance	{"objects": [{"box": [1, 2, 3, 4], "label": "circle"}]}	\N	\N	\N	2026-11-30 05:20:24.768973+00	2026-11-30 05:20:24.794259+00	2026-11-30 05:20:24.824407+00	1.5	0.25	\N	\N
job_01m8nebb85vpgnjzaq98k52dmh	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "announced", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.05125	1	3	wrk_old	\N	2026-11-30 05:20:24.837756+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:24.837756+00	2026-11-30 05:20:24.859808+00	2026-11-30 05:20:24.873378+00	1.5	0.25	{"url": "http://127.0.0.1:9/hook?n=1", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": "https://bottega.test"}	\N
job_01m8nebbc2bby3n6fjr7t4gj7z	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "announced in vain", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.10250000000000001	1	3	wrk_old	\N	2026-11-30 05:20:24.962958+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:24.962958+00	2026-11-30 05:20:24.987251+00	2026-11-30 05:20:24.993917+00	1.5	0.25	{"url": "http://127.0.0.1:9/hook?n=1", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": "https://bottega.test"}	\N
job_01m8nebbek0bcq0fjcvbarmcac	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "succeeded at the second attempt", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.15375	2	3	wrk_old	\N	2026-11-30 05:20:25.06141+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.045283+00	2026-11-30 05:20:25.080297+00	2026-11-30 05:20:25.094858+00	1.5	0.25	\N	\N
job_01m8nebbgfke4wy2zknse4yz5j	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "a red circle", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{"order": "17"}	732efe737e571ee2	8	0.205	0.05125	0.205	1	3	wrk_old	\N	2026-11-30 05:20:25.104377+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.104377+00	2026-11-30 05:20:25.127941+00	2026-11-30 05:20:25.137576+00	1.5	0.25	\N	\N
job_01m8nebbj265225kspwwh12nmh	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	failed	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "failed", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.25625	1	3	wrk_old	\N	2026-11-30 05:20:25.157298+00	\N	120	0	0	images	1	1000	allowance	\N	invalid_input	the picture is broken	f	2026-11-30 05:20:25.157298+00	2026-11-30 05:20:25.172945+00	2026-11-30 05:20:25.182645+00	\N	\N	{"url": "http://127.0.0.1:9/gone", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": ""}	\N
job_01m8nebbkxrf5dc79ep3bq77ff	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	failed	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "failed and retried", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.3075	1	3	wrk_old	\N	2026-11-30 05:20:25.213491+00	\N	120	0	0	images	1	1000	allowance	\N	invalid_input	the picture is broken	f	2026-11-30 05:20:25.213491+00	2026-11-30 05:20:25.220483+00	2026-11-30 05:20:25.236725+00	\N	\N	\N	\N
job_01m8nebbnzw23tjmkeqea3hcmw	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	failed	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "lost", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.35875	1	1	wrk_old	\N	2026-11-30 05:20:25.279873+00	\N	120	0	0	images	1	1000	allowance	\N	worker_lost	its worker died or lost contact at every attempt	t	2026-11-30 05:20:25.279873+00	2026-11-30 05:20:25.294764+00	2026-11-30 05:20:25.321905+00	\N	\N	\N	\N
job_01m8nebbrgrrmdz7y9ap819ehh	ten_01m8nebaf9m1m9zszavjvjwdtk	flux.1-demo	canceled	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "canceled while running", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.35875	1	3	wrk_old	\N	2026-11-30 05:20:25.360956+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:20:25.360956+00	2026-11-30 05:20:25.395081+00	2026-11-30 05:20:25.465911+00	\N	\N	\N	\N
job_01m8nebbsmyvrk4b3p37pjay8n	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	canceled	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "canceled while queued", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.41000000000000003	0	3	\N	\N	2026-11-30 05:20:25.397298+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.397298+00	\N	2026-11-30 05:20:25.492703+00	\N	\N	{"url": "http://127.0.0.1:9/hook", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": ""}	\N
job_01m8nebbxjn63vjdsexh9v1b54	ten_01m8nebacha5q7pyvc5fgs6wxk	flux.1-demo	canceled	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "canceled by an operator", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.205	0.35875	0	3	\N	\N	2026-11-30 05:20:25.522636+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.522636+00	\N	2026-11-30 05:20:25.535626+00	\N	\N	\N	\N
job_01m8nebbz6hfcvyte7gn0xatcs	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	expired	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "expired", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.41000000000000003	0	3	\N	\N	2026-11-30 05:20:25.575121+00	2026-11-30 05:20:25.576121+00	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.575121+00	\N	2026-11-30 05:20:25.600703+00	\N	\N	\N	\N
job_01m8nebc0jzpeaaqphm47940r3	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.41000000000000003	1	3	wrk_old	2126-11-06 05:20:25.62514+00	2026-11-30 05:20:25.61903+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.61903+00	2026-11-30 05:20:25.62514+00	\N	\N	\N	\N	\N
job_01m8nebc13vesw5fsb7pabpb5q	ten_01m8nebaf9m1m9zszavjvjwdtk	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running, paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.41000000000000003	1	3	wrk_old	2126-11-06 05:20:25.66368+00	2026-11-30 05:20:25.640704+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:20:25.640704+00	2026-11-30 05:20:25.66368+00	\N	\N	\N	\N	\N
job_01m8nebc2a9xmtpnmbn41rggj1	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running without a worker", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.46125000000000005	1	3	wrk_old	2026-11-30 05:20:25.689434+00	2026-11-30 05:20:25.680033+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.680033+00	2026-11-30 05:20:25.688434+00	\N	\N	\N	\N	\N
job_01m8nebc30dvrwhe090bjtvtbp	ten_01m8nebaf9m1m9zszavjvjwdtk	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running without a worker, paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.46125000000000005	1	3	wrk_old	2026-11-30 05:20:25.718718+00	2026-11-30 05:20:25.69957+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:20:25.69957+00	2026-11-30 05:20:25.717718+00	\N	\N	\N	\N	\N
job_01m8nebc3y7hvk3r965pz4hzxy	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "retried", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.5125000000000001	1	3	\N	\N	2026-11-30 05:20:26.741882+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.73021+00	2026-11-30 05:20:25.739584+00	\N	\N	\N	\N	\N
job_01m8nebc5769v31p0dc0mkqqjt	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-pro	queued	normal	{"seed": 7, "image": null, "steps": 40, "width": 1024, "height": 768, "prompt": "to be resumed", "guidance": 2.5, "interval": 2, "output_format": "jpeg", "output_quality": 95, "safety_tolerance": 2, "prompt_upsampling": false}	{}	7c4a55f66e241d42	1	0.5	0.125	0	1	3	\N	\N	2026-11-30 05:20:26.800688+00	\N	300	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.768382+00	2026-11-30 05:20:25.776739+00	\N	\N	\N	\N	\N
job_01m8nebc6xwgrp5d3pdkrjybjv	ten_01m8nebaeh7gcjy075xvrw26e7	florence-2-demo	queued	normal	{"task": null, "text": null, "image": "inputs/ten_01m8nebaeh7gcjy075xvrw26e7/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "tasks": ["<OD>"], "region": null, "artifacts": [], "num_beams": 1, "max_new_tokens": 200}	{}	05a873e3227941b4	8	0.055	0.01375	0.01375	1	3	\N	\N	2026-11-30 05:20:25.844024+00	\N	60	0	0	analyses	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.824716+00	2026-11-30 05:20:25.833335+00	\N	\N	\N	\N	\N
job_01m8nebc892291bbkb3rmxfzzq	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "handed back", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.5637500000000001	1	4	\N	\N	2026-11-30 05:20:25.873034+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.867335+00	2026-11-30 05:20:25.86993+00	\N	\N	\N	\N	\N
job_01m8nebc8vfmkscmsjsne6j9n1	ten_01m8nebacha5q7pyvc5fgs6wxk	flux.1-demo	queued	low	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, low", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.41	0.5637500000000002	0	3	\N	\N	2026-11-30 05:20:25.884108+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.884108+00	\N	\N	\N	\N	\N	\N
job_01m8nebc97geb7csxjbxqf6f6r	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, normal", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.6150000000000001	0	3	\N	\N	2026-11-30 05:20:25.895833+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.895833+00	\N	\N	\N	\N	\N	\N
job_01m8nebc9bsr7jjgtm1nzyntg2	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	queued	high	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, high", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.025625	0.6662500000000001	0	3	\N	\N	2026-11-30 05:20:25.912715+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.912715+00	\N	\N	\N	\N	\N	\N
job_01m8nebca04m5n5j9tqhsgtkb2	ten_01m8nebaf9m1m9zszavjvjwdtk	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.5637500000000001	0	3	\N	\N	2026-11-30 05:20:25.932817+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:20:25.932817+00	\N	\N	\N	\N	\N	\N
job_01m8nebcbc96n55grdzxmd9che	ten_01m8nebag2z63b2ps6ttqfay69	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, of a suspended tenant", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.5637500000000001	0	3	\N	\N	2026-11-30 05:20:25.964414+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:25.964414+00	\N	\N	\N	\N	\N	\N
job_01m8nebccp60mqy31q2z0c8xnc	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, with a webhook", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.6918750000000001	0	3	\N	\N	2026-11-30 05:20:26.006642+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:26.006642+00	\N	\N	\N	\N	{"url": "http://127.0.0.1:9/hook", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": ""}	\N
job_01m8nebcd60yp11gsfeg1j17kc	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, expires late", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.7431250000000001	0	3	\N	\N	2026-11-30 05:20:26.023198+00	2126-11-06 05:20:26.023198+00	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:26.023198+00	\N	\N	\N	\N	\N	\N
job_01m8nebcdkyv8hcymvcndgrx41	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, past its expiry", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.7943750000000002	0	3	\N	\N	2026-11-30 05:20:26.039324+00	2026-11-30 05:20:26.040324+00	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:26.039324+00	\N	\N	\N	\N	\N	\N
job_01m8nebce514w3tq46265vasxy	ten_01m8nebaeh7gcjy075xvrw26e7	florence-2-demo	queued	normal	{"task": null, "text": null, "image": "inputs/ten_01m8nebaeh7gcjy075xvrw26e7/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "tasks": ["<OD>"], "region": null, "artifacts": [], "num_beams": 1, "max_new_tokens": 200}	{}	05a873e3227941b4	8	0.055	0.01375	0.027500000000000004	0	3	\N	\N	2026-11-30 05:20:26.0567+00	\N	60	0	0	analyses	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:26.0567+00	\N	\N	\N	\N	\N	\N
job_01m8nebces916xq0q1tdcy3vx4	ten_01m8nebaeh7gcjy075xvrw26e7	flux.2-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "images": [], "prompt": "queued, paused", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	a463b464b7bfdb5b	8	0.13	0.0325	0	0	3	\N	\N	2026-11-30 05:20:26.074443+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:26.074443+00	\N	\N	\N	\N	\N	\N
job_01m8nebcg91vwsvn5p2bebndj6	ten_01m8nebaeh7gcjy075xvrw26e7	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "failed and retried", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.8456250000000002	0	3	\N	\N	2026-11-30 05:20:26.113079+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:20:26.113079+00	\N	\N	\N	\N	\N	\N
\.
COPY public.ledger_entries (id, tenant_id, reference, amount_micros, created_at) FROM stdin;
1	ten_01m8nebaf9m1m9zszavjvjwdtk	credit:payment-1	1000000	2026-11-30 05:20:24.139454+00
2	ten_01m8nebaf9m1m9zszavjvjwdtk	credit:correction-1	-100000	2026-11-30 05:20:24.176705+00
3	ten_01m8nebaf9m1m9zszavjvjwdtk	settlement:job_01m8nebb0tf1sf43yagbzfxggc	-1000	2026-11-30 05:20:24.651661+00
\.
COPY public.operator_sessions (token_sha256, key_id, created_at, expires_at) FROM stdin;
\\xb2f9596eb2368711815e83454a9cf5a8bf6201386a51e9125672cd3a3da9a686	key_01m8neba4b3yd5nry6vq38ez2t	2026-11-30 05:20:23.902805+00	2126-11-06 05:20:23.902805+00
\.
COPY public.queues (variant, virtual_time, paused_at) FROM stdin;
flux.1-pro	0	\N
florence-2-demo	0.01375	\N
flux.1-demo	0.5637500000000001	\N
flux.2-demo	0	2026-11-30 05:20:26.091879+00
\.
COPY public.stored_inputs (key, used_at) FROM stdin;
inputs/ten_01m8nebaeh7gcjy075xvrw26e7/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd	2026-11-30 05:20:24.737042+00
\.
COPY public.tenants (id, name, tier, balance_micros, balance_held_micros, in_flight, created_at, suspended_at) FROM stdin;
ten_01m8nebag2z63b2ps6ttqfay69	suspended	standard	0	0	1	2026-11-30 05:20:24.063827+00	2026-11-30 05:20:26.151885+00
ten_01m8nebacha5q7pyvc5fgs6wxk	free	free	0	0	1	2026-11-30 05:20:23.951005+00	\N
ten_01m8nebaf9m1m9zszavjvjwdtk	paying	enterprise	899000	3000	3	2026-11-30 05:20:24.038636+00	\N
ten_01m8nebaeh7gcjy075xvrw26e7	standard	standard	0	0	14	2026-11-30 05:20:24.011781+00	\N
\.
COPY public.tiers (name, weight, max_in_flight, max_priority, images_per_month, analyses_per_month, requests_per_minute) FROM stdin;
free	1	20	normal	100	500	3000
standard	4	1000	high	100	500	12000
enterprise	16	100000	high	1	5000	60000
\.
COPY public.usage_events (id, key, tenant_id, job_id, variant, kind, units, amount_micros, covered_by, month, occurred_at) FROM stdin;
1	usage:job_01m8nebapxxzdresfxkrvcm40t	ten_01m8nebaeh7gcjy075xvrw26e7	job_01m8nebapxxzdresfxkrvcm40t	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:20:24.414516+00
2	usage:job_01m8nebaynpqn1fm6c49zcqn4v	ten_01m8nebaf9m1m9zszavjvjwdtk	job_01m8nebaynpqn1fm6c49zcqn4v	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:20:24.582153+00
3	usage:job_01m8nebb0tf1sf43yagbzfxggc	ten_01m8nebaf9m1m9zszavjvjwdtk	job_01m8nebb0tf1sf43yagbzfxggc	flux.1-demo	images	1	1000	balance	2026-11-01	2026-11-30 05:20:24.651661+00
4	usage:job_01m8nebb2t8k0f03h3xrrq2e0p	ten_01m8nebacha5q7pyvc5fgs6wxk	job_01m8nebb2t8k0f03h3xrrq2e0p	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:20:24.701293+00
5	usage:job_01m8nebb5x9nq6hwzcna6m5f7k	ten_01m8nebaeh7gcjy075xvrw26e7	job_01m8nebb5x9nq6hwzcna6m5f7k	florence-2-demo	analyses	1	0	allowance	2026-11-01	2026-11-30 05:20:24.824407+00
6	usage:job_01m8nebb85vpgnjzaq98k52dmh	ten_01m8nebaeh7gcjy075xvrw26e7	job_01m8nebb85vpgnjzaq98k52dmh	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:20:24.873378+00
7	usage:job_01m8nebbc2bby3n6fjr7t4gj7z	ten_01m8nebaeh7gcjy075xvrw26e7	job_01m8nebbc2bby3n6fjr7t4gj7z	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:20:24.993917+00
8	usage:job_01m8nebbek0bcq0fjcvbarmcac	ten_01m8nebaeh7gcjy075xvrw26e7	job_01m8nebbek0bcq0fjcvbarmcac	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:20:25.094858+00
9	usage:job_01m8nebbgfke4wy2zknse4yz5j	ten_01m8nebaeh7gcjy075xvrw26e7	job_01m8nebbgfke4wy2zknse4yz5j	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:20:25.137576+00
\.
COPY public.webhook_endpoints (id, tenant_id, url, host, failing_since, paused_until, disabled_at, disabled_reason) FROM stdin;
whe_01m8nebb9zpr869p1rdznshs08	ten_01m8nebaeh7gcjy075xvrw26e7	http://127.0.0.1:9/hook	127.0.0.1:9	2026-11-30 05:20:25.007041+00	2026-11-30 05:20:25.007041+00	\N	\N
whe_01m8nebbk9jyyayj214vahdgef	ten_01m8nebaeh7gcjy075xvrw26e7	http://127.0.0.1:9/gone	127.0.0.1:9	2026-11-30 05:20:25.258198+00	2026-11-30 05:20:25.258198+00	2026-11-30 05:20:25.258198+00	gone
\.
COPY public.webhook_secrets (id, tenant_id, secret, created_at, expires_at) FROM stdin;
1	ten_01m8nebaeh7gcjy075xvrw26e7	whsec_lpq0662ptxAY1ooILvFOQbIxLmwRQXwXJaR2jkRY+RY=	2026-11-30 05:20:24.837756+00	2026-12-01 05:20:25.026355+00
2	ten_01m8nebaeh7gcjy075xvrw26e7	whsec_fcbVAZurMxGhom5yatavHRVeSfD/sR8T/1YkvCpGaTo=	2026-11-30 05:20:25.026355+00	\N
\.
COPY public.workers (id, host, pid, device, variants, state, memory_used_bytes, started_at, heartbeat_at, memory_total_bytes, resident, loading, loading_fraction, drained_at, failed_at) FROM stdin;
wrk_old	host	17	cpu	{flux.1-demo,florence-2-demo}	busy	0	2026-11-30 05:20:24.221248+00	2026-11-30 05:20:24.221248+00	0	{flux.1-demo}	\N	\N	\N	\N
wrk_failed	host	17	cpu	{flux.1-demo,florence-2-demo}	failed	0	2026-11-30 05:20:24.247219+00	2026-11-30 05:20:24.247219+00	0	{flux.1-demo}	\N	\N	\N	2026-11-30 05:20:24.247219+00
wrk_drained	host	17	cpu	{flux.1-demo,florence-2-demo}	ready	0	2026-11-30 05:20:24.234496+00	2026-11-30 05:20:24.234496+00	0	{flux.1-demo}	\N	\N	2026-11-30 05:20:24.262414+00	\N
\.
SELECT pg_catalog.setval('public.audit_entries_id_seq', 22, true);
SELECT pg_catalog.setval('public.ledger_entries_id_seq', 3, true);
SELECT pg_catalog.setval('public.usage_events_id_seq', 9, true);
SELECT pg_catalog.setval('public.webhook_secrets_id_seq', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.allowances
    ADD CONSTRAINT pk_allowances PRIMARY KEY (tenant_id, month, kind);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT pk_api_keys PRIMARY KEY (id);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT pk_artifacts PRIMARY KEY (job_id, n);
ALTER TABLE ONLY public.attempt_notes
    ADD CONSTRAINT pk_attempt_notes PRIMARY KEY (job_id);
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT pk_attempts PRIMARY KEY (job_id, number);
ALTER TABLE ONLY public.audit_entries
    ADD CONSTRAINT pk_audit_entries PRIMARY KEY (id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT pk_deliveries PRIMARY KEY (id);
ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT pk_delivery_attempts PRIMARY KEY (delivery_id, number);
ALTER TABLE ONLY public.fair_tags
    ADD CONSTRAINT pk_fair_tags PRIMARY KEY (variant, tenant_id);
ALTER TABLE ONLY public.files
    ADD CONSTRAINT pk_files PRIMARY KEY (id);
ALTER TABLE ONLY public.holds
    ADD CONSTRAINT pk_holds PRIMARY KEY (job_id);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT pk_idempotency_keys PRIMARY KEY (tenant_id, key);
ALTER TABLE ONLY public.job_retries
    ADD CONSTRAINT pk_job_retries PRIMARY KEY (job_id);
ALTER TABLE ONLY public.job_traces
    ADD CONSTRAINT pk_job_traces PRIMARY KEY (job_id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (id);
ALTER TABLE ONLY public.ledger_entries
    ADD CONSTRAINT pk_ledger_entries PRIMARY KEY (id);
ALTER TABLE ONLY public.operator_sessions
    ADD CONSTRAINT pk_operator_sessions PRIMARY KEY (token_sha256);
ALTER TABLE ONLY public.queues
    ADD CONSTRAINT pk_queues PRIMARY KEY (variant);
ALTER TABLE ONLY public.stored_inputs
    ADD CONSTRAINT pk_stored_inputs PRIMARY KEY (key);
ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT pk_tenants PRIMARY KEY (id);
ALTER TABLE ONLY public.tiers
    ADD CONSTRAINT pk_tiers PRIMARY KEY (name);
ALTER TABLE ONLY public.usage_events
    ADD CONSTRAINT pk_usage_events PRIMARY KEY (id);
ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT pk_webhook_endpoints PRIMARY KEY (id);
ALTER TABLE ONLY public.webhook_secrets
    ADD CONSTRAINT pk_webhook_secrets PRIMARY KEY (id);
ALTER TABLE ONLY public.workers
    ADD CONSTRAINT pk_workers PRIMARY KEY (id);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT uq_artifacts_key UNIQUE (key);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT uq_deliveries_job_id_event UNIQUE (job_id, event);
ALTER TABLE ONLY public.files
    ADD CONSTRAINT uq_files_tenant_id_sha256 UNIQUE (tenant_id, sha256);
ALTER TABLE ONLY public.ledger_entries
    ADD CONSTRAINT uq_ledger_entries_reference UNIQUE (reference);
ALTER TABLE ONLY public.usage_events
    ADD CONSTRAINT uq_usage_events_key UNIQUE (key);
ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT uq_webhook_endpoints_tenant_id_url UNIQUE (tenant_id, url);
CREATE INDEX ix_api_keys_tenant_id ON public.api_keys USING btree (tenant_id);
CREATE INDEX ix_artifacts_expiry ON public.artifacts USING btree (expires_at) WHERE (removed_at IS NULL);
CREATE INDEX ix_audit_entries_action ON public.audit_entries USING btree (action, id DESC);
CREATE INDEX ix_audit_entries_actor ON public.audit_entries USING btree (actor, id DESC);
CREATE INDEX ix_audit_entries_target ON public.audit_entries USING btree (target);
CREATE INDEX ix_deliveries_due ON public.deliveries USING btree (endpoint_id, next_at) WHERE ((state)::text = 'pending'::text);
CREATE INDEX ix_deliveries_leases ON public.deliveries USING btree (leased_until) WHERE (leased_until IS NOT NULL);
CREATE INDEX ix_deliveries_tenant_newest ON public.deliveries USING btree (tenant_id, id DESC);
CREATE INDEX ix_holds_open ON public.holds USING btree (tenant_id) WHERE ((state)::text = 'open'::text);
CREATE INDEX ix_idempotency_keys_expiry ON public.idempotency_keys USING btree (expires_at);
CREATE INDEX ix_idempotency_keys_job_id ON public.idempotency_keys USING btree (job_id);
CREATE INDEX ix_jobs_batch_mates ON public.jobs USING btree (variant, batch_key, fair_start) WHERE ((state)::text = 'queued'::text);
CREATE INDEX ix_jobs_created ON public.jobs USING btree (created_at);
CREATE INDEX ix_jobs_expiry ON public.jobs USING btree (expires_at) WHERE (((state)::text = 'queued'::text) AND (expires_at IS NOT NULL));
CREATE INDEX ix_jobs_failed ON public.jobs USING btree (error_code, id DESC) WHERE ((state)::text = 'failed'::text);
CREATE INDEX ix_jobs_failed_variant ON public.jobs USING btree (variant, id DESC) WHERE ((state)::text = 'failed'::text);
CREATE INDEX ix_jobs_finished ON public.jobs USING btree (finished_at) WHERE (finished_at IS NOT NULL);
CREATE INDEX ix_jobs_given_up ON public.jobs USING btree (state, id DESC) WHERE (((state)::text = 'canceled'::text) OR ((state)::text = 'expired'::text));
CREATE INDEX ix_jobs_leases ON public.jobs USING btree (leased_until) WHERE ((state)::text = 'running'::text);
CREATE INDEX ix_jobs_metadata ON public.jobs USING gin (metadata jsonb_path_ops) WHERE (metadata <> '{}'::jsonb);
CREATE INDEX ix_jobs_queue ON public.jobs USING btree (variant, fair_start, id) WHERE ((state)::text = 'queued'::text);
CREATE INDEX ix_jobs_tenant_newest ON public.jobs USING btree (tenant_id, id DESC);
CREATE INDEX ix_jobs_variant_newest ON public.jobs USING btree (variant, id DESC);
CREATE INDEX ix_ledger_entries_tenant_id ON public.ledger_entries USING btree (tenant_id);
CREATE INDEX ix_operator_sessions_expiry ON public.operator_sessions USING btree (expires_at);
CREATE INDEX ix_stored_inputs_used ON public.stored_inputs USING btree (used_at);
CREATE INDEX ix_usage_events_tenant_time ON public.usage_events USING btree (tenant_id, occurred_at);
CREATE INDEX ix_usage_events_time ON public.usage_events USING btree (occurred_at) INCLUDE (kind, units, amount_micros);
CREATE UNIQUE INDEX uq_webhook_secrets_current ON public.webhook_secrets USING btree (tenant_id) WHERE (expires_at IS NULL);
CREATE TRIGGER audit_entries_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_entries FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER ledger_entries_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER usage_events_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.usage_events FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE ONLY public.allowances
    ADD CONSTRAINT fk_allowances_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT fk_api_keys_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT fk_artifacts_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.attempt_notes
    ADD CONSTRAINT fk_attempt_notes_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT fk_attempts_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_endpoint_id_webhook_endpoints FOREIGN KEY (endpoint_id) REFERENCES public.webhook_endpoints(id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT fk_delivery_attempts_delivery_id_deliveries FOREIGN KEY (delivery_id) REFERENCES public.deliveries(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.fair_tags
    ADD CONSTRAINT fk_fair_tags_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.files
    ADD CONSTRAINT fk_files_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.holds
    ADD CONSTRAINT fk_holds_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id);
ALTER TABLE ONLY public.holds
    ADD CONSTRAINT fk_holds_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT fk_idempotency_keys_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT fk_idempotency_keys_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.job_retries
    ADD CONSTRAINT fk_job_retries_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.job_traces
    ADD CONSTRAINT fk_job_traces_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT fk_jobs_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.ledger_entries
    ADD CONSTRAINT fk_ledger_entries_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.operator_sessions
    ADD CONSTRAINT fk_operator_sessions_key_id_api_keys FOREIGN KEY (key_id) REFERENCES public.api_keys(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT fk_tenants_tier_tiers FOREIGN KEY (tier) REFERENCES public.tiers(name);
ALTER TABLE ONLY public.usage_events
    ADD CONSTRAINT fk_usage_events_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT fk_webhook_endpoints_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.webhook_secrets
    ADD CONSTRAINT fk_webhook_secrets_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
\unrestrict kept
