#!/bin/sh
# One database per service with two roles: an owner that migrates, and a runtime role that reads and
# writes, is no owner and reaches no other service's database. Repeating it changes nothing.
set -eu

for service in identity imaging video billing affiliate notifications; do
  name="${DATABASE_PREFIX:-aistudio}_$service"
  prefix=$(echo "$service" | tr '[:lower:]' '[:upper:]')
  eval "password=\${${prefix}_DATABASE_PASSWORD:?} owner_password=\${${prefix}_OWNER_PASSWORD:?}"
  export name password owner_password

  # The passwords come from the environment: arguments are visible to everybody.
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 <<'SQL'
\getenv name name
\getenv password password
\getenv owner_password owner_password
\set owner :name _owner
SET client_min_messages = warning;
SELECT format('CREATE ROLE %I LOGIN', role)
  FROM unnest(ARRAY[:'name', :'owner']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec
ALTER ROLE :"name" LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
ALTER ROLE :"owner" LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'owner_password';
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', :'name', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name')
\gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"name" TO :"name";
\connect :"name"
ALTER SCHEMA public OWNER TO :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"name";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"name";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO :"name";
SQL
done
echo "databases are ready"
