# oci-hostaliases: see README.md. `make help` lists the targets.

CARGO ?= cargo
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
# Programs that run on foreign hosts trust none of their libraries: glibc is linked in.
STATIC := -C target-feature=+crt-static
RELEASE := target/$(HOST)/release

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

.PHONY: build
build: ## build both programs, static, in target/
	RUSTFLAGS="$(STATIC)" $(CARGO) build --locked --release --target $(HOST) --no-default-features --bin oci-hostaliases-hook
	RUSTFLAGS="$(STATIC)" $(CARGO) build --locked --release --target $(HOST) --bin oci-hostaliases

.PHONY: demo
demo: ## show a container with the /etc/hosts of the Kubernetes documentation's example
	@tests/needs.sh runc busybox-static iproute2 gcc libc6-dev
	@$(MAKE) --no-print-directory build
	@tests/demo.sh "$(RELEASE)/oci-hostaliases-hook"

.PHONY: test
test: ## install what the tests need and run all of them
	@tests/needs.sh runc crun containerd podman containernetworking-plugins uidmap slirp4netns busybox-static iproute2 strace util-linux gcc libc6-dev
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	@$(MAKE) --no-print-directory build
	@echo "Tested against:"; runc --version | head -1; crun --version | head -1; containerd --version; podman --version; uname -sr
	OCI_HOSTALIASES_HOOK="$(CURDIR)/$(RELEASE)/oci-hostaliases-hook" $(CARGO) test --locked

.PHONY: test-long
test-long: ## the same, with every fault, thousands of races and containers, and older kernels; hours
	OCI_HOSTALIASES_TEST_LONG=1 $(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory test-vm
	$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=3600

.PHONY: test-vm
test-vm: ## runc and crun with the hook on Debian's kernels 6.1 and 5.10, in qemu
	@tests/needs.sh qemu-system-x86 busybox-static runc crun
	@$(MAKE) --no-print-directory build
	tests/vm/run.sh "$(RELEASE)/oci-hostaliases-hook"

FUZZ_SECONDS ?= 60
FUZZ_TARGETS := state_and_config annotations hosts_lines whole_way

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZ_SECONDS (60)
	@rustup run nightly rustc --version >/dev/null 2>&1 || { \
		echo "make fuzz: needs a nightly toolchain: rustup toolchain install nightly" >&2; exit 1; }
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	@for target in $(FUZZ_TARGETS); do \
		seeds="fuzz/seeds/$$target"; \
		[ $$target != state_and_config ] || seeds="$$seeds tests/data/state tests/data/config"; \
		mkdir -p fuzz/corpus/$$target; \
		echo "$$target, $(FUZZ_SECONDS) s"; \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target $$seeds -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 || exit 1; \
	done

.PHONY: audit
audit: ## licences, sources, yanked versions and known advisories of all dependencies
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check licenses sources bans
	@if $(CARGO) deny fetch db >/dev/null 2>&1; then $(CARGO) deny check --disable-fetch advisories; \
	else echo "make audit: the advisories' database (on GitHub) cannot be had here: not checked" >&2; fi

.PHONY: clean
clean: ## remove what was built
	$(CARGO) clean
