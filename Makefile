# Targets of a few lines; longer ones are scripts. `make` builds, `make run`
# shows a letter travel, `make test` proves it.

GO       ?= go
PROGRAMS  = $(filter-out pamd,$(notdir $(wildcard cmd/*)))
STATIC    = CGO_ENABLED=0 $(GO)
# pamd alone is linked with the C library, for PAM and name services. Without a
# compiler and the headers of PAM there is none.
PAM      := $(shell printf '\043include <security/pam_appl.h>\n' | $(or $(CC),cc) -fsyntax-only -x c - 2>/dev/null && echo yes)
TOOL      = $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 1m
# The spec has the version; VERSION= and RELEASE= make another build of it.
SPEC      = packaging/rpm/yubin.spec
VERSION  ?= $(shell awk '$$1 == "Version:" { print $$2 }' $(SPEC))
RELEASE  ?= $(shell awk '$$1 == "Release:" { sub("%.*", "", $$2); print $$2 }' $(SPEC))
RPMS     ?= out/rpm
FLAGS     = -trimpath -ldflags '-s -w -X yubin/internal/config.build=yubin-$(VERSION)'

.PHONY: all build install install-postfix-commands rpm test run check race fuzz root-test package-test bench interop man cover clean

all: build

build:
	$(STATIC) build $(FLAGS) -o bin/ $(addprefix ./cmd/,$(PROGRAMS))
ifeq ($(PAM),yes)
	CGO_ENABLED=1 $(GO) build -tags pam -buildmode=pie $(FLAGS) -o bin/ ./cmd/pamd
else
	rm -f bin/pamd
	@echo 'pamd is left out (no PAM, and no users but those of /etc/passwd): it needs gcc and libpam0g-dev (Debian) or pam-devel (RHEL)'
endif

# Below DESTDIR anybody may; into the system only root.
install: build
	$(GO) run ./packaging/place install '$(DESTDIR)'

# Postfix's commands, where there is no Postfix.
install-postfix-commands: build
	$(GO) run ./packaging/place install-postfix '$(DESTDIR)'

# Source and binary RPMs of the last commit.
rpm:
	VERSION=$(VERSION) RELEASE=$(RELEASE) packaging/rpm/build.sh $(RPMS)

# Needs Go and make alone, no root, no other service.
test: build
	$(STATIC) test -shuffle=on ./...

run: build
	test/demo/run.sh

# What a commit has to pass beside the tests.
check:
	@list=$$(gofmt -l cmd internal packaging test); [ -z "$$list" ] || { echo "gofmt -w: $$list" >&2; exit 1; }
	$(GO) vet ./... && $(GO) vet -tags root,interop ./...
ifeq ($(PAM),yes)
	$(GO) vet -tags pam ./internal/pamd
endif
	$(GO) mod verify
	$(TOOL) staticcheck -tags root,interop ./...
	mandoc -Tlint -Wwarning man/*.[158]

# Without test/system: what it starts is built without the detector, and make test runs it.
race: build
	$(GO) test -race -shuffle=on $$($(GO) list ./... | grep -v /test/system$$)
ifeq ($(PAM),yes)
	$(GO) test -race -tags pam ./internal/pamd
endif

# Each fuzz target for FUZZTIME (a time, or a number of inputs such as 5000x).
fuzz:
	test/fuzz.sh $(FUZZTIME)

# What only root can show; run as root on a machine that may be changed.
root-test: build
	$(STATIC) test -tags root -count=1 ./test/root ./internal/local ./internal/master

# What README.md says of the RPM of the last commit; root, and what .ci/run
# installs. A Debian root is kept in /var/cache/yubin-test.
package-test:
	$(STATIC) test -tags root -count=1 -v -timeout 30m ./test/package

bench: build
	test/bench/run.sh

interop: build
	test/interop/run.sh

man:
	$(GO) test ./internal/man -update

cover:
	$(GO) test -coverprofile=out/cover ./... && $(GO) tool cover -func=out/cover

clean:
	rm -rf bin out
