#!/bin/sh
# Saves a workflow, runs it by its alias, waits for its end, and lists its executions. Needs curl alone.
set -eu
URL=${CLOUTAGENT_URL:-http://127.0.0.1:3000}
PROJECT=${PROJECT:-demo}
: "${CLOUTAGENT_API_KEY:?Set it to an API key of the server}"
cd "$(dirname "$0")"

# Sends a request, and fails if the server refuses it. The key comes from stdin, so that other users of the machine do not
# see it in the list of processes.
api() {
  method=$1 path=$2
  shift 2
  printf 'header = "Authorization: Bearer %s"\n' "$CLOUTAGENT_API_KEY" |
    curl --config - --silent --show-error --fail-with-body -X "$method" "$URL/api/$path" \
      -H 'Content-Type: application/json' "$@"
  echo
}

api PUT "workflows/$PROJECT/strengths" -d @workflow.json > /dev/null
# Of a new workflow the first version is 1.
api PUT "workflows/$PROJECT/strengths/aliases/production" -d '{"version":1}'

# The same Idempotency-Key starts one execution, however often the request is sent.
api POST executions -H 'Prefer: wait=30' -H "Idempotency-Key: ${RUN_ID:-$$}" \
  -d "{\"projectId\":\"$PROJECT\",\"workflowRef\":\"strengths@production\",\"input\":\"SSE\"}"

api GET "executions?projectId=$PROJECT&workflow=strengths&limit=3"
