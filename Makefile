# What one does here. Every target does its own set-up.
SHELL := bash
MODULES := $(shell sed -n 's|^\t\./||p' go.work)
SERVICES := rooms messages realtime notifications media
TOOLS := $(CURDIR)/.cache/bin
LINTER := $(TOOLS)/golangci-lint-v2.5.0
export CGO_ENABLED := 1

.DEFAULT_GOAL := help
.PHONY: help run demo up down logs build test $(SERVICES:%=test-%) test-typescript test-browser picture test-compose properties fuzz faults race lint bench bench-path bench-compose pin pins sbom reproducible generate format clean

help: ## list the targets
	@sed -nE 's/^\$$\(SERVICES.*test-%:/test-SERVICE:/; s/^([a-zA-Z-]+): .*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: ## run the whole messenger in one process: open http://localhost:5403/app/
	go build -o bin/ism ./cmd/ism
	[ -n "$$ISM_OIDC_ISSUER" ] || export ISM_DEV_IDP_ENABLED=$${ISM_DEV_IDP_ENABLED:-true}; \
	  ISM_LOG_FORMAT=$${ISM_LOG_FORMAT:-text} ISM_LOG_LEVEL=$${ISM_LOG_LEVEL:-warn} exec bin/ism

demo: ## let two users chat in the terminal; starts the messenger if none runs
	go build -o bin/ism ./cmd/ism
	test/demo

up: ## run the full stack with docker compose: open http://localhost:5403/app/
	deploy/compose/up

down: ## stop the full stack; its data stays
	docker compose -f deploy/compose/compose.yaml --profile '*' down

logs: ## follow what the messenger's own services log
	docker compose -f deploy/compose/compose.yaml logs -f --tail 50 gateway $(SERVICES)

build: ## build every program to bin/
	go build -o bin/ ./cmd/ism $(foreach service,$(SERVICES),./services/$(service)/cmd/$(service))

test: ## run every test, on the real engines, which it fetches and starts
	test/run

$(SERVICES:%=test-%): test-%: ## run one service's tests, alone, on the engines that it needs: make test-rooms
	GOWORK=off ISM_TEST_REQUIRE_ENGINES=1 test/run services/$*

test-typescript: ## prove the TypeScript client, against the one process; needs Node 20 or newer
	ISM_TEST_REQUIRE_ENGINES=1 test/run clients/typescript

test-browser: build ## use the web client in Chromium while things go wrong: ROUNDS=200; its screens are kept in .cache/web-client
	ISM_TEST_REQUIRE_ENGINES=1 ISM_TEST_BIN_DIR=$(CURDIR)/bin ISM_TEST_BROWSER_ROUNDS=$(or $(ROUNDS),200) go -C test test -count=1 -timeout 120m -v ./webclient

picture: build ## take the README's picture of the running web client anew
	ISM_TEST_REQUIRE_ENGINES=1 ISM_TEST_BIN_DIR=$(CURDIR)/bin go -C test test -count=1 -run TestScreens ./webclient -args -picture $(CURDIR)/docs/images/web-client.png

test-compose: ## run the real compose stack, on ports of its own, and play every suite through its gateway
	test/compose/run

properties: ## hold the messenger, in one process, to its OpenAPI documents: EXAMPLES=20 of each route; needs Python 3.11
	test/properties/run $(or $(EXAMPLES),20)

fuzz: ## run every fuzz target: FOR=10m each; what fails becomes a test of its package
	test/fuzz $(or $(FOR),10m)

faults: ## harm what the messenger stands on, at length: disks, databases, brokers; needs Docker
	test/run -faults
	test/compose/run -faults

race: ## run the tests of libraries and services with the race detector; engines as in test
	test/run -race libs $(SERVICES:%=services/%)

lint: $(LINTER) ## check boundaries, that each module builds alone, vet, linters and known vulnerabilities
	@failed=''; \
	test/boundaries || failed+=' boundaries'; \
	for module in $(MODULES); do \
	  echo "== $$module"; \
	  (cd $$module && export GOWORK=off && go build -o /dev/null ./... && go vet ./... && $(LINTER) run --allow-parallel-runners ./...) || failed+=" $$module"; \
	done; \
	test/vulnerabilities $(MODULES) || failed+=' vulnerabilities'; \
	[ -z "$$failed" ] || { echo "FAILED:$$failed"; exit 1; }

$(LINTER):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) GOWORK=off go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
	mv $(TOOLS)/golangci-lint $@

format: $(LINTER) ## format the code
	@for module in $(MODULES); do (cd $$module && $(LINTER) fmt ./...) || exit 1; done

bench: build ## measure both deployments side by side, on the real engines
	test/run -bench

bench-path: build ## measure the whole path and what everything costs: BUILDS=name=folder,… DEPLOYMENTS=five,one RATES=… FOR=20s RUNS=1 BUSY=0
	test/run -path -builds $(or $(BUILDS),here=$(CURDIR)/bin) $(if $(DEPLOYMENTS),-deployments $(DEPLOYMENTS)) $(if $(RATES),-rates $(RATES)) \
		$(if $(FOR),-for $(FOR)) $(if $(RUNS),-runs $(RUNS)) $(if $(BUSY),-busy $(BUSY)) $(if $(SETTINGS),-settings $(SETTINGS)) $(if $(PROFILE),-profile $(PROFILE))

bench-compose: ## measure the compose stack, and what tracing costs it
	test/compose/run -bench

pin: ## pin the images of others by what registries have under their tags: writes deploy/compose/images.lock
	GOWORK=off go -C deploy/images build -o $(CURDIR)/bin/images ./cmd/images
	bin/images pin

pins: ## say which of these tags have moved since; changes nothing
	GOWORK=off go -C deploy/images build -o $(CURDIR)/bin/images ./cmd/images
	bin/images check

sbom: build ## describe what every program is made of (SPDX 2.3), and how it was made (SLSA), in bin/described
	mkdir -p bin/described
	GOWORK=off go -C deploy/images build -o $(CURDIR)/bin/describe ./cmd/describe
	@for program in ism $(SERVICES); do \
	  bin/describe -name $$program -revision "$$(git rev-parse HEAD)$$([ -z "$$(git status --porcelain)" ] || echo -changed)" -program bin/$$program \
	    -epoch "$$(git log -1 --format=%ct)" -modules "$$(go env GOMODCACHE)" -out bin/described || exit 1; \
	done

reproducible: ## build programs twice, in two folders and without a cache, and compare them: PROGRAMS="rooms messages"
	deploy/images/reproducible $(or $(PROGRAMS),$(SERVICES))

generate: ## write what is generated: docs/configuration.md, the settings that the stack passes on, the table of the TOML's keys, the golden events, the TypeScript client's types
	go test ./cmd/ism/internal/reference -update
	go test ./cmd/ism/internal/seedconfig -update
	go test ./libs/events -run TestGoldenRecords -update
	! command -v npm >/dev/null || (cd clients/typescript && npm ci --silent && npm run --silent generate)

clean: ## stop the engines and remove what was built; .ism, the data of make run, stays
	-test/engines/down
	rm -rf bin .cache
