#!/bin/sh
# A project, a command, the tree and the events, with curl alone: curl.sh URL
set -eu
api=$1/api/v1
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# A new session with a project of the blueprint restomod.
session=$(curl -fsS "$api/projects" -d '{"template_id":"restomod","project_name":"Mustang"}' | field session_id)

# A command. With the same Idempotency-Key a repetition does nothing and is answered alike.
curl -fsS "$api/commands/execute" -H 'Prefer: return=minimal' -H 'Idempotency-Key: first' \
	-d "{\"session_id\":\"$session\",\"command_type\":\"CreateNode\",\"data\":{\"blueprint_type_id\":\"phase\",\"name\":\"Bodywork\"}}"
echo

curl -fsS "$api/sessions/$session/graph/tree"
echo

# The events so far; with -N and Accept: text/event-stream they go on as they happen.
curl -fsS "$api/sessions/$session/events?since=0"
echo
curl -s -N --max-time 2 -H 'Accept: application/x-ndjson' "$api/sessions/$session/events?since=0" || [ $? = 28 ]
