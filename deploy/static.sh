#!/bin/sh
# deploy/static.sh FILE builds atommq, with SQLite, as one static file that
# needs nothing of the machine it runs on. VERSION and COMMIT, where they are
# set, are what it calls itself.
#
# glibc, and not musl: it is what the tests run with, and what gcc has at hand.
# What a static glibc cannot do is left out: names of hosts and users are looked
# up by Go itself, and SQLite loads no extensions, which AtomMQ has no use for.
set -eu

output=$(realpath -m "${1:?deploy/static.sh FILE}")
cd "$(dirname "$0")/.."
libc=$(getconf GNU_LIBC_VERSION)

CGO_ENABLED=1 go build -trimpath -buildvcs=false \
  -tags 'netgo osusergo sqlite_omit_load_extension' \
  -ldflags "-s -w -linkmode external -extldflags -static -X 'main.libc=$libc'${VERSION:+ -X main.version=$VERSION}${COMMIT:+ -X main.commit=$COMMIT}" \
  -o "$output" ./cmd/atommq
