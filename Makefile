# make run    starts a bus on atommq.db, at http://127.0.0.1:8080
# make test   runs the tests
# make soak   runs a site for half an hour while its processes are killed, and says which promises were kept (SOAK=2h for longer)
# make check  is what a change must pass: format, vet, lint, and the tests (import rules included) under the race detector

GO          ?= go
FUZZTIME    ?= 20s
SOAK        ?= 30m
LINTVERSION := v2.15.0
LINT        := bin/golangci-lint-$(LINTVERSION)
STOMPJS     := @stomp/stompjs@7.5.0 ws@8.23.0

.PHONY: run build dist test check lint race fuzz vuln bench clean cc stompjs

run: build
	@bin/atommq serve

build: cc
	@$(GO) build -buildvcs=false -o bin/atommq ./cmd/atommq

# A release, in dist/; make dist VERSION=1.2.3 names it.
dist: cc
	@echo "building SQLite and the program without shared libraries: some minutes"
	@rm -rf dist
	@deploy/dist.sh dist

test: cc
	@$(GO) test -timeout 20m ./...

soak: cc
	@SOAK=$(SOAK) $(GO) test -v -timeout 0 -count 1 -run '^TestSoak$$' ./cmd/atommq

race: cc
	@$(GO) test -race -timeout 40m ./...

check: lint race

lint: cc $(LINT)
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt-clean: $$unformatted" >&2; exit 1; }
	@$(GO) vet ./...
	@$(LINT) run

$(LINT):
	@echo "building golangci-lint $(LINTVERSION), once; it takes a minute or two"
	@mkdir -p bin/lint
	@GOBIN=$(CURDIR)/bin/lint $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINTVERSION)
	@mv bin/lint/golangci-lint $@ && rmdir bin/lint

# A client that the tests run, in Node and in a browser.
stompjs:
	@mkdir -p bin/stompjs
	@npm install --prefix bin/stompjs --no-save --no-audit --no-fund --loglevel=error $(STOMPJS)

# Every parser has its targets; make fuzz FUZZTIME=60s gives each a minute, two at a time.
fuzz: cc
	@.ci/fuzz $(FUZZTIME)

# Known vulnerabilities that the program can reach, where the network lets them be looked up.
vuln:
	@.ci/vuln

bench: build
	@$(GO) test -run '^$$' -bench . -benchmem ./...
	@bin/atommq bench

clean:
	@rm -rf bin dist

# SQLite is C: say so in one line instead of a page of compiler output.
cc:
	@printf '#include <stdlib.h>\n' | $$($(GO) env CC) -E - >/dev/null 2>&1 || { \
	   echo "atommq: SQLite needs a C compiler and its headers, and there is none: on Debian, apt-get install gcc libc6-dev" >&2; exit 1; }
	@test "$$($(GO) env CGO_ENABLED)" = 1 || { \
	   echo "atommq: SQLite needs cgo, and CGO_ENABLED=0 turns it off: unset CGO_ENABLED" >&2; exit 1; }
