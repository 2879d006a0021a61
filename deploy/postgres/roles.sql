-- The service's two roles, without passwords. Run it in the service's database as a superuser, before
-- the first `bottega migrate`; it may be repeated. Tables of an earlier version, which ran as one
-- role, are handed to the new owner.
--
--   bottega_migrate  owns the tables and changes the schema: for `bottega migrate` alone
--   bottega_app      the API, the workers and the courier: `bottega migrate` grants it what it needs

DO $roles$
DECLARE
    row record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bottega_migrate') THEN
        CREATE ROLE bottega_migrate LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bottega_app') THEN
        CREATE ROLE bottega_app LOGIN;
    END IF;

    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO bottega_migrate, bottega_app', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT USAGE, CREATE ON SCHEMA public TO bottega_migrate;
    GRANT USAGE ON SCHEMA public TO bottega_app;

    FOR row IN
        SELECT oid::regclass AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
            AND relowner <> 'bottega_migrate'::regrole
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO bottega_migrate', row.name);
    END LOOP;
    FOR row IN
        SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proowner <> 'bottega_migrate'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO bottega_migrate', row.name);
    END LOOP;
END
$roles$;
