#!/bin/sh
# Makes the files that docker-compose.yml names under `secrets:`, one value each. What is there already is kept, so that
# it may be run again; to change a password, change the role in the database too.
# usage: sh deploy/make-secrets.sh [folder]     default: secrets, beside docker-compose.yml
set -eu
folder=${1:-$(dirname "$0")/../secrets}
mkdir -p "$folder"
chmod 700 "$folder" # on this machine nobody else gets to the files
cd "$folder"

random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# The files are read by the users of several containers, hence 644.
keep() {
  [ -s "$1" ] || printf '%s\n' "$2" > "$1"
  chmod 644 "$1"
}

keep postgres_password "$(random)"
keep database_url "postgres://ingot:$(random)@postgres:5432/ingot"
keep database_ingest_url "postgres://ingot_login_ingest:$(random)@postgres:5432/ingot"
keep database_read_url "postgres://ingot_login_read:$(random)@postgres:5432/ingot"
keep database_run_url "postgres://ingot_login_run:$(random)@postgres:5432/ingot"
keep grafana_database_password "$(random)"
keep grafana_database_url "postgres://ingot_login_grafana:$(cat grafana_database_password)@postgres:5432/ingot"
keep grafana_admin_password "$(random)"
echo "Secrets are in $(pwd)"
