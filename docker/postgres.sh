#!/bin/sh
# Run once by the postgres image, on an empty volume. The product's user is no superuser, so that row-level security holds for it; it makes its two
# roles itself.
set -eu
psql -v ON_ERROR_STOP=1 -v app="$ABETWORKS_DB_PASSWORD" -v temporal="$TEMPORAL_DB_PASSWORD" -U "$POSTGRES_USER" -d postgres <<'SQL'
create role abetworks login createrole password :'app';
create database abetworks owner abetworks;
create role temporal login password :'temporal';
create database temporal owner temporal;
create database temporal_visibility owner temporal;
SQL
