#!/bin/sh
# Print the ACL file of Redis' users; their passwords come from the environment, and leave as hashes.
#   bottega_api     the API and the operator's commands
#   bottega_worker  the workers and the courier
#   bottega_admin   you: everything
# Each of the service's users has the keys, channels and commands that it uses and no others.
set -eu

sha256() {
    printf %s "$1" | sha256sum | cut -d ' ' -f 1
}

sed -e "s/ADMIN_SHA256/$(sha256 "${REDIS_PASSWORD:?}")/" \
    -e "s/API_SHA256/$(sha256 "${REDIS_API_PASSWORD:?}")/" \
    -e "s/WORKER_SHA256/$(sha256 "${REDIS_WORKER_PASSWORD:?}")/" \
    "$(dirname "$0")/users.acl"
