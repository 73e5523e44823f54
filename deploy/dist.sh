#!/bin/sh
# deploy/dist.sh DIR fills DIR, which must be new, with a release for this
# machine's processor: the program and what goes with it in one archive, the
# list of its parts, checksums. Whoever builds the same commit with the same Go
# and gcc gets the same bytes. VERSION is what the release is called; without
# it, it is what cmd/atommq/version.go says.
set -eu
umask 022
export LC_ALL=C TZ=UTC

dist=$(realpath -m "${1:?deploy/dist.sh DIR}")
if [ -e "$dist" ]; then
  echo "deploy/dist.sh: $dist is there already: remove it, or name another directory" >&2
  exit 1
fi
cd "$(dirname "$0")/.."
if git rev-parse --git-dir >/dev/null 2>&1; then
  changed=$(git status --porcelain)
  : "${COMMIT:=$(git rev-parse HEAD)${changed:+-changed}}"
  : "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
fi
: "${SOURCE_DATE_EPOCH:=$(date -r CHANGELOG.md +%s)}"
export COMMIT="${COMMIT:-}" SOURCE_DATE_EPOCH

deploy/static.sh "$dist/atommq"
version=$("$dist/atommq" version | cut -d' ' -f2)
name=atommq-$version-linux-$(go env GOARCH)
release=$dist/$name
mkdir -p "$release/completions"
mv "$dist/atommq" "$release"
cp -r README.md CHANGELOG.md LICENSE doc "$release"
cp -r deploy "$release"
rm "$release/deploy/Dockerfile"* "$release"/deploy/*.sh # which build from the sources
"$release/atommq" man "$release/man/man1"
"$release/atommq" completion bash >"$release/completions/atommq.bash"
"$release/atommq" completion zsh >"$release/completions/_atommq"
"$release/atommq" completion fish >"$release/completions/atommq.fish"
"$release/atommq" version --sbom >"$dist/$name.cdx.json"

tar --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
  -C "$dist" -cf - "$name" | gzip -9n >"$dist/$name.tar.gz"
rm -r "$release"
cd "$dist"
sha256sum "$name.cdx.json" "$name.tar.gz" >SHA256SUMS
cat SHA256SUMS
