-- For psql: set the roles' passwords from the environment, where no command line shows them.
\getenv migrate_password POSTGRES_MIGRATE_PASSWORD
\getenv app_password POSTGRES_APP_PASSWORD
ALTER ROLE bottega_migrate PASSWORD :'migrate_password';
ALTER ROLE bottega_app PASSWORD :'app_password';
