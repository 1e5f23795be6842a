# Everything a developer or CI runs. `make help` lists the targets.
GO      ?= go
BIN     := bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

# The power-loss tests mount a file system of their own, which takes root. Who
# is not root gets it in a user namespace, where the system allows that.
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || { unshare -rm true 2>/dev/null && echo unshare -rm; })

# SQLite's C, translated to Go, is fifteen times slower under the race detector;
# the compiler of the PDF parser's WebAssembly makes the tests of documents
# slower too. Each call of theirs is on one goroutine, so only what is around
# them is watched. unwatched_test.go says which packages cannot be in this list.
WAZEVO := github.com/tetratelabs/wazero/internal/engine/wazevo
UNWATCHED := modernc.org/sqlite/lib $(WAZEVO)/backend/... $(WAZEVO)/frontend $(WAZEVO)/ssa
RACE := $(UNWATCHED:%=-gcflags=%=-race=false)

.DEFAULT_GOAL := help
.PHONY: help run demo fleet build servers test check race chaos bench microbench cover lint clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/api, bin/worker and bin/dlqctl
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...

run: build ## Build and run the whole system on http://127.0.0.1:8080
	./$(BIN)/api

demo: build ## The same, with a simulated model that fails now and then, and example jobs
	./deploy/demo.sh

fleet: build servers ## Build and run a fleet on this machine: Redis, NATS, two APIs, three workers
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $(BIN)/ github.com/nats-io/nats-server/v2
	./deploy/local.sh

test: servers check race ## What CI runs: checks, then all tests with the race detector

# The tests start their own redis-server processes; only the program has to be
# there. RUNLEVEL=1 keeps the package from starting a server of its own.
servers: ## Install redis-server for the tests where that is possible (root, apt)
	@command -v redis-server >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends redis-server; } || \
	{ echo 'redis-server is missing and cannot be installed here: install Redis 6.2 or later and put it on the PATH'; exit 1; }

check: ## Formatting, go vet, module files
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt -w on the files above'; exit 1; }
	$(GO) vet ./...
	$(GO) mod verify

race: ## All tests with the race detector
	$(AS_ROOT) $(GO) test -race $(RACE) -timeout 9m ./...

chaos: ## Kill real processes under load, and 10,000 metamorphic sequences (minutes)
	SLUICE_CHAOS=1 $(AS_ROOT) $(GO) test -count=1 -timeout 90m -v ./chaos/...
	SLUICE_METAMORPHIC=10000 $(GO) test -count=1 -timeout 60m -v -run Agree ./pkg/jobs/sqlitejobs

bench: ## This engine beside asynq, River and raw SQLite in one run (25 minutes)
	cd bench && $(GO) run . -md ../docs/benchmarks.md

microbench: ## Benchmarks of the packages
	$(GO) test -run '^$$' -bench . -benchmem ./pkg/... ./internal/...

cover: ## Test coverage by function, into coverage.html
	$(GO) test -coverprofile=coverage.out ./... && $(GO) tool cover -html=coverage.out -o coverage.html

lint: ## The whole lint set (needs golangci-lint v2 on the PATH)
	golangci-lint run

clean: ## Remove built files; data/ stays
	rm -rf $(BIN) coverage.out coverage.html
