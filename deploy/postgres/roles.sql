-- Run by psql as the superuser when the volume is made: the database, its owner, and a login for each part of the
-- service. The passwords are those of the URLs in the secret files, taken by psql itself: no command line holds them.
\set ON_ERROR_STOP on
\set owner_password `sed -n 's#^postgres://[^:]*:\([^@]*\)@.*#\1#p' "${SECRETS:-/run/secrets}/database_url"`
\set ingest_password `sed -n 's#^postgres://[^:]*:\([^@]*\)@.*#\1#p' "${SECRETS:-/run/secrets}/database_ingest_url"`
\set read_password `sed -n 's#^postgres://[^:]*:\([^@]*\)@.*#\1#p' "${SECRETS:-/run/secrets}/database_read_url"`
\set run_password `sed -n 's#^postgres://[^:]*:\([^@]*\)@.*#\1#p' "${SECRETS:-/run/secrets}/database_run_url"`
\set grafana_password `sed -n 's#^postgres://[^:]*:\([^@]*\)@.*#\1#p' "${SECRETS:-/run/secrets}/grafana_database_url"`

-- Not for a server that collects statements: neither log may hold a password.
set log_statement = 'none';
set log_min_error_statement = 'panic';

create role ingot_ingest nologin;
create role ingot_read nologin;
create role ingot_run nologin;

create role ingot login nosuperuser nocreatedb nocreaterole password :'owner_password' in role ingot_run;
create role ingot_login_ingest login password :'ingest_password' in role ingot_ingest;
create role ingot_login_read login password :'read_password' in role ingot_read;
create role ingot_login_run login password :'run_password' in role ingot_run;

-- A dashboard is somebody's SQL: it may read, and not for long.
create role ingot_login_grafana login connection limit 10 password :'grafana_password' in role ingot_read;
alter role ingot_login_grafana set default_transaction_read_only = on;
alter role ingot_login_grafana set statement_timeout = '15s';

create database ingot owner ingot;
revoke connect, temporary on database ingot from public;
grant connect on database ingot to ingot_ingest, ingot_read, ingot_run;
