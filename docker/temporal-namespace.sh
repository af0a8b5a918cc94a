#!/bin/sh
# Makes the namespace if it is not there. Closed workflows are kept so long: the database is the record of what was done, not Temporal.
set -eu
temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention 72h
