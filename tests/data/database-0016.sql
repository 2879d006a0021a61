-- facts: {"revision": "0016_failed_by_model", "tenants": {"free": "ten_01m8nf1txhvg0x6j099dh9pkp7", "standard": "ten_01m8nf1txxxpbfztk5bpb9g9p4", "paying": "ten_01m8nf1ty59n8mzj5r90m71dt2", "suspended": "ten_01m8nf1tydmsm8pbxjm730ycwq"}, "keys": {"operator": "bt_01m8nf1tsnwfacc0k8q1mt81mw_IKqcM9X15KmgpJjDmBwrdK4vi0HG", "viewer": "bt_01m8nf1tw6yegcvrqwmr06v84f_8snBzWoSyC24L4XCsYLQcM3XQqBC", "former operator": "bt_01m8nf1twemkx3zmsmtjgn93fe_teNXt4KH6AGeLMPIAHFS1g1R8plz", "free": "bt_01m8nf1txp8pw5jkr1kxmcscdj_hskFc4RYYlMc8o3F01fHua1lSKSS", "standard": "bt_01m8nf1txz9qt2tsrcc5167jsx_I23K2nGRTdgcrBLiCKTo4S09qUu0", "paying": "bt_01m8nf1ty7wez3y9ztxcqp7axk_mvkenPvqRC6BvcWzPQs4ZX4lqlmE", "suspended": "bt_01m8nf1tye4dqv330kgqa5y78a_32HweTMatGE42KwIDB4J2h3rZPxA", "revoked": "bt_01m8nf1tyffyxdm0qaajk34m6h_61ZnrPrW2ZoghupLDPFKdr4y29ks"}, "jobs": {"succeeded": "job_01m8nf1v06jjhqgbn6bs17rfhy", "paid by allowance": "job_01m8nf1v2kyn3cwq753pr7392t", "paid by balance": "job_01m8nf1v3c23n3q4bxrmb9v8kh", "removed": "job_01m8nf1v42gz4kcagxpg0z63y9", "analysed": "job_01m8nf1v565kqd58pxyax7h9ck", "announced": "job_01m8nf1v6433wx5w73s4dm1c3k", "announced in vain": "job_01m8nf1v7r5yp1c7hq3p9drwze", "succeeded at the second attempt": "job_01m8nf1vccdfhvw2nwkq80a7nb", "idempotent": "job_01m8nf1vd0b9p69bjg4etq7mp1", "failed": "job_01m8nf1ve9dxtzzyda0prj4ynp", "failed and retried": "job_01m8nf1vf98bb4kp2hm41qvfsc", "lost": "job_01m8nf1vgahseana8j0zm7xadr", "canceled while running": "job_01m8nf1vjbfrx1vtt7cntje735", "canceled while queued": "job_01m8nf1vjy6rezjxvwztewpjhz", "canceled by an operator": "job_01m8nf1vmc9hx6vbk971dtf76w", "expired": "job_01m8nf1vnh7snnfr71ebk7gbs0", "running": "job_01m8nf1vpadm25emwcp817m6v7", "running, paid by balance": "job_01m8nf1vpk89ven32pr9zmq4nq", "running without a worker": "job_01m8nf1vpz30zrxb1kpcg8sch1", "running without a worker, paid by balance": "job_01m8nf1vq33cfrnf33c5pn9fsm", "retried": "job_01m8nf1vqmfec2vjv9aj5qsrap", "to be resumed": "job_01m8nf1vqx467y1sgg7hr2nhbh", "suspect": "job_01m8nf1vrffxg8y3tagmdzr582", "handed back": "job_01m8nf1vrt0cxdbxgj6ypbfbsq", "queued, low": "job_01m8nf1vs7bckhgthr977ff69z", "queued, normal": "job_01m8nf1vs9n8tvem5phs14dbw2", "queued, high": "job_01m8nf1vsefqh5pzxav7qccwhr", "queued, paid by balance": "job_01m8nf1vsf1p05pr1pyp0xz32a", "queued, of a suspended tenant": "job_01m8nf1vsqddj6dnxkv5fttpsh", "queued, with a webhook": "job_01m8nf1vt0v6bcjeb6b50az4xb", "queued, expires late": "job_01m8nf1vt79qrgtvp0h62g6214", "queued, past its expiry": "job_01m8nf1vtd1sqvgw0dmqrwxh4m", "queued, an analysis": "job_01m8nf1vth4fcnpk0pawm2rtqw", "queued, paused": "job_01m8nf1vtrdhsgk8851cyz19nt", "queued, retry of a failed job": "job_01m8nf1vv3r0m671kv67kgncz2"}, "inputs": ["inputs/ten_01m8nf1txxxpbfztk5bpb9g9p4/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"], "submission": {"model": "flux.1-demo", "input": {"prompt": "a red circle", "seed": 7}, "metadata": {"order": "17"}}, "idempotency_key": "order-17", "session": "ak38sG7b1_vuCsdKeNXMlGWanScl471MPTEEdTGfm6w"}
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
ten_01m8nf1ty59n8mzj5r90m71dt2	2023-11-01	images	1	1	0
ten_01m8nf1txhvg0x6j099dh9pkp7	2023-11-01	images	100	1	1
ten_01m8nf1tydmsm8pbxjm730ycwq	2023-11-01	images	100	0	1
ten_01m8nf1txxxpbfztk5bpb9g9p4	2023-11-01	analyses	500	1	2
ten_01m8nf1txxxpbfztk5bpb9g9p4	2023-11-01	images	100	5	12
\.
COPY public.api_keys (id, tenant_id, name, secret_sha256, created_at, revoked_at, role) FROM stdin;
key_01m8nf1tsnwfacc0k8q1mt81mw	\N	operator	\\x3285327610c3cab68e8b5264b68fc08d789159d52602b14c2e6d4e94d9531469	2023-11-30 05:32:41.73304+00	\N	operator
key_01m8nf1tw6yegcvrqwmr06v84f	\N	viewer	\\x92dc7d0d545c7a516f9f8f932144bcbc6bb933863c0dba61d5f5fd2f83c7bf24	2023-11-30 05:32:41.735456+00	\N	viewer
key_01m8nf1twemkx3zmsmtjgn93fe	\N	former operator	\\xc3eb3eea16ef83028dec36efb243845734c849903ae544687435f28e60eb5511	2023-11-30 05:32:41.742822+00	2023-11-30 05:32:41.750507+00	operator
key_01m8nf1txp8pw5jkr1kxmcscdj	ten_01m8nf1txhvg0x6j099dh9pkp7	free	\\xab5c41eef3f109da980ac4ee8e1715e1c0d3fb1795b0609169edfddb6fa7db3b	2023-11-30 05:32:41.784941+00	\N	\N
key_01m8nf1txz9qt2tsrcc5167jsx	ten_01m8nf1txxxpbfztk5bpb9g9p4	standard	\\x60f1df81664e4f406b8a2567c80b15566e1de74b8d22438c2eef5796e046e51b	2023-11-30 05:32:41.791292+00	\N	\N
key_01m8nf1ty7wez3y9ztxcqp7axk	ten_01m8nf1ty59n8mzj5r90m71dt2	paying	\\xdd82f2810857e125effe67070b26e7d7552f8081a56ec22ab62acfeec053b872	2023-11-30 05:32:41.799843+00	\N	\N
key_01m8nf1tye4dqv330kgqa5y78a	ten_01m8nf1tydmsm8pbxjm730ycwq	suspended	\\x0618e4f22967a683213fe2c315f276f89c99396ee9649fa072b37c104b0e8165	2023-11-30 05:32:41.807044+00	\N	\N
key_01m8nf1tyffyxdm0qaajk34m6h	ten_01m8nf1txxxpbfztk5bpb9g9p4	revoked	\\x0c02f1612ae51866e8a2364ff8b0796ea3fa0a1f882caef62730f8baad67ca6b	2023-11-30 05:32:41.808324+00	2023-11-30 05:32:41.812011+00	\N
\.
COPY public.artifacts (job_id, n, attempt, key, media_type, bytes, sha256, width, height, seed, created_at, expires_at, removed_at, kind, about) FROM stdin;
job_01m8nf1v06jjhqgbn6bs17rfhy	0	1	results/ten_x/2026-11-30/job_01m8nf1v06jjhqgbn6bs17rfhy/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2023-11-30 05:32:41.899226+00	2123-11-06 05:32:41.899226+00	\N	image	{}
job_01m8nf1v06jjhqgbn6bs17rfhy	1	1	results/ten_x/2026-11-30/job_01m8nf1v06jjhqgbn6bs17rfhy/1/1.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2023-11-30 05:32:41.899226+00	2123-11-06 05:32:41.899226+00	\N	image	{}
job_01m8nf1v2kyn3cwq753pr7392t	0	1	results/ten_x/2026-11-30/job_01m8nf1v2kyn3cwq753pr7392t/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2023-11-30 05:32:41.954303+00	2123-11-06 05:32:41.954303+00	\N	image	{}
job_01m8nf1v3c23n3q4bxrmb9v8kh	0	1	results/ten_x/2026-11-30/job_01m8nf1v3c23n3q4bxrmb9v8kh/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2023-11-30 05:32:41.980544+00	2123-11-06 05:32:41.980544+00	\N	image	{}
job_01m8nf1v42gz4kcagxpg0z63y9	0	1	results/ten_x/2026-11-30/job_01m8nf1v42gz4kcagxpg0z63y9/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2023-11-30 05:32:42.001004+00	2123-11-06 05:32:42.001004+00	2023-11-30 05:32:42.011379+00	image	{}
job_01m8nf1v565kqd58pxyax7h9ck	0	1	results/ten_x/2026-11-30/job_01m8nf1v565kqd58pxyax7h9ck/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	\N	2023-11-30 05:32:42.041197+00	2123-11-06 05:32:42.041197+00	\N	mask	{"label": "a"}
job_01m8nf1v565kqd58pxyax7h9ck	1	1	results/ten_x/2026-11-30/job_01m8nf1v565kqd58pxyax7h9ck/1/1.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	\N	2023-11-30 05:32:42.041197+00	2123-11-06 05:32:42.041197+00	\N	overlay	{"label": "a"}
job_01m8nf1v565kqd58pxyax7h9ck	2	1	results/ten_x/2026-11-30/job_01m8nf1v565kqd58pxyax7h9ck/1/2.json	application/json	123	abababababababababababababababababababababababababababababababab	128	64	\N	2023-11-30 05:32:42.041197+00	2123-11-06 05:32:42.041197+00	\N	coco	{"label": "a"}
job_01m8nf1v6433wx5w73s4dm1c3k	0	1	results/ten_x/2026-11-30/job_01m8nf1v6433wx5w73s4dm1c3k/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2023-11-30 05:32:42.068171+00	2123-11-06 05:32:42.068171+00	\N	image	{}
job_01m8nf1v7r5yp1c7hq3p9drwze	0	1	results/ten_x/2026-11-30/job_01m8nf1v7r5yp1c7hq3p9drwze/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2023-11-30 05:32:42.117429+00	2123-11-06 05:32:42.117429+00	\N	image	{}
job_01m8nf1vccdfhvw2nwkq80a7nb	0	2	results/ten_x/2026-11-30/job_01m8nf1vccdfhvw2nwkq80a7nb/2/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2023-11-30 05:32:42.269824+00	2123-11-06 05:32:42.269824+00	\N	image	{}
job_01m8nf1vd0b9p69bjg4etq7mp1	0	1	results/ten_x/2026-11-30/job_01m8nf1vd0b9p69bjg4etq7mp1/1/0.png	image/png	123	abababababababababababababababababababababababababababababababab	128	64	18446744073709551615	2023-11-30 05:32:42.302347+00	2123-11-06 05:32:42.302347+00	\N	image	{}
\.
COPY public.attempt_notes (job_id, note) FROM stdin;
job_01m8nf1vqx467y1sgg7hr2nhbh	task-17
\.
COPY public.attempts (job_id, number, worker_id, started_at, ended_at, outcome) FROM stdin;
job_01m8nf1v06jjhqgbn6bs17rfhy	1	wrk_old	2023-11-30 05:32:41.889346+00	2023-11-30 05:32:41.899226+00	succeeded
job_01m8nf1v2kyn3cwq753pr7392t	1	wrk_old	2023-11-30 05:32:41.949727+00	2023-11-30 05:32:41.954303+00	succeeded
job_01m8nf1v3c23n3q4bxrmb9v8kh	1	wrk_old	2023-11-30 05:32:41.978086+00	2023-11-30 05:32:41.980544+00	succeeded
job_01m8nf1v42gz4kcagxpg0z63y9	1	wrk_old	2023-11-30 05:32:41.995796+00	2023-11-30 05:32:42.001004+00	succeeded
job_01m8nf1v565kqd58pxyax7h9ck	1	wrk_old	2023-11-30 05:32:42.033459+00	2023-11-30 05:32:42.041197+00	succeeded
job_01m8nf1v6433wx5w73s4dm1c3k	1	wrk_old	2023-11-30 05:32:42.062663+00	2023-11-30 05:32:42.068171+00	succeeded
job_01m8nf1v7r5yp1c7hq3p9drwze	1	wrk_old	2023-11-30 05:32:42.111585+00	2023-11-30 05:32:42.117429+00	succeeded
job_01m8nf1vccdfhvw2nwkq80a7nb	1	wrk_old	2023-11-30 05:32:42.255282+00	2023-11-30 05:32:42.257802+00	internal_error
job_01m8nf1vccdfhvw2nwkq80a7nb	2	wrk_old	2023-11-30 05:32:42.266437+00	2023-11-30 05:32:42.269824+00	succeeded
job_01m8nf1vd0b9p69bjg4etq7mp1	1	wrk_old	2023-11-30 05:32:42.287641+00	2023-11-30 05:32:42.302347+00	succeeded
job_01m8nf1ve9dxtzzyda0prj4ynp	1	wrk_old	2023-11-30 05:32:42.320805+00	2023-11-30 05:32:42.332694+00	invalid_input
job_01m8nf1vf98bb4kp2hm41qvfsc	1	wrk_old	2023-11-30 05:32:42.349302+00	2023-11-30 05:32:42.357022+00	invalid_input
job_01m8nf1vgahseana8j0zm7xadr	1	wrk_old	2023-11-30 05:32:42.382109+00	2023-11-30 05:32:42.409976+00	worker_lost
job_01m8nf1vjbfrx1vtt7cntje735	1	wrk_old	2023-11-30 05:32:42.455731+00	2023-11-30 05:32:42.474838+00	canceled
job_01m8nf1vpadm25emwcp817m6v7	1	wrk_old	2023-11-30 05:32:42.577079+00	\N	\N
job_01m8nf1vpk89ven32pr9zmq4nq	1	wrk_old	2023-11-30 05:32:42.590193+00	\N	\N
job_01m8nf1vpz30zrxb1kpcg8sch1	1	wrk_old	2023-11-30 05:32:42.593388+00	\N	\N
job_01m8nf1vq33cfrnf33c5pn9fsm	1	wrk_old	2023-11-30 05:32:42.60614+00	\N	\N
job_01m8nf1vqmfec2vjv9aj5qsrap	1	wrk_old	2023-11-30 05:32:42.613853+00	2023-11-30 05:32:42.615206+00	internal_error
job_01m8nf1vqx467y1sgg7hr2nhbh	1	wrk_old	2023-11-30 05:32:42.625588+00	2023-11-30 05:32:42.632045+00	internal_error
job_01m8nf1vrffxg8y3tagmdzr582	1	wrk_old	2023-11-30 05:32:42.640522+00	2023-11-30 05:32:42.649428+00	worker_lost
job_01m8nf1vrt0cxdbxgj6ypbfbsq	1	wrk_old	2023-11-30 05:32:42.65218+00	2023-11-30 05:32:42.655332+00	handed_back
\.
COPY public.audit_entries (id, at, actor, actor_name, action, target, before, after, request_id) FROM stdin;
1	2023-11-30 05:32:41.735456+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	operator.create	key_01m8nf1tw6yegcvrqwmr06v84f	{}	{"name": "viewer", "role": "viewer"}	req_kept
2	2023-11-30 05:32:41.742822+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	operator.create	key_01m8nf1twemkx3zmsmtjgn93fe	{}	{"name": "former operator", "role": "operator"}	req_kept
3	2023-11-30 05:32:41.750507+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	operator.revoke	key_01m8nf1twemkx3zmsmtjgn93fe	{}	{"name": "former operator"}	req_kept
4	2023-11-30 05:32:41.767598+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	tier.set	enterprise	{"images_per_month": 1000}	{"images_per_month": 1}	req_kept
5	2023-11-30 05:32:41.774126+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	tenant.create	ten_01m8nf1txhvg0x6j099dh9pkp7	{}	{"name": "free", "tier": "free"}	req_kept
6	2023-11-30 05:32:41.784941+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	key.create	key_01m8nf1txp8pw5jkr1kxmcscdj	{}	{"name": "free", "tenant": "ten_01m8nf1txhvg0x6j099dh9pkp7"}	req_kept
7	2023-11-30 05:32:41.786433+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	tenant.create	ten_01m8nf1txxxpbfztk5bpb9g9p4	{}	{"name": "standard", "tier": "free"}	req_kept
8	2023-11-30 05:32:41.791292+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	key.create	key_01m8nf1txz9qt2tsrcc5167jsx	{}	{"name": "standard", "tenant": "ten_01m8nf1txxxpbfztk5bpb9g9p4"}	req_kept
9	2023-11-30 05:32:41.797599+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	tenant.create	ten_01m8nf1ty59n8mzj5r90m71dt2	{}	{"name": "paying", "tier": "enterprise"}	req_kept
10	2023-11-30 05:32:41.799843+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	key.create	key_01m8nf1ty7wez3y9ztxcqp7axk	{}	{"name": "paying", "tenant": "ten_01m8nf1ty59n8mzj5r90m71dt2"}	req_kept
11	2023-11-30 05:32:41.80103+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	tenant.create	ten_01m8nf1tydmsm8pbxjm730ycwq	{}	{"name": "suspended", "tier": "standard"}	req_kept
12	2023-11-30 05:32:41.807044+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	key.create	key_01m8nf1tye4dqv330kgqa5y78a	{}	{"name": "suspended", "tenant": "ten_01m8nf1tydmsm8pbxjm730ycwq"}	req_kept
13	2023-11-30 05:32:41.808324+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	key.create	key_01m8nf1tyffyxdm0qaajk34m6h	{}	{"name": "revoked", "tenant": "ten_01m8nf1txxxpbfztk5bpb9g9p4"}	req_kept
14	2023-11-30 05:32:41.812011+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	key.revoke	key_01m8nf1tyffyxdm0qaajk34m6h	{}	{"tenant": "ten_01m8nf1txxxpbfztk5bpb9g9p4"}	req_kept
15	2023-11-30 05:32:41.814132+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	tenant.tier	ten_01m8nf1txxxpbfztk5bpb9g9p4	{"tier": "free"}	{"tier": "standard"}	req_kept
16	2023-11-30 05:32:41.819766+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	tenant.credit	ten_01m8nf1ty59n8mzj5r90m71dt2	{"balance_micros": 0}	{"reason": "kept", "reference": "payment-1", "balance_micros": 1000000}	req_kept
17	2023-11-30 05:32:41.832304+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	tenant.credit	ten_01m8nf1ty59n8mzj5r90m71dt2	{"balance_micros": 1000000}	{"reason": "kept", "reference": "correction-1", "balance_micros": 900000}	req_kept
18	2023-11-30 05:32:41.857553+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	worker.drain	wrk_drained	{"drained": false}	{"drained": true}	req_kept
20	2023-11-30 05:32:42.715723+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	queue.pause	flux.2-demo	{"paused": false}	{"paused": true}	req_kept
19	2023-11-30 05:32:42.520754+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	job.cancel	job_01m8nf1vmc9hx6vbk971dtf76w	{"state": "queued"}	{"state": "canceled"}	req_kept
21	2023-11-30 05:32:42.723129+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	job.retry	job_01m8nf1vf98bb4kp2hm41qvfsc	{}	{"retried_as": "job_01m8nf1vv3r0m671kv67kgncz2"}	req_kept
22	2023-11-30 05:32:42.734695+00	key_01m8nf1tsnwfacc0k8q1mt81mw	operator	tenant.suspend	ten_01m8nf1tydmsm8pbxjm730ycwq	{"suspended": false}	{"suspended": true}	req_kept
\.
COPY public.deliveries (id, job_id, tenant_id, endpoint_id, event, url, body, state, attempts, tries, next_at, leased_until, created_at) FROM stdin;
msg_01m8nf1v6tgpqd1jhsyxcnpnsp	job_01m8nf1v6433wx5w73s4dm1c3k	ten_01m8nf1txxxpbfztk5bpb9g9p4	whe_01m8nf1v6y06m8627yapv09c9p	job.succeeded	http://127.0.0.1:9/hook?n=1	{"type":"job.succeeded","timestamp":"2026-11-30T05:32:42.068171Z","data":{"id":"job_01m8nf1v6433wx5w73s4dm1c3k","model":"flux.1-demo","state":"succeeded","attempt":1,"priority":"normal","created_at":"2026-11-30T05:32:42.052539Z","started_at":"2026-11-30T05:32:42.062663Z","finished_at":"2026-11-30T05:32:42.068171Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":{"images":[{"width":128,"height":64,"media_type":"image/png","bytes":123,"sha256":"abababababababababababababababababababababababababababababababab","seed":18446744073709551615}]},"error":null,"metadata":{},"urls":{"self":"https://bottega.test/v1/jobs/job_01m8nf1v6433wx5w73s4dm1c3k"}}}	delivered	1	1	2023-11-30 05:32:42.068171+00	\N	2023-11-30 05:32:42.068171+00
msg_01m8nf1v87jmy5jc34p6jhgvqw	job_01m8nf1v7r5yp1c7hq3p9drwze	ten_01m8nf1txxxpbfztk5bpb9g9p4	whe_01m8nf1v6y06m8627yapv09c9p	job.succeeded	http://127.0.0.1:9/hook?n=1	{"type":"job.succeeded","timestamp":"2026-11-30T05:32:42.117429Z","data":{"id":"job_01m8nf1v7r5yp1c7hq3p9drwze","model":"flux.1-demo","state":"succeeded","attempt":1,"priority":"normal","created_at":"2026-11-30T05:32:42.104628Z","started_at":"2026-11-30T05:32:42.111585Z","finished_at":"2026-11-30T05:32:42.117429Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":{"images":[{"width":128,"height":64,"media_type":"image/png","bytes":123,"sha256":"abababababababababababababababababababababababababababababababab","seed":18446744073709551615}]},"error":null,"metadata":{},"urls":{"self":"https://bottega.test/v1/jobs/job_01m8nf1v7r5yp1c7hq3p9drwze"}}}	pending	1	1	2023-11-30 05:32:47.452777+00	\N	2023-11-30 05:32:42.117429+00
msg_01m8nf1vf1gbrt3k1s1bw6cben	job_01m8nf1ve9dxtzzyda0prj4ynp	ten_01m8nf1txxxpbfztk5bpb9g9p4	whe_01m8nf1vf2f8vcqjv4dc8cqvah	job.failed	http://127.0.0.1:9/gone	{"type":"job.failed","timestamp":"2026-11-30T05:32:42.332694Z","data":{"id":"job_01m8nf1ve9dxtzzyda0prj4ynp","model":"flux.1-demo","state":"failed","attempt":1,"priority":"normal","created_at":"2026-11-30T05:32:42.313953Z","started_at":"2026-11-30T05:32:42.320805Z","finished_at":"2026-11-30T05:32:42.332694Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":null,"error":{"code":"invalid_input","message":"the picture is broken","retryable":false},"metadata":{},"urls":null}}	disabled	1	1	2023-11-30 05:32:42.332694+00	\N	2023-11-30 05:32:42.332694+00
msg_01m8nf1vm28mnnc6s1g1q8bkgm	job_01m8nf1vjy6rezjxvwztewpjhz	ten_01m8nf1txxxpbfztk5bpb9g9p4	whe_01m8nf1v6y06m8627yapv09c9p	job.canceled	http://127.0.0.1:9/hook	{"type":"job.canceled","timestamp":"2026-11-30T05:32:42.491142Z","data":{"id":"job_01m8nf1vjy6rezjxvwztewpjhz","model":"flux.1-demo","state":"canceled","attempt":0,"priority":"normal","created_at":"2026-11-30T05:32:42.462962Z","started_at":null,"finished_at":"2026-11-30T05:32:42.491142Z","price":{"amount_micros":1000,"currency":"USD","covered_by":"allowance"},"output":null,"error":null,"metadata":{},"urls":null}}	pending	0	0	2023-11-30 05:32:42.491142+00	\N	2023-11-30 05:32:42.491142+00
\.
COPY public.delivery_attempts (delivery_id, number, started_at, ended_at, status, error, seconds) FROM stdin;
msg_01m8nf1v6tgpqd1jhsyxcnpnsp	1	2023-11-30 05:32:42.085347+00	2023-11-30 05:32:42.094444+00	200	\N	0.1
msg_01m8nf1v87jmy5jc34p6jhgvqw	1	2023-11-30 05:32:42.125108+00	2023-11-30 05:32:42.128726+00	500	\N	0.1
msg_01m8nf1vf1gbrt3k1s1bw6cben	1	2023-11-30 05:32:42.35952+00	2023-11-30 05:32:42.369033+00	410	\N	0.1
\.
COPY public.fair_tags (variant, tenant_id, finish) FROM stdin;
flux.1-pro	ten_01m8nf1txxxpbfztk5bpb9g9p4	0.125
flux.1-demo	ten_01m8nf1txhvg0x6j099dh9pkp7	0.9737500000000001
flux.1-demo	ten_01m8nf1ty59n8mzj5r90m71dt2	0.5765625000000001
flux.1-demo	ten_01m8nf1tydmsm8pbxjm730ycwq	0.6150000000000001
florence-2-demo	ten_01m8nf1txxxpbfztk5bpb9g9p4	0.04125
flux.2-demo	ten_01m8nf1txxxpbfztk5bpb9g9p4	0.0325
flux.1-demo	ten_01m8nf1txxxpbfztk5bpb9g9p4	0.8968750000000002
\.
COPY public.files (id, tenant_id, key, media_type, width, height, bytes, sha256, created_at) FROM stdin;
file_01m8nf1v4xcajd04sannfb98qd	ten_01m8nf1txxxpbfztk5bpb9g9p4	inputs/ten_01m8nf1txxxpbfztk5bpb9g9p4/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd	image/png	40	30	200	cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd	2023-11-30 05:32:42.021007+00
\.
COPY public.holds (job_id, tenant_id, source, month, kind, units, amount_micros, state, closed_at) FROM stdin;
job_01m8nf1v06jjhqgbn6bs17rfhy	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	settled	2023-11-30 05:32:41.899226+00
job_01m8nf1v2kyn3cwq753pr7392t	ten_01m8nf1ty59n8mzj5r90m71dt2	allowance	2023-11-01	images	1	1000	settled	2023-11-30 05:32:41.954303+00
job_01m8nf1v3c23n3q4bxrmb9v8kh	ten_01m8nf1ty59n8mzj5r90m71dt2	balance	2023-11-01	images	1	1000	settled	2023-11-30 05:32:41.980544+00
job_01m8nf1v42gz4kcagxpg0z63y9	ten_01m8nf1txhvg0x6j099dh9pkp7	allowance	2023-11-01	images	1	1000	settled	2023-11-30 05:32:42.001004+00
job_01m8nf1v565kqd58pxyax7h9ck	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	analyses	1	1000	settled	2023-11-30 05:32:42.041197+00
job_01m8nf1v6433wx5w73s4dm1c3k	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	settled	2023-11-30 05:32:42.068171+00
job_01m8nf1v7r5yp1c7hq3p9drwze	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	settled	2023-11-30 05:32:42.117429+00
job_01m8nf1vccdfhvw2nwkq80a7nb	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	settled	2023-11-30 05:32:42.269824+00
job_01m8nf1vd0b9p69bjg4etq7mp1	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	settled	2023-11-30 05:32:42.302347+00
job_01m8nf1ve9dxtzzyda0prj4ynp	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	released	2023-11-30 05:32:42.332694+00
job_01m8nf1vf98bb4kp2hm41qvfsc	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	released	2023-11-30 05:32:42.357022+00
job_01m8nf1vgahseana8j0zm7xadr	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	released	2023-11-30 05:32:42.409976+00
job_01m8nf1vjbfrx1vtt7cntje735	ten_01m8nf1ty59n8mzj5r90m71dt2	balance	2023-11-01	images	1	1000	released	2023-11-30 05:32:42.474838+00
job_01m8nf1vjy6rezjxvwztewpjhz	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	released	2023-11-30 05:32:42.491142+00
job_01m8nf1vmc9hx6vbk971dtf76w	ten_01m8nf1txhvg0x6j099dh9pkp7	allowance	2023-11-01	images	1	1000	released	2023-11-30 05:32:42.520754+00
job_01m8nf1vnh7snnfr71ebk7gbs0	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	released	2023-11-30 05:32:42.561584+00
job_01m8nf1vpadm25emwcp817m6v7	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vpk89ven32pr9zmq4nq	ten_01m8nf1ty59n8mzj5r90m71dt2	balance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vpz30zrxb1kpcg8sch1	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vq33cfrnf33c5pn9fsm	ten_01m8nf1ty59n8mzj5r90m71dt2	balance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vqmfec2vjv9aj5qsrap	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vqx467y1sgg7hr2nhbh	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vrffxg8y3tagmdzr582	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	analyses	1	1000	open	\N
job_01m8nf1vrt0cxdbxgj6ypbfbsq	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vs7bckhgthr977ff69z	ten_01m8nf1txhvg0x6j099dh9pkp7	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vs9n8tvem5phs14dbw2	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vsefqh5pzxav7qccwhr	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vsf1p05pr1pyp0xz32a	ten_01m8nf1ty59n8mzj5r90m71dt2	balance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vsqddj6dnxkv5fttpsh	ten_01m8nf1tydmsm8pbxjm730ycwq	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vt0v6bcjeb6b50az4xb	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vt79qrgtvp0h62g6214	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vtd1sqvgw0dmqrwxh4m	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vth4fcnpk0pawm2rtqw	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	analyses	1	1000	open	\N
job_01m8nf1vtrdhsgk8851cyz19nt	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
job_01m8nf1vv3r0m671kv67kgncz2	ten_01m8nf1txxxpbfztk5bpb9g9p4	allowance	2023-11-01	images	1	1000	open	\N
\.
COPY public.idempotency_keys (tenant_id, key, fingerprint, job_id, expires_at) FROM stdin;
ten_01m8nf1txxxpbfztk5bpb9g9p4	order-17	\\x707344f1fec8de6f9825506957e7cd74744ca1f3e38881d6b8df72df2f41f383	job_01m8nf1vd0b9p69bjg4etq7mp1	2123-11-30 05:32:42.286353+00
\.
COPY public.job_retries (job_id, retried_as) FROM stdin;
job_01m8nf1vf98bb4kp2hm41qvfsc	job_01m8nf1vv3r0m671kv67kgncz2
\.
COPY public.job_traces (job_id, traceparent) FROM stdin;
job_01m8nf1v06jjhqgbn6bs17rfhy	00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
\.
COPY public.jobs (id, tenant_id, variant, state, priority, input, metadata, batch_key, batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts, worker_id, leased_until, available_at, expires_at, deadline_seconds, progress_step, progress_steps, unit_kind, units, price_micros, covered_by, output, error_code, error_message, error_retryable, created_at, started_at, finished_at, run_seconds, store_seconds, webhook, request_id) FROM stdin;
job_01m8nf1v06jjhqgbn6bs17rfhy	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "succeeded", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0	1	3	wrk_old	\N	2023-11-30 05:32:41.864041+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:41.864041+00	2023-11-30 05:32:41.889346+00	2023-11-30 05:32:41.899226+00	1.5	0.25	\N	req_kept
job_01m8nf1vf98bb4kp2hm41qvfsc	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	failed	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "failed and retried", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.3075	1	3	wrk_old	\N	2023-11-30 05:32:42.345848+00	\N	120	0	0	images	1	1000	allowance	\N	invalid_input	the picture is broken	f	2023-11-30 05:32:42.345848+00	2023-11-30 05:32:42.349302+00	2023-11-30 05:32:42.357022+00	\N	\N	\N	\N
job_01m8nf1vgahseana8j0zm7xadr	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	failed	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "lost", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.35875	1	1	wrk_old	\N	2023-11-30 05:32:42.379209+00	\N	120	0	0	images	1	1000	allowance	\N	worker_lost	its worker died or lost contact at every attempt	t	2023-11-30 05:32:42.379209+00	2023-11-30 05:32:42.382109+00	2023-11-30 05:32:42.409976+00	\N	\N	\N	\N
job_01m8nf1vjbfrx1vtt7cntje735	ten_01m8nf1ty59n8mzj5r90m71dt2	flux.1-demo	canceled	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "canceled while running", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.35875	1	3	wrk_old	\N	2023-11-30 05:32:42.443973+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2023-11-30 05:32:42.443973+00	2023-11-30 05:32:42.455731+00	2023-11-30 05:32:42.474838+00	\N	\N	\N	\N
job_01m8nf1vjy6rezjxvwztewpjhz	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	canceled	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "canceled while queued", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.41000000000000003	0	3	\N	\N	2023-11-30 05:32:42.462962+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.462962+00	\N	2023-11-30 05:32:42.491142+00	\N	\N	{"url": "http://127.0.0.1:9/hook", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": ""}	\N
job_01m8nf1vpz30zrxb1kpcg8sch1	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running without a worker", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.46125000000000005	1	3	wrk_old	2023-11-30 05:32:42.594388+00	2023-11-30 05:32:42.592135+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.592135+00	2023-11-30 05:32:42.593388+00	\N	\N	\N	\N	\N
job_01m8nf1vq33cfrnf33c5pn9fsm	ten_01m8nf1ty59n8mzj5r90m71dt2	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running without a worker, paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.46125000000000005	1	3	wrk_old	2023-11-30 05:32:42.60714+00	2023-11-30 05:32:42.596135+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2023-11-30 05:32:42.596135+00	2023-11-30 05:32:42.60614+00	\N	\N	\N	\N	\N
job_01m8nf1vqmfec2vjv9aj5qsrap	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "retried", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.5125000000000001	1	3	\N	\N	2023-11-30 05:32:43.615206+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.612485+00	2023-11-30 05:32:42.613853+00	\N	\N	\N	\N	\N
job_01m8nf1vqx467y1sgg7hr2nhbh	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-pro	queued	normal	{"seed": 7, "image": null, "steps": 40, "width": 1024, "height": 768, "prompt": "to be resumed", "guidance": 2.5, "interval": 2, "output_format": "jpeg", "output_quality": 95, "safety_tolerance": 2, "prompt_upsampling": false}	{}	7c4a55f66e241d42	1	0.5	0.125	0	1	3	\N	\N	2023-11-30 05:32:43.632045+00	\N	300	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.621851+00	2023-11-30 05:32:42.625588+00	\N	\N	\N	\N	\N
job_01m8nf1vrffxg8y3tagmdzr582	ten_01m8nf1txxxpbfztk5bpb9g9p4	florence-2-demo	queued	normal	{"task": null, "text": null, "image": "inputs/ten_01m8nf1txxxpbfztk5bpb9g9p4/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "tasks": ["<OD>"], "region": null, "artifacts": [], "num_beams": 1, "max_new_tokens": 200}	{}	05a873e3227941b4	8	0.055	0.01375	0.01375	1	3	\N	\N	2023-11-30 05:32:42.649428+00	\N	60	0	0	analyses	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.639384+00	2023-11-30 05:32:42.640522+00	\N	\N	\N	\N	\N
job_01m8nf1v2kyn3cwq753pr7392t	ten_01m8nf1ty59n8mzj5r90m71dt2	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "paid by allowance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0	1	3	wrk_old	\N	2023-11-30 05:32:41.939379+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:41.939379+00	2023-11-30 05:32:41.949727+00	2023-11-30 05:32:41.954303+00	1.5	0.25	\N	\N
job_01m8nf1v3c23n3q4bxrmb9v8kh	ten_01m8nf1ty59n8mzj5r90m71dt2	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.0128125	1	3	wrk_old	\N	2023-11-30 05:32:41.964522+00	\N	120	4	4	images	1	1000	balance	\N	\N	\N	\N	2023-11-30 05:32:41.964522+00	2023-11-30 05:32:41.978086+00	2023-11-30 05:32:41.980544+00	1.5	0.25	\N	\N
job_01m8nf1v42gz4kcagxpg0z63y9	ten_01m8nf1txhvg0x6j099dh9pkp7	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "removed", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.205	0.012812500000000004	1	3	wrk_old	\N	2023-11-30 05:32:41.986703+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:41.986703+00	2023-11-30 05:32:41.995796+00	2023-11-30 05:32:42.001004+00	1.5	0.25	\N	\N
job_01m8nf1v565kqd58pxyax7h9ck	ten_01m8nf1txxxpbfztk5bpb9g9p4	florence-2-demo	succeeded	normal	{"task": null, "text": null, "image": "inputs/ten_01m8nf1txxxpbfztk5bpb9g9p4/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "tasks": ["<OD>"], "region": null, "artifacts": [], "num_beams": 1, "max_new_tokens": 200}	{}	05a873e3227941b4	8	0.055	0.01375	0	1	3	wrk_old	\N	2023-11-30 05:32:42.022672+00	\N	60	4	4	analyses	1	1000	allowance	{"objects": [{"box": [1, 2, 3, 4], "label": "circle"}]}	\N	\N	\N	2023-11-30 05:32:42.022672+00	2023-11-30 05:32:42.033459+00	2023-11-30 05:32:42.041197+00	1.5	0.25	\N	\N
job_01m8nf1v6433wx5w73s4dm1c3k	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "announced", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.05125	1	3	wrk_old	\N	2023-11-30 05:32:42.052539+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.052539+00	2023-11-30 05:32:42.062663+00	2023-11-30 05:32:42.068171+00	1.5	0.25	{"url": "http://127.0.0.1:9/hook?n=1", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": "https://bottega.test"}	\N
job_01m8nf1v7r5yp1c7hq3p9drwze	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "announced in vain", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.10250000000000001	1	3	wrk_old	\N	2023-11-30 05:32:42.104628+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.104628+00	2023-11-30 05:32:42.111585+00	2023-11-30 05:32:42.117429+00	1.5	0.25	{"url": "http://127.0.0.1:9/hook?n=1", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": "https://bottega.test"}	\N
job_01m8nf1vccdfhvw2nwkq80a7nb	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "succeeded at the second attempt", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.15375	2	3	wrk_old	\N	2023-11-30 05:32:42.257802+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.252703+00	2023-11-30 05:32:42.266437+00	2023-11-30 05:32:42.269824+00	1.5	0.25	\N	\N
job_01m8nf1vd0b9p69bjg4etq7mp1	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	succeeded	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "a red circle", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{"order": "17"}	732efe737e571ee2	8	0.205	0.05125	0.205	1	3	wrk_old	\N	2023-11-30 05:32:42.27319+00	\N	120	4	4	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.27319+00	2023-11-30 05:32:42.287641+00	2023-11-30 05:32:42.302347+00	1.5	0.25	\N	\N
job_01m8nf1ve9dxtzzyda0prj4ynp	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	failed	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "failed", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.25625	1	3	wrk_old	\N	2023-11-30 05:32:42.313953+00	\N	120	0	0	images	1	1000	allowance	\N	invalid_input	the picture is broken	f	2023-11-30 05:32:42.313953+00	2023-11-30 05:32:42.320805+00	2023-11-30 05:32:42.332694+00	\N	\N	{"url": "http://127.0.0.1:9/gone", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": ""}	\N
job_01m8nf1vmc9hx6vbk971dtf76w	ten_01m8nf1txhvg0x6j099dh9pkp7	flux.1-demo	canceled	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "canceled by an operator", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.205	0.35875	0	3	\N	\N	2023-11-30 05:32:42.509278+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.509278+00	\N	2023-11-30 05:32:42.520754+00	\N	\N	\N	\N
job_01m8nf1vnh7snnfr71ebk7gbs0	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	expired	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "expired", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.41000000000000003	0	3	\N	\N	2023-11-30 05:32:42.545571+00	2023-11-30 05:32:42.546571+00	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.545571+00	\N	2023-11-30 05:32:42.561584+00	\N	\N	\N	\N
job_01m8nf1vpadm25emwcp817m6v7	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.41000000000000003	1	3	wrk_old	2123-11-06 05:32:42.577079+00	2023-11-30 05:32:42.571009+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.571009+00	2023-11-30 05:32:42.577079+00	\N	\N	\N	\N	\N
job_01m8nf1vpk89ven32pr9zmq4nq	ten_01m8nf1ty59n8mzj5r90m71dt2	flux.1-demo	running	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "running, paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.41000000000000003	1	3	wrk_old	2123-11-06 05:32:42.590193+00	2023-11-30 05:32:42.579266+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2023-11-30 05:32:42.579266+00	2023-11-30 05:32:42.590193+00	\N	\N	\N	\N	\N
job_01m8nf1vrt0cxdbxgj6ypbfbsq	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "handed back", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.5637500000000001	1	4	\N	\N	2023-11-30 05:32:42.655332+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.650879+00	2023-11-30 05:32:42.65218+00	\N	\N	\N	\N	\N
job_01m8nf1vs7bckhgthr977ff69z	ten_01m8nf1txhvg0x6j099dh9pkp7	flux.1-demo	queued	low	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, low", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.41	0.5637500000000002	0	3	\N	\N	2023-11-30 05:32:42.663617+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.663617+00	\N	\N	\N	\N	\N	\N
job_01m8nf1vs9n8tvem5phs14dbw2	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, normal", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.6150000000000001	0	3	\N	\N	2023-11-30 05:32:42.665765+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.665765+00	\N	\N	\N	\N	\N	\N
job_01m8nf1vsefqh5pzxav7qccwhr	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	queued	high	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, high", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.025625	0.6662500000000001	0	3	\N	\N	2023-11-30 05:32:42.670261+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.670261+00	\N	\N	\N	\N	\N	\N
job_01m8nf1vsf1p05pr1pyp0xz32a	ten_01m8nf1ty59n8mzj5r90m71dt2	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, paid by balance", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.0128125	0.5637500000000001	0	3	\N	\N	2023-11-30 05:32:42.671552+00	\N	120	0	0	images	1	1000	balance	\N	\N	\N	\N	2023-11-30 05:32:42.671552+00	\N	\N	\N	\N	\N	\N
job_01m8nf1vsqddj6dnxkv5fttpsh	ten_01m8nf1tydmsm8pbxjm730ycwq	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, of a suspended tenant", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.5637500000000001	0	3	\N	\N	2023-11-30 05:32:42.684875+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.684875+00	\N	\N	\N	\N	\N	\N
job_01m8nf1vt0v6bcjeb6b50az4xb	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, with a webhook", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.6918750000000001	0	3	\N	\N	2023-11-30 05:32:42.6883+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.6883+00	\N	\N	\N	\N	{"url": "http://127.0.0.1:9/hook", "events": ["job.succeeded", "job.failed", "job.canceled", "job.expired"], "base_url": ""}	\N
job_01m8nf1vt79qrgtvp0h62g6214	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, expires late", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.7431250000000001	0	3	\N	\N	2023-11-30 05:32:42.696091+00	2123-11-06 05:32:42.696091+00	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.696091+00	\N	\N	\N	\N	\N	\N
job_01m8nf1vtd1sqvgw0dmqrwxh4m	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "queued, past its expiry", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.7943750000000002	0	3	\N	\N	2023-11-30 05:32:42.701656+00	2023-11-30 05:32:42.702656+00	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.701656+00	\N	\N	\N	\N	\N	\N
job_01m8nf1vth4fcnpk0pawm2rtqw	ten_01m8nf1txxxpbfztk5bpb9g9p4	florence-2-demo	queued	normal	{"task": null, "text": null, "image": "inputs/ten_01m8nf1txxxpbfztk5bpb9g9p4/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "tasks": ["<OD>"], "region": null, "artifacts": [], "num_beams": 1, "max_new_tokens": 200}	{}	05a873e3227941b4	8	0.055	0.01375	0.027500000000000004	0	3	\N	\N	2023-11-30 05:32:42.705507+00	\N	60	0	0	analyses	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.705507+00	\N	\N	\N	\N	\N	\N
job_01m8nf1vtrdhsgk8851cyz19nt	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.2-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "images": [], "prompt": "queued, paused", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	a463b464b7bfdb5b	8	0.13	0.0325	0	0	3	\N	\N	2023-11-30 05:32:42.713279+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.713279+00	\N	\N	\N	\N	\N	\N
job_01m8nf1vv3r0m671kv67kgncz2	ten_01m8nf1txxxpbfztk5bpb9g9p4	flux.1-demo	queued	normal	{"mask": null, "seed": 7, "image": null, "loras": [], "steps": 4, "width": 256, "height": 256, "prompt": "failed and retried", "guidance": 0.0, "previews": false, "strength": null, "num_images": 1, "aspect_ratio": null, "output_format": "png", "embed_metadata": true, "output_quality": 95}	{}	732efe737e571ee2	8	0.205	0.05125	0.8456250000000002	0	3	\N	\N	2023-11-30 05:32:42.723129+00	\N	120	0	0	images	1	1000	allowance	\N	\N	\N	\N	2023-11-30 05:32:42.723129+00	\N	\N	\N	\N	\N	\N
\.
COPY public.ledger_entries (id, tenant_id, reference, amount_micros, created_at) FROM stdin;
1	ten_01m8nf1ty59n8mzj5r90m71dt2	credit:payment-1	1000000	2023-11-30 05:32:41.819766+00
2	ten_01m8nf1ty59n8mzj5r90m71dt2	credit:correction-1	-100000	2023-11-30 05:32:41.832304+00
3	ten_01m8nf1ty59n8mzj5r90m71dt2	settlement:job_01m8nf1v3c23n3q4bxrmb9v8kh	-1000	2023-11-30 05:32:41.980544+00
\.
COPY public.operator_sessions (token_sha256, key_id, created_at, expires_at) FROM stdin;
\\x66fa05e1ff68a69cf658f9615f0815bee62fd4667d56eaa5647504f81c24b4e8	key_01m8nf1tsnwfacc0k8q1mt81mw	2023-11-30 05:32:41.762468+00	2123-11-06 05:32:41.762468+00
\.
COPY public.queues (variant, virtual_time, paused_at) FROM stdin;
flux.1-pro	0	\N
florence-2-demo	0.01375	\N
flux.1-demo	0.5637500000000001	\N
flux.2-demo	0	2023-11-30 05:32:42.715723+00
\.
COPY public.stored_inputs (key, used_at) FROM stdin;
inputs/ten_01m8nf1txxxpbfztk5bpb9g9p4/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd	2023-11-30 05:32:42.013195+00
\.
COPY public.tenants (id, name, tier, balance_micros, balance_held_micros, in_flight, created_at, suspended_at) FROM stdin;
ten_01m8nf1tydmsm8pbxjm730ycwq	suspended	standard	0	0	1	2023-11-30 05:32:41.80103+00	2023-11-30 05:32:42.734695+00
ten_01m8nf1txhvg0x6j099dh9pkp7	free	free	0	0	1	2023-11-30 05:32:41.774126+00	\N
ten_01m8nf1ty59n8mzj5r90m71dt2	paying	enterprise	899000	3000	3	2023-11-30 05:32:41.797599+00	\N
ten_01m8nf1txxxpbfztk5bpb9g9p4	standard	standard	0	0	14	2023-11-30 05:32:41.786433+00	\N
\.
COPY public.tiers (name, weight, max_in_flight, max_priority, images_per_month, analyses_per_month, requests_per_minute) FROM stdin;
free	1	20	normal	100	500	3000
standard	4	1000	high	100	500	12000
enterprise	16	100000	high	1	5000	60000
\.
COPY public.usage_events (id, key, tenant_id, job_id, variant, kind, units, amount_micros, covered_by, month, occurred_at) FROM stdin;
1	usage:job_01m8nf1v06jjhqgbn6bs17rfhy	ten_01m8nf1txxxpbfztk5bpb9g9p4	job_01m8nf1v06jjhqgbn6bs17rfhy	flux.1-demo	images	1	0	allowance	2023-11-01	2023-11-30 05:32:41.899226+00
2	usage:job_01m8nf1v2kyn3cwq753pr7392t	ten_01m8nf1ty59n8mzj5r90m71dt2	job_01m8nf1v2kyn3cwq753pr7392t	flux.1-demo	images	1	0	allowance	2023-11-01	2023-11-30 05:32:41.954303+00
3	usage:job_01m8nf1v3c23n3q4bxrmb9v8kh	ten_01m8nf1ty59n8mzj5r90m71dt2	job_01m8nf1v3c23n3q4bxrmb9v8kh	flux.1-demo	images	1	1000	balance	2023-11-01	2023-11-30 05:32:41.980544+00
4	usage:job_01m8nf1v42gz4kcagxpg0z63y9	ten_01m8nf1txhvg0x6j099dh9pkp7	job_01m8nf1v42gz4kcagxpg0z63y9	flux.1-demo	images	1	0	allowance	2023-11-01	2023-11-30 05:32:42.001004+00
5	usage:job_01m8nf1v565kqd58pxyax7h9ck	ten_01m8nf1txxxpbfztk5bpb9g9p4	job_01m8nf1v565kqd58pxyax7h9ck	florence-2-demo	analyses	1	0	allowance	2023-11-01	2023-11-30 05:32:42.041197+00
6	usage:job_01m8nf1v6433wx5w73s4dm1c3k	ten_01m8nf1txxxpbfztk5bpb9g9p4	job_01m8nf1v6433wx5w73s4dm1c3k	flux.1-demo	images	1	0	allowance	2023-11-01	2023-11-30 05:32:42.068171+00
7	usage:job_01m8nf1v7r5yp1c7hq3p9drwze	ten_01m8nf1txxxpbfztk5bpb9g9p4	job_01m8nf1v7r5yp1c7hq3p9drwze	flux.1-demo	images	1	0	allowance	2023-11-01	2023-11-30 05:32:42.117429+00
8	usage:job_01m8nf1vccdfhvw2nwkq80a7nb	ten_01m8nf1txxxpbfztk5bpb9g9p4	job_01m8nf1vccdfhvw2nwkq80a7nb	flux.1-demo	images	1	0	allowance	2023-11-01	2023-11-30 05:32:42.269824+00
9	usage:job_01m8nf1vd0b9p69bjg4etq7mp1	ten_01m8nf1txxxpbfztk5bpb9g9p4	job_01m8nf1vd0b9p69bjg4etq7mp1	flux.1-demo	images	1	0	allowance	2023-11-01	2023-11-30 05:32:42.302347+00
\.
COPY public.webhook_endpoints (id, tenant_id, url, host, failing_since, paused_until, disabled_at, disabled_reason) FROM stdin;
whe_01m8nf1v6y06m8627yapv09c9p	ten_01m8nf1txxxpbfztk5bpb9g9p4	http://127.0.0.1:9/hook	127.0.0.1:9	2023-11-30 05:32:42.128726+00	2023-11-30 05:32:42.128726+00	\N	\N
whe_01m8nf1vf2f8vcqjv4dc8cqvah	ten_01m8nf1txxxpbfztk5bpb9g9p4	http://127.0.0.1:9/gone	127.0.0.1:9	2023-11-30 05:32:42.369033+00	2023-11-30 05:32:42.369033+00	2023-11-30 05:32:42.369033+00	gone
\.
COPY public.webhook_secrets (id, tenant_id, secret, created_at, expires_at) FROM stdin;
1	ten_01m8nf1txxxpbfztk5bpb9g9p4	whsec_wt8H9Io82MkEt2sRVUgxS+DgluiOJUjiitvZv+jpl9U=	2023-11-30 05:32:42.052539+00	2023-12-01 05:32:42.141465+00
2	ten_01m8nf1txxxpbfztk5bpb9g9p4	whsec_iDbWJsW6XOUKReydDRMB0qtflfVJIhU32Qo+YY7rfA4=	2023-11-30 05:32:42.141465+00	\N
\.
COPY public.workers (id, host, pid, device, variants, state, memory_used_bytes, started_at, heartbeat_at, memory_total_bytes, resident, loading, loading_fraction, drained_at, failed_at) FROM stdin;
wrk_old	host	17	cpu	{flux.1-demo,florence-2-demo}	busy	0	2023-11-30 05:32:41.849441+00	2023-11-30 05:32:41.849441+00	0	{flux.1-demo}	\N	\N	\N	\N
wrk_failed	host	17	cpu	{flux.1-demo,florence-2-demo}	failed	0	2023-11-30 05:32:41.855626+00	2023-11-30 05:32:41.855626+00	0	{flux.1-demo}	\N	\N	\N	2023-11-30 05:32:41.855626+00
wrk_drained	host	17	cpu	{flux.1-demo,florence-2-demo}	ready	0	2023-11-30 05:32:41.851544+00	2023-11-30 05:32:41.851544+00	0	{flux.1-demo}	\N	\N	2023-11-30 05:32:41.857553+00	\N
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
