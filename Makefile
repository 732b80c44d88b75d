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

.PHONY: test-matrix
test-matrix: ## run the tests with engines on other engines than the machine's (an hour; not part of test)
	@tests/needs.sh runc crun containerd podman containernetworking-plugins uidmap slirp4netns busybox-static iproute2 strace util-linux gcc libc6-dev patchelf pkgconf libseccomp-dev
	@$(MAKE) --no-print-directory build
	OCI_HOSTALIASES_HOOK="$(CURDIR)/$(RELEASE)/oci-hostaliases-hook" tests/matrix.sh

.PHONY: clean
clean: ## remove what was built
	$(CARGO) clean
