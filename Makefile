# Two commands on a fresh machine with python3.11 or later, pip and make: `make run` and `make test`.
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := UV_PYTHON_DOWNLOADS=never .tools/bin/uv
export UV_PYTHON := $(PYTHON)
export SEND_HOME ?= $(CURDIR)/home

.PHONY: run test bench bench-sen2 bench-findings bench-linkage bench-console bench-dashboard bench-protection lint set-up set-up-tests clean

run: .venv/.set-up
	@.venv/bin/send demo --if-absent
	@.venv/bin/send run

test: .venv/.set-up-tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pytest

bench: .venv/.set-up-tests
	.venv/bin/python -m benchmarks.stages $(if $(CHILDREN),--children $(CHILDREN))

bench-protection: .venv/.set-up-tests
	.venv/bin/python -m benchmarks.protection $(if $(CHILDREN),--children $(CHILDREN))

bench-sen2: .venv/.set-up-tests
	.venv/bin/python -m benchmarks.sen2

bench-console: .venv/.set-up-tests
	.venv/bin/python -m benchmarks.console

bench-linkage: .venv/.set-up-tests
	.venv/bin/python -m benchmarks.linkage_size $(if $(CHILDREN),--children $(CHILDREN))

bench-findings: .venv/.set-up-tests
	.venv/bin/python -m benchmarks.findings

bench-dashboard: .venv/.set-up-tests
	.venv/bin/python -m benchmarks.dashboard

set-up: .venv/.set-up
set-up-tests: .venv/.set-up-tests

.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.set-up: pyproject.toml uv.lock | .tools/bin/uv
	$(UV) sync --frozen --inexact --no-dev --compile-bytecode --quiet
	@touch $@

# The tests read a real MariaDB and look at pages in a real Chromium; where one is absent and cannot be installed they
# say so and pass it over.
.venv/.set-up-tests: pyproject.toml uv.lock | .tools/bin/uv
	@PATH="$$PATH:/usr/sbin"; absent=; command -v mariadbd >/dev/null || absent="mariadb-server"; \
	  command -v chromium >/dev/null || absent="$$absent chromium"; [ -z "$$absent" ] || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$absent >/dev/null; } || \
	  echo "Absent, so their tests will be skipped: $$absent."
	$(UV) sync --frozen --inexact --compile-bytecode --quiet
	@touch .venv/.set-up $@

clean:
	rm -rf .venv .tools dbt_project/target dbt_project/logs
