"""The privileges of the service's role in PostgreSQL, table by table.

`deploy/postgres/roles.sql` creates the roles. Each migration ends with these grants, so that they
change together with the tables. A test compares them with the tables.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, text

OWNER_ROLE = "bottega_migrate"
"""The owner of the tables, for migrations alone."""

APP_ROLE = "bottega_app"
"""The role of the API, the workers and the courier. It may not change the schema."""

_READ = frozenset({"SELECT"})
_APPEND = _READ | {"INSERT"}
_CHANGE = _APPEND | {"UPDATE"}
_EXPIRE = _CHANGE | {"DELETE"}

APPEND_ONLY = frozenset({"audit_entries", "ledger_entries", "usage_events"})
"""Tables whose rows never change, for nobody."""

PRIVILEGES: Mapping[str, frozenset[str]] = {
    "alembic_version": _READ,
    "allowances": _CHANGE,
    "api_keys": _CHANGE,
    "artifacts": _EXPIRE,
    "attempt_notes": _CHANGE,
    "attempts": _EXPIRE,
    "audit_entries": _APPEND,
    "deliveries": _CHANGE,  # deleted with their job, as its owner does it
    "delivery_attempts": _CHANGE,
    "fair_tags": _CHANGE,
    "file_names": _EXPIRE,
    "files": _EXPIRE,
    "holds": _EXPIRE,
    "idempotency_keys": _EXPIRE,
    "job_retries": _APPEND,
    "job_traces": _APPEND,
    "jobs": _EXPIRE,
    "ledger_entries": _APPEND,
    "operator_sessions": _APPEND | {"DELETE"},
    "queues": _CHANGE,
    "stored_inputs": _EXPIRE,
    "tenants": _CHANGE,
    "tiers": _READ | {"UPDATE"},
    "usage_events": _APPEND,
    "vendor_spend": _CHANGE,
    "webhook_endpoints": _EXPIRE,
    "webhook_secrets": _EXPIRE,
    "workers": _EXPIRE,
}
"""Privileges of `APP_ROLE` by table. DELETE is for what retention, expiry, sign-out and
deletion remove."""

_ROLE_EXISTS = text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
_TABLES = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relkind IN ('r', 'p') ORDER BY relname"
)


def grant_privileges(connection: Connection) -> None:
    """Give the service's role exactly its privileges on the tables that exist.

    Does nothing where the role does not exist: the service then runs as the owner.
    """
    if not connection.scalar(_ROLE_EXISTS, {"role": APP_ROLE}):
        return
    # Names are constants and those of our own tables: no value from outside enters the text.
    connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {APP_ROLE}"))
    for table in connection.scalars(_TABLES).all():
        if granted := ", ".join(sorted(PRIVILEGES.get(table, ()))):
            connection.execute(text(f'GRANT {granted} ON "{table}" TO {APP_ROLE}'))
    connection.execute(text(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}"))


_POWERS = text("""
    SELECT r.rolsuper AS superuser,
        r.rolcreaterole OR r.rolbypassrls AS administrator,
        EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p') AND pg_has_role(current_user, relowner, 'MEMBER')) AS owner,
        EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relname = ANY(:append_only)
            AND (has_table_privilege(oid, 'UPDATE') OR has_table_privilege(oid, 'DELETE')
                OR has_table_privilege(oid, 'TRUNCATE'))) AS rewriter,
        has_schema_privilege('public', 'CREATE') AS builder
    FROM pg_roles r WHERE r.rolname = current_user""")

_FAULTS = {
    "superuser": "is a superuser",
    "administrator": "may manage roles",
    "owner": "owns the tables",
    "rewriter": "may change the ledgers",
    "builder": "may change the schema",
}


def excess_powers(connection: Connection) -> list[str]:
    """The powers of the connection's role that the service must not have, as predicates."""
    powers = connection.execute(_POWERS, {"append_only": sorted(APPEND_ONLY)}).mappings().one()
    return [fault for name, fault in _FAULTS.items() if powers[name]]
