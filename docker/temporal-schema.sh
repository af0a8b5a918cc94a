#!/bin/sh
# Brings Temporal's two databases to the schema of this admin-tools image; run before each start of the server, so an upgrade needs nothing else.
set -eu
for name in temporal visibility; do
  if [ "$name" = temporal ]; then db=temporal; else db=temporal_visibility; fi
  tool="temporal-sql-tool --plugin postgres12 --ep postgres -p 5432 -u temporal --db $db"
  # Leaves a database that has a version alone.
  $tool setup-schema -v 0.0
  $tool update-schema -d "/etc/temporal/schema/postgresql/v12/$name/versioned"
done
