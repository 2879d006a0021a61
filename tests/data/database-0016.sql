-- facts: {"revision": "0016_failed_by_model", "tenants": {"free": "ten_01m8ndw9tj98r28c468my390pn", "standard": "ten_01m8ndw9tr81307ydh5d50vxgd", "paying": "ten_01m8ndw9twcs2c8srh0f10gmxv", "suspended": "ten_01m8ndw9tzsx34nkv4b9vzck7y"}, "keys": {"operator": "bt_01m8ndw9rq18c9vchvnxex7qjb_gZEQaA5dEq56QF9OR1ftag2iqePQ", "viewer": "bt_01m8ndw9stw7v51pa1kkfgq1g1_ZSTBIyJXZ4BademZB2iR0K4AftFS", "former operator": "bt_01m8ndw9sy7sy69esw3hb1hf8h_byd1QvZDzk0TGxwqUaNtRi2yFFUx", "free": "bt_01m8ndw9tp09stxkaykjgr88e8_NsO70XEzPnkTRKeyAmural1GFuh5", "standard": "bt_01m8ndw9ttbka5kqg9vsqjndk8_WeXcIAwrrkVeaHsA6AfWM74x7SQN", "paying": "bt_01m8ndw9txvs1dhknr2cwg7fr1_TDUAFJCIjbCarMsmfvGyWj3lQKd5", "suspended": "bt_01m8ndw9v0qx5pte13gjkd9fys_3swTDRHbEPzzA21q86WoNm2yvNFo", "revoked": "bt_01m8ndw9v13twvzzhx5fqpz077_0wUlogkSK1enQ6y3RTgxme0tgw6C"}, "jobs": {"succeeded": "job_01m8ndw9vv4m42tkgfe6z74hqx", "paid by allowance": "job_01m8ndw9wqeqk280jep0j3rb69", "paid by balance": "job_01m8ndw9x2ctech64g6bhf93t7", "removed": "job_01m8ndw9xehrvdevam1nt03qbp", "analysed": "job_01m8ndw9y4a6xx9kxd8ch7n5bm", "announced": "job_01m8ndw9yj909c22ajjzw563yg", "announced in vain": "job_01m8ndw9ze640neqmtt2gqnqsp", "succeeded at the second attempt": "job_01m8ndwa09vmjdkxs6fj0qm4bc", "idempotent": "job_01m8ndwa15jb5pz0zfpfw37n36", "failed": "job_01m8ndwa1rjpnpfgnya8w260ex", "failed and retried": "job_01m8ndwa2cgm4zmfvnch4wa73y", "lost": "job_01m8ndwa33twy8vpneabn54epe", "canceled while running": "job_01m8ndwa42dstfxn114qpw3f94", "canceled while queued": "job_01m8ndwa4kmjy68m8jc9jm2n52", "canceled by an operator": "job_01m8ndwa5hynspycqtvpxk417j", "expired": "job_01m8ndwa60cfhnzrs4n25vbh39", "running": "job_01m8ndwa6xj446xqk2380pq4kt", "running, paid by balance": "job_01m8ndwa77rtapk3h4trj83z84", "running without a worker": "job_01m8ndwa7krfthkwgn50dg9evv", "running without a worker, paid by balance": "job_01m8ndwa7sy9gyew7np4ch9bds", "retried": "job_01m8ndwa83r9b2de34qpzwgepa", "to be resumed": "job_01m8ndwa8gk4kjz893gp8gbq32", "suspect": "job_01m8ndwa99yc3a5j1jtadxnw6e", "handed back": "job_01m8ndwa9mc1qw6b1sdndtynke", "queued, low": "job_01m8ndwaa509vwaakzr94a7y32", "queued, normal": "job_01m8ndwaabefebxq1ha7jzs6jk", "queued, high": "job_01m8ndwaad7yj70n0qsd2wjja2", "queued, paid by balance": "job_01m8ndwaahfg1tbvb9p6j138a3", "queued, of a suspended tenant": "job_01m8ndwaawqr631xk86vdfcysz", "queued, with a webhook": "job_01m8ndwab168jehyz7jf2gqa16", "queued, expires late": "job_01m8ndwab4zx7z5kxsdearz2yt", "queued, past its expiry": "job_01m8ndwab66ym4sesbfyqwqn4z", "queued, an analysis": "job_01m8ndwab89ea5ym60hsqnq0vh", "queued, paused": "job_01m8ndwabakj6g5eeabekyvvqc", "queued, retry of a failed job": "job_01m8ndwabjzx9wbc3tx9xjv1ph"}, "inputs": ["inputs/ten_01m8ndw9tr81307ydh5d50vxgd/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"], "idempotency_key": "order-17", "session": "8gm3LTS0n6UxtN_oPo2VXT7IGlOFQvhjhtuMSPLESj0"}
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
ten_01m8ndw9twcs2c8srh0f10gmxv	2026-11-01	images	1	1	0
ten_01m8ndw9tj98r28c468my390pn	2026-11-01	images	100	1	1
ten_01m8ndw9tzsx34nkv4b9vzck7y	2026-11-01	images	100	0	1
ten_01m8ndw9tr81307ydh5d50vxgd	2026-11-01	analyses	500	1	2
ten_01m8ndw9tr81307ydh5d50vxgd	2026-11-01	images	100	5	12
\.
COPY public.api_keys (id, tenant_id, name, secret_sha256, created_at, revoked_at, role) FROM stdin;
key_01m8ndw9rq18c9vchvnxex7qjb	\N	operator	\\xfa1d6afc6e17ed04f0002ccd84f6bd2eaf3d818d87b7b2be5483908e10beec6c	2026-11-30 05:12:11.833163+00	\N	operator
key_01m8ndw9stw7v51pa1kkfgq1g1	\N	viewer	\\x6728cf6f83b836371e3cf28dbde2261ce1b6625f94c72e0f12b4934a1b94556d	2026-11-30 05:12:11.835347+00	\N	viewer
key_01m8ndw9sy7sy69esw3hb1hf8h	\N	former operator	\\x1bb43b729d4724b770747710a106c3a9a8b6f5c6b71127932c867bf9507c6b1c	2026-11-30 05:12:11.838457+00	2026-11-30 05:12:11.842364+00	operator
key_01m8ndw9tp09stxkaykjgr88e8	ten_01m8ndw9tj98r28c468my390pn	free	\\x18f955ea0c75a76bbca0e3ee4d1cb7aefee1715391ef9358061fc38cd03c1495	2026-11-30 05:12:11.863022+00	\N	\N
key_01m8ndw9ttbka5kqg9vsqjndk8	ten_01m8ndw9tr81307ydh5d50vxgd	standard	\\xd9b42892159bf2764b111a0cd6c636cf88da02460f1b1166c39084fb5f391a02	2026-11-30 05:12:11.866729+00	\N	\N
key_01m8ndw9txvs1dhknr2cwg7fr1	ten_01m8ndw9twcs2c8srh0f10gmxv	paying	\\xe1c360be808516ecef76bdb00665109a6133e1e4482a1d2eb130310df2679c9e	2026-11-30 05:12:11.869872+00	\N	\N
key_01m8ndw9v0qx5pte13gjkd9fys	ten_01m8ndw9tzsx34nkv4b9vzck7y	suspended	\\x02613ff3e317e4ebd91f910483a5783b3640137d090dc915f246129c3652d381	2026-11-30 05:12:11.873026+00	\N	\N
key_01m8ndw9v13twvzzhx5fqpz077	ten_01m8ndw9tr81307ydh5d50vxgd	revoked	\\x3116c3cd6fbdc4f81610635e6ff28e461396c9527859bb9a86789caaf96cace3	2026-11-30 05:12:11.874108+00	2026-11-30 05:12:11.875101+00	\N
\.
COPY public.artifacts (job_id, n, attempt, key, media_type, bytes, sha256, width, height, seed, created_at, expires_at, removed_at, kind, about) FROM stdin;
job_01m8ndw9vv4m42tkgfe6z74hqx	0	1	results/ten_x/2026-11-30/job_01m8ndw9vv4m42tkgfe6z74hqx/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:12:11.917688+00	2126-11-06 05:12:11.917688+00	\N	image	{}
job_01m8ndw9vv4m42tkgfe6z74hqx	1	1	results/ten_x/2026-11-30/job_01m8ndw9vv4m42tkgfe6z74hqx/1/1.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:12:11.917688+00	2126-11-06 05:12:11.917688+00	\N	image	{}
job_01m8ndw9wqeqk280jep0j3rb69	0	1	results/ten_x/2026-11-30/job_01m8ndw9wqeqk280jep0j3rb69/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:12:11.93481+00	2126-11-06 05:12:11.93481+00	\N	image	{}
job_01m8ndw9x2ctech64g6bhf93t7	0	1	results/ten_x/2026-11-30/job_01m8ndw9x2ctech64g6bhf93t7/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:12:11.947245+00	2126-11-06 05:12:11.947245+00	\N	image	{}
job_01m8ndw9xehrvdevam1nt03qbp	0	1	results/ten_x/2026-11-30/job_01m8ndw9xehrvdevam1nt03qbp/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:12:11.95975+00	2126-11-06 05:12:11.95975+00	2026-11-30 05:12:11.965139+00	image	{}
job_01m8ndw9y4a6xx9kxd8ch7n5bm	0	1	results/ten_x/2026-11-30/job_01m8ndw9y4a6xx9kxd8ch7n5bm/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	\N	2026-11-30 05:12:11.981005+00	2126-11-06 05:12:11.981005+00	\N	mask	{"label": "a"}
job_01m8ndw9y4a6xx9kxd8ch7n5bm	1	1	results/ten_x/2026-11-30/job_01m8ndw9y4a6xx9kxd8ch7n5bm/1/1.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	\N	2026-11-30 05:12:11.981005+00	2126-11-06 05:12:11.981005+00	\N	overlay	{"label": "a"}
job_01m8ndw9y4a6xx9kxd8ch7n5bm	2	1	results/ten_x/2026-11-30/job_01m8ndw9y4a6xx9kxd8ch7n5bm/1/2.json	application/json	123	abababababababababababababababababababababababababababababababab	128	64	\N	2026-11-30 05:12:11.981005+00	2126-11-06 05:12:11.981005+00	\N	coco	{"label": "a"}
job_01m8ndw9yj909c22ajjzw563yg	0	1	results/ten_x/2026-11-30/job_01m8ndw9yj909c22ajjzw563yg/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:12:11.99469+00	2126-11-06 05:12:11.99469+00	\N	image	{}
job_01m8ndw9ze640neqmtt2gqnqsp	0	1	results/ten_x/2026-11-30/job_01m8ndw9ze640neqmtt2gqnqsp/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:12:12.019555+00	2126-11-06 05:12:12.019555+00	\N	image	{}
job_01m8ndwa09vmjdkxs6fj0qm4bc	0	2	results/ten_x/2026-11-30/job_01m8ndwa09vmjdkxs6fj0qm4bc/2/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:12:12.063318+00	2126-11-06 05:12:12.063318+00	\N	image	{}
job_01m8ndwa15jb5pz0zfpfw37n36	0	1	results/ten_x/2026-11-30/job_01m8ndwa15jb5pz0zfpfw37n36/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2026-11-30 05:12:12.085225+00	2126-11-06 05:12:12.085225+00	\N	image	{}
\.
COPY public.attempt_notes (job_id, note) FROM stdin;
job_01m8ndwa8gk4kjz893gp8gbq32	task-17
\.
COPY public.attempts (job_id, number, worker_id, started_at, ended_at, outcome) FROM stdin;
job_01m8ndw9vv4m42tkgfe6z74hqx	1	wrk_old	2026-11-30 05:12:11.912611+00	2026-11-30 05:12:11.917688+00	succeeded
job_01m8ndw9wqeqk280jep0j3rb69	1	wrk_old	2026-11-30 05:12:11.932388+00	2026-11-30 05:12:11.93481+00	succeeded
job_01m8ndw9x2ctech64g6bhf93t7	1	wrk_old	2026-11-30 05:12:11.944824+00	2026-11-30 05:12:11.947245+00	succeeded
job_01m8ndw9xehrvdevam1nt03qbp	1	wrk_old	2026-11-30 05:12:11.956284+00	2026-11-30 05:12:11.95975+00	succeeded
job_01m8ndw9y4a6xx9kxd8ch7n5bm	1	wrk_old	2026-11-30 05:12:11.977558+00	2026-11-30 05:12:11.981005+00	succeeded
job_01m8ndw9yj909c22ajjzw563yg	1	wrk_old	2026-11-30 05:12:11.991792+00	2026-11-30 05:12:11.99469+00	succeeded
job_01m8ndw9ze640neqmtt2gqnqsp	1	wrk_old	2026-11-30 05:12:12.018055+00	2026-11-30 05:12:12.019555+00	succeeded
job_01m8ndwa09vmjdkxs6fj0qm4bc	1	wrk_old	2026-11-30 05:12:12.047441+00	2026-11-30 05:12:12.050109+00	internal_error
job_01m8ndwa09vmjdkxs6fj0qm4bc	2	wrk_old	2026-11-30 05:12:12.060963+00	2026-11-30 05:12:12.063318+00	succeeded
job_01m8ndwa15jb5pz0zfpfw37n36	1	wrk_old	2026-11-30 05:12:12.082709+00	2026-11-30 05:12:12.085225+00	succeeded
job_01m8ndwa1rjpnpfgnya8w260ex	1	wrk_old	2026-11-30 05:12:12.097646+00	2026-11-30 05:12:12.101385+00	invalid_input
job_01m8ndwa2cgm4zmfvnch4wa73y	1	wrk_old	2026-11-30 05:12:12.115316+00	2026-11-30 05:12:12.117829+00	invalid_input
job_01m8ndwa33twy8vpneabn54epe	1	wrk_old	2026-11-30 05:12:12.133913+00	2026-11-30 05:12:12.145952+00	worker_lost
job_01m8ndwa42dstfxn114qpw3f94	1	wrk_old	2026-11-30 05:12:12.178598+00	2026-11-30 05:12:12.186963+00	canceled
job_01m8ndwa6xj446xqk2380pq4kt	1	wrk_old	2026-11-30 05:12:12.255858+00	\N	\N
job_01m8ndwa77rtapk3h4trj83z84	1	wrk_old	2026-11-30 05:12:12.269293+00	\N	\N
job_01m8ndwa7krfthkwgn50dg9evv	1	wrk_old	2026-11-30 05:12:12.278778+00	\N	\N
job_01m8ndwa7sy9gyew7np4ch9bds	1	wrk_old	2026-11-30 05:12:12.288372+00	\N	\N
job_01m8ndwa83r9b2de34qpzwgepa	1	wrk_old	2026-11-30 05:12:12.297664+00	2026-11-30 05:12:12.300561+00	internal_error
job_01m8ndwa8gk4kjz893gp8gbq32	1	wrk_old	2026-11-30 05:12:12.312033+00	2026-11-30 05:12:12.324708+00	internal_error
job_01m8ndwa99yc3a5j1jtadxnw6e	1	wrk_old	2026-11-30 05:12:12.332144+00	2026-11-30 05:12:12.33839+00	worker_lost
job_01m8ndwa9mc1qw6b1sdndtynke	1	wrk_old	2026-11-30 05:12:12.347069+00	2026-11-30 05:12:12.353404+00	handed_back
\.
COPY public.audit_entries (id, at, actor, actor_name, action, target, before, after, request_id) FROM stdin;
1	2026-11-30 05:12:11.835347+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	operator.create	key_01m8ndw9stw7v51pa1kkfgq1g1	{}	{"name": "viewer", "role": "viewer"}	req_kept
2	2026-11-30 05:12:11.838457+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	operator.create	key_01m8ndw9sy7sy69esw3hb1hf8h	{}	{"name": "former operator", "role": "operator"}	req_kept
3	2026-11-30 05:12:11.842364+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	operator.revoke	key_01m8ndw9sy7sy69esw3hb1hf8h	{}	{"name": "former operator"}	req_kept
4	2026-11-30 05:12:11.855259+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	tier.set	enterprise	{"images_per_month": 1000}	{"images_per_month": 1}	req_kept
5	2026-11-30 05:12:11.858531+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	tenant.create	ten_01m8ndw9tj98r28c468my390pn	{}	{"name": "free", "tier": "free"}	req_kept
6	2026-11-30 05:12:11.863022+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	key.create	key_01m8ndw9tp09stxkaykjgr88e8	{}	{"name": "free", "tenant": "ten_01m8ndw9tj98r28c468my390pn"}	req_kept
7	2026-11-30 05:12:11.86439+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	tenant.create	ten_01m8ndw9tr81307ydh5d50vxgd	{}	{"name": "standard", "tier": "free"}	req_kept
8	2026-11-30 05:12:11.866729+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	key.create	key_01m8ndw9ttbka5kqg9vsqjndk8	{}	{"name": "standard", "tenant": "ten_01m8ndw9tr81307ydh5d50vxgd"}	req_kept
9	2026-11-30 05:12:11.867817+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	tenant.create	ten_01m8ndw9twcs2c8srh0f10gmxv	{}	{"name": "paying", "tier": "enterprise"}	req_kept
10	2026-11-30 05:12:11.869872+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	key.create	key_01m8ndw9txvs1dhknr2cwg7fr1	{}	{"name": "paying", "tenant": "ten_01m8ndw9twcs2c8srh0f10gmxv"}	req_kept
11	2026-11-30 05:12:11.871013+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	tenant.create	ten_01m8ndw9tzsx34nkv4b9vzck7y	{}	{"name": "suspended", "tier": "standard"}	req_kept
12	2026-11-30 05:12:11.873026+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	key.create	key_01m8ndw9v0qx5pte13gjkd9fys	{}	{"name": "suspended", "tenant": "ten_01m8ndw9tzsx34nkv4b9vzck7y"}	req_kept
13	2026-11-30 05:12:11.874108+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	key.create	key_01m8ndw9v13twvzzhx5fqpz077	{}	{"name": "revoked", "tenant": "ten_01m8ndw9tr81307ydh5d50vxgd"}	req_kept
14	2026-11-30 05:12:11.875101+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	key.revoke	key_01m8ndw9v13twvzzhx5fqpz077	{}	{"tenant": "ten_01m8ndw9tr81307ydh5d50vxgd"}	req_kept
15	2026-11-30 05:12:11.877338+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	tenant.tier	ten_01m8ndw9tr81307ydh5d50vxgd	{"tier": "free"}	{"tier": "standard"}	req_kept
16	2026-11-30 05:12:11.880239+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	tenant.credit	ten_01m8ndw9twcs2c8srh0f10gmxv	{"balance_micros": 0}	{"reason": "kept", "reference": "payment-1", "balance_micros": 1000000}	req_kept
17	2026-11-30 05:12:11.885766+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	tenant.credit	ten_01m8ndw9twcs2c8srh0f10gmxv	{"balance_micros": 1000000}	{"reason": "kept", "reference": "correction-1", "balance_micros": 900000}	req_kept
18	2026-11-30 05:12:11.897943+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	worker.drain	wrk_drained	{"drained": false}	{"drained": true}	req_kept
19	2026-11-30 05:12:12.211871+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	job.cancel	job_01m8ndwa5hynspycqtvpxk417j	{"state": "queued"}	{"state": "canceled"}	req_kept
20	2026-11-30 05:12:12.399457+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	queue.pause	flux.2-demo	{"paused": false}	{"paused": true}	req_kept
21	2026-11-30 05:12:12.401967+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	job.retry	job_01m8ndwa2cgm4zmfvnch4wa73y	{}	{"retried_as": "job_01m8ndwabjzx9wbc3tx9xjv1ph"}	req_kept
22	2026-11-30 05:12:12.411342+00	key_01m8ndw9rq18c9vchvnxex7qjb	operator	tenant.suspend	ten_01m8ndw9tzsx34nkv4b9vzck7y	{"suspended": false}	{"suspended": true}	req_kept
\.
COPY public.deliveries (id, job_id, tenant_id, endpoint_id, event, url, body, state, attempts, tries, next_at, leased_until, created_at) FROM stdin;
msg_01m8ndw9yxnys0xx8axetxvbx1	job_01m8ndw9yj909c22ajjzw563yg	ten_01m8ndw9tr81307ydh5d50vxgd	whe_01m8ndw9z068ty444ck8rsvnt6	job.succeeded	http://127.0.0.1:9/hook?n=1	{"type":"job.succeeded","timestamp":"2026-11-30T05:12:11.994690Z","data":{"id":"job_01m8ndw9yj909c22ajjzw563yg","model":"flux.1-demo","state":"succeeded","attempt":1,"priority":"normal","created_at":"2026-11-30T05:12:11.986345Z","started_at":"2026-11-30T05:12:11.991792Z","finished_at":"2026-11-30T05:12:11.994690Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":{"images":[{"width":128,"height":64,"media_type":"image/png","bytes":123,"sha256":"abababababababababababababababababababababababababababababababab","seed":18446744073709551615}]},"error":null,"metadata":{},"urls":{"self":"https://bottega.test/v1/jobs/job_01m8ndw9yj909c22ajjzw563yg"}}}	delivered	1	1	2026-11-30 05:12:11.99469+00	\N	2026-11-30 05:12:11.99469+00
msg_01m8ndw9zn1edkrk4x671ye8wb	job_01m8ndw9ze640neqmtt2gqnqsp	ten_01m8ndw9tr81307ydh5d50vxgd	whe_01m8ndw9z068ty444ck8rsvnt6	job.succeeded	http://127.0.0.1:9/hook?n=1	{"type":"job.succeeded","timestamp":"2026-11-30T05:12:12.019555Z","data":{"id":"job_01m8ndw9ze640neqmtt2gqnqsp","model":"flux.1-demo","state":"succeeded","attempt":1,"priority":"normal","created_at":"2026-11-30T05:12:12.014930Z","started_at":"2026-11-30T05:12:12.018055Z","finished_at":"2026-11-30T05:12:12.019555Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":{"images":[{"width":128,"height":64,"media_type":"image/png","bytes":123,"sha256":"abababababababababababababababababababababababababababababababab","seed":18446744073709551615}]},"error":null,"metadata":{},"urls":{"self":"https://bottega.test/v1/jobs/job_01m8ndw9ze640neqmtt2gqnqsp"}}}	pending	1	1	2026-11-30 05:12:17.277509+00	\N	2026-11-30 05:12:12.019555+00
msg_01m8ndwa27en9zk33x5mw3hhhq	job_01m8ndwa1rjpnpfgnya8w260ex	ten_01m8ndw9tr81307ydh5d50vxgd	whe_01m8ndwa28a8w84jr09ppj4kgs	job.failed	http://127.0.0.1:9/gone	{"type":"job.failed","timestamp":"2026-11-30T05:12:12.101385Z","data":{"id":"job_01m8ndwa1rjpnpfgnya8w260ex","model":"flux.1-demo","state":"failed","attempt":1,"priority":"normal","created_at":"2026-11-30T05:12:12.089020Z","started_at":"2026-11-30T05:12:12.097646Z","finished_at":"2026-11-30T05:12:12.101385Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":null,"error":{"code":"invalid_input","message":"the picture is broken","retryable":false},"metadata":{},"urls":null}}	disabled	1	1	2026-11-30 05:12:12.101385+00	\N	2026-11-30 05:12:12.101385+00
msg_01m8ndwa59z4tm21yhabb1at1n	job_01m8ndwa4kmjy68m8jc9jm2n52	ten_01m8ndw9tr81307ydh5d50vxgd	whe_01m8ndw9z068ty444ck8rsvnt6	job.canceled	http://127.0.0.1:9/hook	{"type":"job.canceled","timestamp":"2026-11-30T05:12:12.199964Z","data":{"id":"job_01m8ndwa4kmjy68m8jc9jm2n52","model":"flux.1-demo","state":"canceled","attempt":0,"priority":"normal","created_at":"2026-11-30T05:12:12.180211Z","started_at":null,"finished_at":"2026-11-30T05:12:12.199964Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":null,"error":null,"metadata":{},"urls":null}}	pending	0	0	2026-11-30 05:12:12.199964+00	\N	2026-11-30 05:12:12.199964+00
\.
COPY public.delivery_attempts (delivery_id, number, started_at, ended_at, status, error, seconds) FROM stdin;
msg_01m8ndw9yxnys0xx8axetxvbx1	1	2026-11-30 05:12:12.004698+00	2026-11-30 05:12:12.00985+00	200	\N	0.1
msg_01m8ndw9zn1edkrk4x671ye8wb	1	2026-11-30 05:12:12.023969+00	2026-11-30 05:12:12.026316+00	500	\N	0.1
msg_01m8ndwa27en9zk33x5mw3hhhq	1	2026-11-30 05:12:12.120829+00	2026-11-30 05:12:12.125434+00	410	\N	0.1
\.
COPY public.fair_tags (variant, tenant_id, finish) FROM stdin;
flux.1-pro	ten_01m8ndw9tr81307ydh5d50vxgd	0.125
flux.1-demo	ten_01m8ndw9tj98r28c468my390pn	0.9737500000000001
flux.1-demo	ten_01m8ndw9twcs2c8srh0f10gmxv	0.5765625000000001
flux.1-demo	ten_01m8ndw9tzsx34nkv4b9vzck7y	0.6150000000000001
florence-2-demo	ten_01m8ndw9tr81307ydh5d50vxgd	0.04125
flux.2-demo	ten_01m8ndw9tr81307ydh5d50vxgd	0.0325
flux.1-demo	ten_01m8ndw9tr81307ydh5d50vxgd	0.8968750000000002
\.
COPY public.files (id, tenant_id, key, media_type, width, height, bytes, sha256, created_at) FROM stdin;
file_01m8ndw9xzjq8xqc9g0jg6sxxr	ten_01m8ndw9tr81307ydh5d50vxgd	inputs/ten_01m8ndw9tr81307ydh5d50vxgd/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd	image/png	40	30	200	cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd	2026-11-30 05:12:11.970733+00
\.
COPY public.holds (job_id, tenant_id, source, month, kind, units, amount_micros, state, closed_at) FROM stdin;
job_01m8ndw9vv4m42tkgfe6z74hqx	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:12:11.917688+00
job_01m8ndw9wqeqk280jep0j3rb69	ten_01m8ndw9twcs2c8srh0f10gmxv	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:12:11.93481+00
job_01m8ndw9x2ctech64g6bhf93t7	ten_01m8ndw9twcs2c8srh0f10gmxv	balance	2026-11-01	images	1	1000	settled	2026-11-30 05:12:11.947245+00
job_01m8ndw9xehrvdevam1nt03qbp	ten_01m8ndw9tj98r28c468my390pn	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:12:11.95975+00
job_01m8ndw9y4a6xx9kxd8ch7n5bm	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	analyses	1	1000	settled	2026-11-30 05:12:11.981005+00
job_01m8ndw9yj909c22ajjzw563yg	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:12:11.99469+00
job_01m8ndw9ze640neqmtt2gqnqsp	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:12:12.019555+00
job_01m8ndwa09vmjdkxs6fj0qm4bc	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:12:12.063318+00
job_01m8ndwa15jb5pz0zfpfw37n36	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	settled	2026-11-30 05:12:12.085225+00
job_01m8ndwa1rjpnpfgnya8w260ex	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:12:12.101385+00
job_01m8ndwa2cgm4zmfvnch4wa73y	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:12:12.117829+00
job_01m8ndwa33twy8vpneabn54epe	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:12:12.145952+00
job_01m8ndwa42dstfxn114qpw3f94	ten_01m8ndw9twcs2c8srh0f10gmxv	balance	2026-11-01	images	1	1000	released	2026-11-30 05:12:12.186963+00
job_01m8ndwa4kmjy68m8jc9jm2n52	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:12:12.199964+00
job_01m8ndwa5hynspycqtvpxk417j	ten_01m8ndw9tj98r28c468my390pn	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:12:12.211871+00
job_01m8ndwa60cfhnzrs4n25vbh39	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	released	2026-11-30 05:12:12.24672+00
job_01m8ndwa6xj446xqk2380pq4kt	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwa77rtapk3h4trj83z84	ten_01m8ndw9twcs2c8srh0f10gmxv	balance	2026-11-01	images	1	1000	open	\N
job_01m8ndwa7krfthkwgn50dg9evv	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwa7sy9gyew7np4ch9bds	ten_01m8ndw9twcs2c8srh0f10gmxv	balance	2026-11-01	images	1	1000	open	\N
job_01m8ndwa83r9b2de34qpzwgepa	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwa8gk4kjz893gp8gbq32	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwa99yc3a5j1jtadxnw6e	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	analyses	1	1000	open	\N
job_01m8ndwa9mc1qw6b1sdndtynke	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwaa509vwaakzr94a7y32	ten_01m8ndw9tj98r28c468my390pn	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwaabefebxq1ha7jzs6jk	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwaad7yj70n0qsd2wjja2	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwaahfg1tbvb9p6j138a3	ten_01m8ndw9twcs2c8srh0f10gmxv	balance	2026-11-01	images	1	1000	open	\N
job_01m8ndwaawqr631xk86vdfcysz	ten_01m8ndw9tzsx34nkv4b9vzck7y	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwab168jehyz7jf2gqa16	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwab4zx7z5kxsdearz2yt	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwab66ym4sesbfyqwqn4z	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwab89ea5ym60hsqnq0vh	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	analyses	1	1000	open	\N
job_01m8ndwabakj6g5eeabekyvvqc	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
job_01m8ndwabjzx9wbc3tx9xjv1ph	ten_01m8ndw9tr81307ydh5d50vxgd	allowance	2026-11-01	images	1	1000	open	\N
\.
COPY public.idempotency_keys (tenant_id, key, fingerprint, job_id, expires_at) FROM stdin;
ten_01m8ndw9tr81307ydh5d50vxgd	order-17	\\x707344f1fec8de6f9825506957e7cd74744ca1f3e38881d6b8df72df2f41f383	job_01m8ndwa15jb5pz0zfpfw37n36	2126-11-30 05:12:12.076233+00
\.
COPY public.job_retries (job_id, retried_as) FROM stdin;
job_01m8ndwa2cgm4zmfvnch4wa73y	job_01m8ndwabjzx9wbc3tx9xjv1ph
\.
COPY public.job_traces (job_id, traceparent) FROM stdin;
job_01m8ndw9vv4m42tkgfe6z74hqx	00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
\.
COPY public.jobs (id, tenant_id, variant, state, priority, input, metadata, batch_key, batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts, worker_id, leased_until, available_at, expires_at, deadline_seconds, progress_step, progress_steps, unit_kind, units, price_micros, covered_by, output, error_code, error_message, error_retryable, created_at, started_at, finished_at, run_seconds, store_seconds, webhook, request_id) FROM stdin;
job_01m8ndw9vv4m42tkgfe6z74hqx	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "succeeded", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0	1	3	wrk_old	\N	2026-11-30 05:12:11.90134+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:11.90134+00	2026-11-30 05:12:11.912611+00	2026-11-30 05:12:11.917688+00	1.5	0.25	\N	req_kept
job_01m8ndw9wqeqk280jep0j3rb69	ten_01m8ndw9twcs2c8srh0f10gmxv	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "paid by allowance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0	1	3	wrk_old	\N	2026-11-30 05:12:11.927448+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:11.927448+00	2026-11-30 05:12:11.932388+00	2026-11-30 05:12:11.93481+00	1.5	0.25	\N	\N
job_01m8ndw9x2ctech64g6bhf93t7	ten_01m8ndw9twcs2c8srh0f10gmxv	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.0128125	1	3	wrk_old	\N	2026-11-30 05:12:11.938952+00	\N	120	4	4	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:12:11.938952+00	2026-11-30 05:12:11.944824+00	2026-11-30 05:12:11.947245+00	1.5	0.25	\N	\N
job_01m8ndw9xehrvdevam1nt03qbp	ten_01m8ndw9tj98r28c468my390pn	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "removed", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.205	0.012812500000000004	1	3	wrk_old	\N	2026-11-30 05:12:11.951005+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:11.951005+00	2026-11-30 05:12:11.956284+00	2026-11-30 05:12:11.95975+00	1.5	0.25	\N	\N
job_01m8ndw9y4a6xx9kxd8ch7n5bm	ten_01m8ndw9tr81307ydh5d50vxgd	florence-2-demo	succeeded	normal	{"task": null, "text": null, "image": "inputs/ten_01m8ndw9tr81307ydh5d50vxgd/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "tasks": ["<OD>"], "region": null, "artifacts": [], "num_beams": 1, "max_new_tokens": 200}	{}	05a873e3227941b4	8	0.055	0.01375	0	1	3	wrk_old	\N	2026-11-30 05:12:11.972801+00	\N	60	4	4	analyses	1	1000	allowance	{"objects": [{"box": [1, 2, 3, 4], "label": "circle"}]}	\N	\N	\N	2026-11-30 05:12:11.972801+00	2026-11-30 05:12:11.977558+00	2026-11-30 05:12:11.981005+00	1.5	0.25	\N	\N
job_01m8ndw9yj909c22ajjzw563yg	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "announced", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.05125	1	3	wrk_old	\N	2026-11-30 05:12:11.986345+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:11.986345+00	2026-11-30 05:12:11.991792+00	2026-11-30 05:12:11.99469+00	1.5	0.25	{"url": "http://127.0.0.1:9/hook?n=1", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": "https://bottega.test"}	\N
job_01m8ndw9ze640neqmtt2gqnqsp	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "announced in vain", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.10250000000000001	1	3	wrk_old	\N	2026-11-30 05:12:12.01493+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.01493+00	2026-11-30 05:12:12.018055+00	2026-11-30 05:12:12.019555+00	1.5	0.25	{"url": "http://127.0.0.1:9/hook?n=1", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": "https://bottega.test"}	\N
job_01m8ndwa09vmjdkxs6fj0qm4bc	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "succeeded at the second attempt", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.15375	2	3	wrk_old	\N	2026-11-30 05:12:12.050109+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.041628+00	2026-11-30 05:12:12.060963+00	2026-11-30 05:12:12.063318+00	1.5	0.25	\N	\N
job_01m8ndwa15jb5pz0zfpfw37n36	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "a red circle", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{"order": "17"}	732efe737e571ee2	8	0.205	0.05125	0.205	1	3	wrk_old	\N	2026-11-30 05:12:12.069931+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.069931+00	2026-11-30 05:12:12.082709+00	2026-11-30 05:12:12.085225+00	1.5	0.25	\N	\N
job_01m8ndwa1rjpnpfgnya8w260ex	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	failed	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "failed", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.25625	1	3	wrk_old	\N	2026-11-30 05:12:12.08902+00	\N	120	0	0	images	1	1000	allowance	\N	invalid_input	the picture is broken	f	2026-11-30 05:12:12.08902+00	2026-11-30 05:12:12.097646+00	2026-11-30 05:12:12.101385+00	\N	\N	{"url": "http://127.0.0.1:9/gone", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": ""}	\N
job_01m8ndwa2cgm4zmfvnch4wa73y	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	failed	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "failed and retried", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.3075	1	3	wrk_old	\N	2026-11-30 05:12:12.108721+00	\N	120	0	0	images	1	1000	allowance	\N	invalid_input	the picture is broken	f	2026-11-30 05:12:12.108721+00	2026-11-30 05:12:12.115316+00	2026-11-30 05:12:12.117829+00	\N	\N	\N	\N
job_01m8ndwa33twy8vpneabn54epe	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	failed	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "lost", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.35875	1	1	wrk_old	\N	2026-11-30 05:12:12.132217+00	\N	120	0	0	images	1	1000	allowance	\N	worker_lost	its worker died or lost contact at every attempt	t	2026-11-30 05:12:12.132217+00	2026-11-30 05:12:12.133913+00	2026-11-30 05:12:12.145952+00	\N	\N	\N	\N
job_01m8ndwa42dstfxn114qpw3f94	ten_01m8ndw9twcs2c8srh0f10gmxv	flux.1-demo	canceled	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "canceled while running", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.35875	1	3	wrk_old	\N	2026-11-30 05:12:12.163215+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:12:12.163215+00	2026-11-30 05:12:12.178598+00	2026-11-30 05:12:12.186963+00	\N	\N	\N	\N
job_01m8ndwa4kmjy68m8jc9jm2n52	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	canceled	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "canceled while queued", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.41000000000000003	0	3	\N	\N	2026-11-30 05:12:12.180211+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.180211+00	\N	2026-11-30 05:12:12.199964+00	\N	\N	{"url": "http://127.0.0.1:9/hook", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": ""}	\N
job_01m8ndwa5hynspycqtvpxk417j	ten_01m8ndw9tj98r28c468my390pn	flux.1-demo	canceled	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "canceled by an operator", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.205	0.35875	0	3	\N	\N	2026-11-30 05:12:12.209642+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.209642+00	\N	2026-11-30 05:12:12.211871+00	\N	\N	\N	\N
job_01m8ndwa60cfhnzrs4n25vbh39	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	expired	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "expired", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.41000000000000003	0	3	\N	\N	2026-11-30 05:12:12.224378+00	2026-11-30 05:12:12.225378+00	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.224378+00	\N	2026-11-30 05:12:12.24672+00	\N	\N	\N	\N
job_01m8ndwa6xj446xqk2380pq4kt	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.41000000000000003	1	3	wrk_old	2126-11-06 05:12:12.255858+00	2026-11-30 05:12:12.253691+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.253691+00	2026-11-30 05:12:12.255858+00	\N	\N	\N	\N	\N
job_01m8ndwa77rtapk3h4trj83z84	ten_01m8ndw9twcs2c8srh0f10gmxv	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running, paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.41000000000000003	1	3	wrk_old	2126-11-06 05:12:12.269293+00	2026-11-30 05:12:12.26379+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:12:12.26379+00	2026-11-30 05:12:12.269293+00	\N	\N	\N	\N	\N
job_01m8ndwa7krfthkwgn50dg9evv	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running without a worker", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.46125000000000005	1	3	wrk_old	2026-11-30 05:12:12.279778+00	2026-11-30 05:12:12.276386+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.276386+00	2026-11-30 05:12:12.278778+00	\N	\N	\N	\N	\N
job_01m8ndwa7sy9gyew7np4ch9bds	ten_01m8ndw9twcs2c8srh0f10gmxv	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running without a worker, paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.46125000000000005	1	3	wrk_old	2026-11-30 05:12:12.289372+00	2026-11-30 05:12:12.282188+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:12:12.282188+00	2026-11-30 05:12:12.288372+00	\N	\N	\N	\N	\N
job_01m8ndwa83r9b2de34qpzwgepa	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "retried", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.5125000000000001	1	3	\N	\N	2026-11-30 05:12:17.300561+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.29194+00	2026-11-30 05:12:12.297664+00	\N	\N	\N	\N	\N
job_01m8ndwa8gk4kjz893gp8gbq32	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-pro	queued	normal	{"seed": 7, "image": null, "steps": 40, "width": 1024, "height": 768, "prompt": "to be resumed", "guidance": 2.5, "interval": 2, "output_format": "jpeg", "output_quality": 95, "safety_tolerance": 2, "prompt_upsampling": false}	{}	7c4a55f66e241d42	1	0.5	0.125	0	1	3	\N	\N	2026-11-30 05:12:17.324708+00	\N	300	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.305266+00	2026-11-30 05:12:12.312033+00	\N	\N	\N	\N	\N
job_01m8ndwa99yc3a5j1jtadxnw6e	ten_01m8ndw9tr81307ydh5d50vxgd	florence-2-demo	queued	normal	{"task": null, "text": null, "image": "inputs/ten_01m8ndw9tr81307ydh5d50vxgd/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "tasks": ["<OD>"], "region": null, "artifacts": [], "num_beams": 1, "max_new_tokens": 200}	{}	05a873e3227941b4	8	0.055	0.01375	0.01375	1	3	\N	\N	2026-11-30 05:12:12.33839+00	\N	60	0	0	analyses	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.329852+00	2026-11-30 05:12:12.332144+00	\N	\N	\N	\N	\N
job_01m8ndwa9mc1qw6b1sdndtynke	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "handed back", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.5637500000000001	1	4	\N	\N	2026-11-30 05:12:12.353404+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.341064+00	2026-11-30 05:12:12.347069+00	\N	\N	\N	\N	\N
job_01m8ndwaa509vwaakzr94a7y32	ten_01m8ndw9tj98r28c468my390pn	flux.1-demo	queued	low	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, low", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.41	0.5637500000000002	0	3	\N	\N	2026-11-30 05:12:12.357875+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.357875+00	\N	\N	\N	\N	\N	\N
job_01m8ndwaabefebxq1ha7jzs6jk	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, normal", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.6150000000000001	0	3	\N	\N	2026-11-30 05:12:12.363689+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.363689+00	\N	\N	\N	\N	\N	\N
job_01m8ndwaad7yj70n0qsd2wjja2	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	queued	high	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, high", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.025625	0.6662500000000001	0	3	\N	\N	2026-11-30 05:12:12.365986+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.365986+00	\N	\N	\N	\N	\N	\N
job_01m8ndwaahfg1tbvb9p6j138a3	ten_01m8ndw9twcs2c8srh0f10gmxv	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.5637500000000001	0	3	\N	\N	2026-11-30 05:12:12.369523+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2026-11-30 05:12:12.369523+00	\N	\N	\N	\N	\N	\N
job_01m8ndwaawqr631xk86vdfcysz	ten_01m8ndw9tzsx34nkv4b9vzck7y	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, of a suspended tenant", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.5637500000000001	0	3	\N	\N	2026-11-30 05:12:12.381296+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.381296+00	\N	\N	\N	\N	\N	\N
job_01m8ndwab168jehyz7jf2gqa16	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, with a webhook", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.6918750000000001	0	3	\N	\N	2026-11-30 05:12:12.385362+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.385362+00	\N	\N	\N	\N	{"url": "http://127.0.0.1:9/hook", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": ""}	\N
job_01m8ndwab4zx7z5kxsdearz2yt	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, expires late", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.7431250000000001	0	3	\N	\N	2026-11-30 05:12:12.388444+00	2126-11-06 05:12:12.388444+00	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.388444+00	\N	\N	\N	\N	\N	\N
job_01m8ndwab66ym4sesbfyqwqn4z	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, past its expiry", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.7943750000000002	0	3	\N	\N	2026-11-30 05:12:12.390655+00	2026-11-30 05:12:12.391655+00	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.390655+00	\N	\N	\N	\N	\N	\N
job_01m8ndwab89ea5ym60hsqnq0vh	ten_01m8ndw9tr81307ydh5d50vxgd	florence-2-demo	queued	normal	{"task": null, "text": null, "image": "inputs/ten_01m8ndw9tr81307ydh5d50vxgd/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "tasks": ["<OD>"], "region": null, "artifacts": [], "num_beams": 1, "max_new_tokens": 200}	{}	05a873e3227941b4	8	0.055	0.01375	0.027500000000000004	0	3	\N	\N	2026-11-30 05:12:12.393198+00	\N	60	0	0	analyses	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.393198+00	\N	\N	\N	\N	\N	\N
job_01m8ndwabakj6g5eeabekyvvqc	ten_01m8ndw9tr81307ydh5d50vxgd	flux.2-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "images": [], "prompt": "queued, paused", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	a463b464b7bfdb5b	8	0.13	0.0325	0	0	3	\N	\N	2026-11-30 05:12:12.394662+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.394662+00	\N	\N	\N	\N	\N	\N
job_01m8ndwabjzx9wbc3tx9xjv1ph	ten_01m8ndw9tr81307ydh5d50vxgd	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "failed and retried", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.8456250000000002	0	3	\N	\N	2026-11-30 05:12:12.401967+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2026-11-30 05:12:12.401967+00	\N	\N	\N	\N	\N	\N
\.
COPY public.ledger_entries (id, tenant_id, reference, amount_micros, created_at) FROM stdin;
1	ten_01m8ndw9twcs2c8srh0f10gmxv	credit:payment-1	1000000	2026-11-30 05:12:11.880239+00
2	ten_01m8ndw9twcs2c8srh0f10gmxv	credit:correction-1	-100000	2026-11-30 05:12:11.885766+00
3	ten_01m8ndw9twcs2c8srh0f10gmxv	settlement:job_01m8ndw9x2ctech64g6bhf93t7	-1000	2026-11-30 05:12:11.947245+00
\.
COPY public.operator_sessions (token_sha256, key_id, created_at, expires_at) FROM stdin;
\\x027094e465cf6e60c0c0850b1b3ab256c0a61b9f02a2e8d1d975959792e75e48	key_01m8ndw9rq18c9vchvnxex7qjb	2026-11-30 05:12:11.851564+00	2126-11-06 05:12:11.851564+00
\.
COPY public.queues (variant, virtual_time, paused_at) FROM stdin;
flux.1-pro	0	\N
florence-2-demo	0.01375	\N
flux.1-demo	0.5637500000000001	\N
flux.2-demo	0	2026-11-30 05:12:12.399457+00
\.
COPY public.stored_inputs (key, used_at) FROM stdin;
inputs/ten_01m8ndw9tr81307ydh5d50vxgd/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd	2026-11-30 05:12:11.966727+00
\.
COPY public.tenants (id, name, tier, balance_micros, balance_held_micros, in_flight, created_at, suspended_at) FROM stdin;
ten_01m8ndw9tzsx34nkv4b9vzck7y	suspended	standard	0	0	1	2026-11-30 05:12:11.871013+00	2026-11-30 05:12:12.411342+00
ten_01m8ndw9tj98r28c468my390pn	free	free	0	0	1	2026-11-30 05:12:11.858531+00	\N
ten_01m8ndw9twcs2c8srh0f10gmxv	paying	enterprise	899000	3000	3	2026-11-30 05:12:11.867817+00	\N
ten_01m8ndw9tr81307ydh5d50vxgd	standard	standard	0	0	14	2026-11-30 05:12:11.86439+00	\N
\.
COPY public.tiers (name, weight, max_in_flight, max_priority, images_per_month, analyses_per_month, requests_per_minute) FROM stdin;
free	1	20	normal	100	500	3000
standard	4	1000	high	100	500	12000
enterprise	16	100000	high	1	5000	60000
\.
COPY public.usage_events (id, key, tenant_id, job_id, variant, kind, units, amount_micros, covered_by, month, occurred_at) FROM stdin;
1	usage:job_01m8ndw9vv4m42tkgfe6z74hqx	ten_01m8ndw9tr81307ydh5d50vxgd	job_01m8ndw9vv4m42tkgfe6z74hqx	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:12:11.917688+00
2	usage:job_01m8ndw9wqeqk280jep0j3rb69	ten_01m8ndw9twcs2c8srh0f10gmxv	job_01m8ndw9wqeqk280jep0j3rb69	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:12:11.93481+00
3	usage:job_01m8ndw9x2ctech64g6bhf93t7	ten_01m8ndw9twcs2c8srh0f10gmxv	job_01m8ndw9x2ctech64g6bhf93t7	flux.1-demo	images	1	1000	balance	2026-11-01	2026-11-30 05:12:11.947245+00
4	usage:job_01m8ndw9xehrvdevam1nt03qbp	ten_01m8ndw9tj98r28c468my390pn	job_01m8ndw9xehrvdevam1nt03qbp	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:12:11.95975+00
5	usage:job_01m8ndw9y4a6xx9kxd8ch7n5bm	ten_01m8ndw9tr81307ydh5d50vxgd	job_01m8ndw9y4a6xx9kxd8ch7n5bm	florence-2-demo	analyses	1	0	allowance	2026-11-01	2026-11-30 05:12:11.981005+00
6	usage:job_01m8ndw9yj909c22ajjzw563yg	ten_01m8ndw9tr81307ydh5d50vxgd	job_01m8ndw9yj909c22ajjzw563yg	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:12:11.99469+00
7	usage:job_01m8ndw9ze640neqmtt2gqnqsp	ten_01m8ndw9tr81307ydh5d50vxgd	job_01m8ndw9ze640neqmtt2gqnqsp	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:12:12.019555+00
8	usage:job_01m8ndwa09vmjdkxs6fj0qm4bc	ten_01m8ndw9tr81307ydh5d50vxgd	job_01m8ndwa09vmjdkxs6fj0qm4bc	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:12:12.063318+00
9	usage:job_01m8ndwa15jb5pz0zfpfw37n36	ten_01m8ndw9tr81307ydh5d50vxgd	job_01m8ndwa15jb5pz0zfpfw37n36	flux.1-demo	images	1	0	allowance	2026-11-01	2026-11-30 05:12:12.085225+00
\.
COPY public.webhook_endpoints (id, tenant_id, url, host, failing_since, paused_until, disabled_at, disabled_reason) FROM stdin;
whe_01m8ndw9z068ty444ck8rsvnt6	ten_01m8ndw9tr81307ydh5d50vxgd	http://127.0.0.1:9/hook	127.0.0.1:9	2026-11-30 05:12:12.026316+00	2026-11-30 05:12:12.026316+00	\N	\N
whe_01m8ndwa28a8w84jr09ppj4kgs	ten_01m8ndw9tr81307ydh5d50vxgd	http://127.0.0.1:9/gone	127.0.0.1:9	2026-11-30 05:12:12.125434+00	2026-11-30 05:12:12.125434+00	2026-11-30 05:12:12.125434+00	gone
\.
COPY public.webhook_secrets (id, tenant_id, secret, created_at, expires_at) FROM stdin;
1	ten_01m8ndw9tr81307ydh5d50vxgd	whsec_4tB82nBwc38RflDbAziVdUcigdyL1O2M6SgvyRUuMIA=	2026-11-30 05:12:11.986345+00	2026-12-01 05:12:12.03356+00
2	ten_01m8ndw9tr81307ydh5d50vxgd	whsec_b0+SgXbzyRTun1Dq+ZgUicwWk7FAakhMdT1sZKo2SXQ=	2026-11-30 05:12:12.03356+00	\N
\.
COPY public.workers (id, host, pid, device, variants, state, memory_used_bytes, started_at, heartbeat_at, memory_total_bytes, resident, loading, loading_fraction, drained_at, failed_at) FROM stdin;
wrk_old	host	17	cpu	{flux.1-demo,florence-2-demo}	busy	0	2026-11-30 05:12:11.89179+00	2026-11-30 05:12:11.89179+00	0	{flux.1-demo}	\N	\N	\N	\N
wrk_failed	host	17	cpu	{flux.1-demo,florence-2-demo}	failed	0	2026-11-30 05:12:11.896206+00	2026-11-30 05:12:11.896206+00	0	{flux.1-demo}	\N	\N	\N	2026-11-30 05:12:11.896206+00
wrk_drained	host	17	cpu	{flux.1-demo,florence-2-demo}	ready	0	2026-11-30 05:12:11.894098+00	2026-11-30 05:12:11.894098+00	0	{flux.1-demo}	\N	\N	2026-11-30 05:12:11.897943+00	\N
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
