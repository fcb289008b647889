#!/bin/sh
# The story with curl alone; sed cuts the values out of the answers.
# Arguments: origin, environment, secret, user name, password.
set -eu
origin=$1 env=$2 secret=$3 username=$4 password=$5
base=$origin/auth/v1

ask() {
  curl --silent --show-error --noproxy '*' \
    --header 'x-device-id: curl-device' --header 'x-request-id: curl-request' "$@"
}

as_client() { ask --user "$env:$secret" "$@"; }

as_user() {
  bearer=$1
  shift
  ask --header "Authorization: Bearer $bearer" "$@"
}

field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

tokens=$(as_client "$base/signin" --data-raw "{\"username\": \"$username\", \"password\": \"$password\"}")
first=$(echo "$tokens" | field access_token)
refresh=$(echo "$tokens" | field refresh_token)
name=$(as_user "$first" "$base/user/me" | field name)

# Two hours pass, and the token is dead.
ask "$origin/__emulator__/clock" --data-raw '{"advance": 7200}' > /dev/null
error=$(as_user "$first" "$base/user/me" | field error)

tokens=$(as_client "$base/token" \
  --data-raw "{\"grant_type\": \"refresh_token\", \"refresh_token\": \"$refresh\"}")
last=$(echo "$tokens" | field access_token)
sub=$(as_user "$last" "$base/user/me" | field sub)

active=$(as_client "$base/token/introspect?token=$last" | field active)
as_client "$base/revoke" --data-raw "{\"token\": \"$last\"}" > /dev/null

[ "$error" = unauthenticated ]
[ "$active" = true ]
[ "$first" != "$last" ]
printf '{"sub": "%s", "name": "%s", "last": "%s"}\n' "$sub" "$name" "$last"
