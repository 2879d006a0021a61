"""Commands that delete and export tenants."""
