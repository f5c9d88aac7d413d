# sluice. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO ?= go
FUZZTIME ?= 60s
BENCH ?= .
BENCHTIME ?= 1x
PKG ?= ./...
# The tests against real clients and servers, and their packages.
INTEGRATION_FILES = $(shell grep -rl --include='*_test.go' '^//go:build integration$$' .)
INTEGRATION ?= $(sort $(dir $(INTEGRATION_FILES)))
RUN ?= ^($(shell grep -oh '^func Test[A-Za-z0-9_]*' $(INTEGRATION_FILES) | cut -c6- | paste -sd '|'))$$

# The version in the source, and the commit it was built from where there is one.
VERSION ?= $(shell sed -n 's/^var Version = "\(.*\)"/\1/p' internal/app/config.go)$(shell git rev-parse --short HEAD 2>/dev/null | sed 's/^/+/')
LDFLAGS := -s -w -X sluice/internal/app.Version=$(VERSION)

# The race detector needs a C compiler on linux; without one the tests still run.
RACE := $(shell command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo -race)
# vet and test share one set of flags, so that the dependencies (the AWS SDKs
# above all) are compiled once for both. Without symbol tables linking thirty
# test binaries takes half the time; stack traces keep their lines.
TESTFLAGS := $(RACE) -vet=off -ldflags='-s -w' -timeout 600s

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables    ONCE=1 (run), PKG=./firehose/... (test), FUZZTIME=10s (fuzz), RUN=TestClient (integration), BENCH=PATTERN BENCHTIME=1s (bench)"

.PHONY: run
run: build ## build, start a pipeline and feed it (ONCE=1: show one round and leave)
	bin/sluice quickstart $(if $(ONCE),--once)

.PHONY: build
build: ## build bin/sluice, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/sluice ./cmd/sluice

.PHONY: test
test: fmt-check vet ## format, vet, and every test with the race detector
	@[ -n "$(RACE)" ] || echo "make test: no C compiler ($$($(GO) env CC)), so no race detector" >&2
	$(GO) test $(TESTFLAGS) $(PKG)

.PHONY: vet
vet:
	$(GO) vet $(RACE) $(PKG)

.PHONY: fmt-check
fmt-check:
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "run gofmt -w on:" >&2; echo "$$files" >&2; exit 1; }

.PHONY: lint
lint: fmt-check vet ## format, vet and the house rules
	$(GO) test -count=1 ./internal/lint

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	@targets=$$($(GO) test -vet=off -list '^Fuzz' $(PKG)); \
	awk '/^Fuzz/ {name[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, name[i]; n = 0}' <<<"$$targets" | \
	while read -r package target; do \
		echo "== $$package $$target"; \
		$(GO) test -vet=off -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
	done

.PHONY: bench
bench: ## every benchmark once (BENCH=PATTERN BENCHTIME=1s to measure)
	$(GO) test -vet=off -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem -timeout 60m $(PKG)

.PHONY: integration
integration: ## real AWS clients against a real process; absent clients are named and skipped
	$(GO) test -tags integration -vet=off -count=1 -v -p 1 -timeout 25m -run '$(RUN)' $(INTEGRATION) 2>&1 | \
		awk '!/^=== (RUN|PAUSE|CONT|NAME)/ {print; fflush()}'

.PHONY: cross
cross: ## check that linux and darwin build on amd64 and arm64
	@for os in linux darwin; do for arch in amd64 arm64; do \
		echo "== $$os/$$arch"; CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -o /dev/null ./cmd/sluice; \
	done; done

.PHONY: bench-paths
bench-paths: build bench-broker ## whole paths on this machine: CPU time beside their stages (ARGS="--megabytes 1000")
	bin/sluice bench $(ARGS)

.PHONY: bench-broker
bench-broker: ## the Kafka broker that sluice bench reads paths out of Kafka from
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/sluice-bench-broker ./bench/broker

# Other programs beside sluice: those of distributions are taken as they are
# installed (grep, jq, gzip, pigz, zstd, rsyslogd, syslog-ng), these are built.
.PHONY: bench-rivals
bench-rivals: build bench-rival-programs ## the same work by sluice and by others (ARGS="W1 W2 --corpus json")
	bin/sluice bench rivals $(ARGS)

.PHONY: bench-rival-programs
bench-rival-programs:
	@for name in otelcol benthos; do \
		(cd bench/rivals/$$name && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ../../../bin/sluice-bench-$$name .) || \
			echo "make: $$name cannot be built here; sluice bench rivals leaves it out" >&2; \
	done

# Everything that docs/performance.md shows, into docs/performance/: half an hour.
RESULTS := docs/performance
.PHONY: bench-results
bench-results: build bench-broker bench-rival-programs ## measure everything into docs/performance/*.json (BENCHFLAGS="--megabytes 1000")
	@mkdir -p $(RESULTS)
	bin/sluice bench --rounds 5 $(BENCHFLAGS) -o json > $(RESULTS)/paths.json
	bin/sluice bench --rounds 3 --compaction $(BENCHFLAGS) putlogevents/gzip/all bulk/gzip/all -o json > $(RESULTS)/compaction.json
	bin/sluice bench latency $(BENCHFLAGS) putlogevents/gzip/all bulk/gzip/all -o json > $(RESULTS)/latency.json
	bin/sluice bench growth $(BENCHFLAGS) -o json > $(RESULTS)/growth.json
	bin/sluice bench rivals --corpus json $(BENCHFLAGS) -o json > $(RESULTS)/rivals.json

.PHONY: bench-plots
bench-plots: ## draw docs/performance/*.json as SVG (PNG=1: and as PNG)
	cd bench/plot && $(GO) run . $(if $(PNG),-png) -o ../../$(RESULTS) $(addprefix ../../,$(wildcard $(RESULTS)/*.json))

# Both commits are built into test binaries and run in turns, so that what else
# the machine does falls on both.
ROUNDS ?= 6
.PHONY: bench-compare
bench-compare: ## benchmarks of BASE=ref beside this commit's: BENCH=PATTERN PKG=./one/package ROUNDS=6
	@[ -n "$(BASE)" ] && [ "$(PKG)" != ./... ] || { echo "usage: make bench-compare BASE=main~1 PKG=./internal/wal BENCH=Append" >&2; exit 2; }
	@dir=$$(mktemp -d); trap 'git worktree remove --force "$$dir/base" 2>/dev/null; rm -rf "$$dir"' EXIT; \
	git worktree add --quiet --detach "$$dir/base" "$(BASE)"; \
	(cd "$$dir/base" && $(GO) test -c -o "$$dir/old.test" $(PKG)); $(GO) test -c -o "$$dir/new.test" $(PKG); \
	for i in $$(seq $(ROUNDS)); do \
		(cd "$$dir/base/$(PKG)" && "$$dir/old.test" -test.run xxx -test.bench '$(BENCH)' >> "$$dir/old.txt"); \
		(cd $(PKG) && "$$dir/new.test" -test.run xxx -test.bench '$(BENCH)' >> "$$dir/new.txt"); \
	done; \
	$(GO) run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da "$$dir/old.txt" "$$dir/new.txt"

.PHONY: clean
clean: ## remove bin/
	rm -rf bin
