# Each target does all its own set-up: it needs python3 (3.11 or newer), make and a package index.
PYTHON ?= python3
RECORDINGS ?= tests/recordings/2026-11-22 tests/recordings/2026-11-29

AIRFLOW_33 := .build/airflow-3.3
UI := .build/ui
# The slowest first: two run at once.
VERSIONS := 3.2 3.1 3.0 2.11 3.3
SPARK := .build/spark
AGENTS := .build/agents
DOCS := .build/docs
DISTRIBUTED := .build/distributed
RELEASE := .build/release
PLAIN := .build/release-airflow
BIN := $(AIRFLOW_33)/bin
# A worker takes the tests of whole files, because many files share one expensive result among their tests.
PYTEST := python -m pytest -n logical --dist loadfile

.PHONY: demo docs test check format clean nightly
.PHONY: coverage test-deep test-sdist test-matrix test-wheel test-readme test-faults test-e2e test-standalone test-spark
.PHONY: test-agents e2e-events e2e-ui e2e-distributed e2e-claims conformance release-check
.PHONY: bench-import bench-attendance bench-decide bench-apply bench-report bench-triggers bench-receiver

demo: $(AIRFLOW_33)/installed
	@$(BIN)/python demo/run.py

# The site, without warnings, and its links. Links to the web are checked where it can be reached from here.
docs: $(DOCS)/installed
	@rm -rf docs/api $(DOCS)/html
	$(DOCS)/bin/python -m sphinx -b html -d $(DOCS)/doctrees --fresh-env --fail-on-warning --keep-going --quiet docs $(DOCS)/html
	@$(DOCS)/bin/python -m sphinx -b linkcheck -d $(DOCS)/doctrees --quiet docs $(DOCS)/links >$(DOCS)/links.log 2>&1 || true
	$(DOCS)/bin/python tools/check_site.py $(DOCS)/html $(DOCS)/links/output.json
	@rm -rf docs/api
	@echo "The index is $(abspath $(DOCS)/html/index.html)"

test: check
	$(BIN)/$(PYTEST)

check: $(AIRFLOW_33)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/vulture
	$(BIN)/python tools/import_chain.py --limit 10
	$(BIN)/python tools/check_words.py

# The same tests as `make test`, which fail below the coverage that pyproject.toml sets.
coverage: $(AIRFLOW_33)/installed
	$(BIN)/$(PYTEST) --cov --cov-report=term:skip-covered

# More random examples, and new ones in each run: for the night, or after a change of the rules.
test-deep: $(AIRFLOW_33)/installed
	TEST_PROFILE=deep $(BIN)/$(PYTEST)

# The source distribution is complete: all tests run from it, in a folder with nothing else around it.
test-sdist: $(AIRFLOW_33)/installed
	rm -rf .build/sdist
	$(BIN)/python -m hatchling build --target sdist --directory .build/sdist
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
		tar -xzf .build/sdist/*.tar.gz -C "$$folder" --strip-components=1 && \
		export PYTHONPATH="$$folder" && cd "$$folder" && \
		$(abspath $(BIN))/python -c 'import airflow_provider_calcom as ours, os; assert ours.__file__.startswith(os.getcwd()), ours' && \
		$(abspath $(BIN))/$(PYTEST)

# What depends on Airflow, on each supported version, and the README's table of it. Environments are made again only where
# constraints or pyproject.toml changed. WHOLE=--whole runs all whole DAGs on slow versions, too, WRITE=--write the table.
test-matrix: $(VERSIONS:%=.build/airflow-%/installed)
	$(BIN)/python tools/matrix.py $(WHOLE) $(WRITE) $(VERSIONS:%=.build/airflow-%)

# All of this file that tests or measures, and one table of it: some hours.
nightly: $(AIRFLOW_33)/installed
	$(BIN)/python tools/nightly.py

# What is published: built twice to the same bytes, looked into, installed by plain pip, its parts listed. In dist/.
release-check: $(RELEASE)/installed $(PLAIN)/installed
	$(RELEASE)/bin/python -m tools.release.check $(PLAIN)

# The wheel by plain pip beside each supported Airflow: some two minutes a version.
test-wheel: $(RELEASE)/installed
	$(RELEASE)/bin/python -m tools.release.wheel_matrix

# The examples of the README and the tutorial, in a new Airflow and twice: a few minutes.
test-readme: $(AIRFLOW_33)/installed
	$(BIN)/python -m tests.e2e.readme

# Some three minutes on two cores.
test-faults: $(AIRFLOW_33)/installed
	$(BIN)/python -m tests.faults

# Whole DAGs and commands of Airflow, which take seconds to start: the examples, templates, a test of a connection.
test-e2e: $(AIRFLOW_33)/installed
	$(BIN)/python -m pytest -m e2e tests/e2e tests/notifications tests/operators/test_templates.py

# Scheduler, worker processes and server of Airflow 3.3: tasks that are killed, stopped, or wait for a person.
test-standalone: $(AIRFLOW_33)/installed
	$(BIN)/python -m pytest -m standalone tests/e2e

# Bookings that end start DAGs, by the watcher of an asset and by webhooks, and no-shows are marked, while the triggerer is
# killed twice.
e2e-events: $(AIRFLOW_33)/installed
	$(BIN)/python -m pytest -q -s -m events tests/e2e/test_events.py

# Airflow's interface and our reports in a headless Chromium: some minutes, and 1 GB of memory more than Airflow's own.
# The pictures in the documentation come from here, so they show what is.
DOCUMENTED := $(addprefix $(UI)/screenshots/,$(addsuffix .png,report-light report-dark report-phone report-expanded \
	airflow-approval airflow-view airflow-connection airflow-connection-tested airflow-trigger))
e2e-ui: $(UI)/installed
	rm -rf $(UI)/screenshots
	$(BIN)/python -m pytest -m ui tests/ui
	$(BIN)/python -m pytest tests/reports/test_browser.py
	mkdir -p docs/_static/screenshots
	cp $(DOCUMENTED) docs/_static/screenshots

# Celery workers, Redis, PostgreSQL and an object store, all real; a worker is killed. Some ten minutes on two cores and
# 3 GB of memory. Redis is installed as root where no wheel has it.
e2e-distributed: $(DISTRIBUTED)/installed
	$(DISTRIBUTED)/bin/python -m tests.distributed

# Two runs at once, 50 times, with plans and ledger in an object store: without Airflow, some minutes.
e2e-claims: $(DISTRIBUTED)/installed
	$(DISTRIBUTED)/bin/python -m tests.distributed.claims

conformance: $(AIRFLOW_33)/installed
	$(BIN)/python -m tests.conformance $(RECORDINGS)

bench-import: $(AIRFLOW_33)/installed
	$(BIN)/python benchmarks/import_time.py

# Who really came is known in the worlds that this makes; docs/explanation/attendance-benchmark.md has the table.
bench-attendance: $(AIRFLOW_33)/installed
	$(BIN)/python -m benchmarks.attendance.run

# A million bookings a set: some ten minutes, two cores, 3 GB of memory and 2 GB of disk.
bench-decide: $(AIRFLOW_33)/installed
	$(BIN)/python benchmarks/decide/run.py

# Some ten minutes; docs/explanation/benchmarks-apply.md has the table, which --write makes.
bench-apply: $(AIRFLOW_33)/installed
	$(BIN)/python -m benchmarks.apply.run

# Some three minutes; docs/explanation/benchmarks-triggers.md has the table, which --write makes.
bench-triggers: $(AIRFLOW_33)/installed
	$(BIN)/python -m benchmarks.triggers

# A minute and a half; docs/explanation/benchmarks-receiver.md has the table, which --write makes.
bench-receiver: $(AIRFLOW_33)/installed
	$(BIN)/python -m benchmarks.receiver

# Reports of plans of 100 to 10,000 bookings; they are opened, too, where Chromium and Playwright are installed.
bench-report: $(AIRFLOW_33)/installed
	$(BIN)/python -m benchmarks.report

# Needs Java 17 or newer on the machine; pyspark is 400 MB, so it has an environment of its own.
test-spark: $(SPARK)/installed
	$(SPARK)/bin/python -m pytest tests/spark

# The hook as tools of an agent, with Airflow's provider common.ai, which has 9 packages that nothing else here needs.
test-agents: $(AGENTS)/installed
	$(AGENTS)/bin/python -m pytest tests/agents

format: $(AIRFLOW_33)/installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# What is installed beside the package: the tools of `make check` are pinned for Airflow 3.3 alone.
GROUP := test
$(AIRFLOW_33)/installed: GROUP := dev
$(SPARK)/installed: GROUP := spark
$(DISTRIBUTED)/installed: GROUP := distributed
$(AGENTS)/installed: GROUP := agents

# A new environment's pip may be older than 25.1, which is the first to know dependency groups. $(1): Airflow's version.
define install
@echo "Installing Airflow $(1) and this package into $(@D) (a minute or more)"
@$(PYTHON) -m venv --clear $(@D)
@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< --upgrade pip
@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< \
	--group $(GROUP) --editable ".[attendance,sandbox]"
@touch $@
endef

.build/airflow-%/installed: constraints/airflow-%.txt pyproject.toml
	$(call install,$*)

$(SPARK)/installed $(AGENTS)/installed: constraints/airflow-3.3.txt pyproject.toml
	$(call install,3.3)

# Not with the constraints of Airflow 3.3: botocore needs an older python-dateutil than these have.
$(DISTRIBUTED)/installed: constraints/distributed.txt pyproject.toml
	$(call install,3.3)

# Neither Airflow nor this package: the reference of Python is read from the source.
$(DOCS)/installed: constraints/docs.txt pyproject.toml
	@echo "Installing Sphinx into $(@D)"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< --upgrade pip
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< --group docs
	@touch $@

# The tools alone, without Airflow: they need other versions of what both use.
$(RELEASE)/installed: constraints/release.txt pyproject.toml
	@echo "Installing the tools of a release into $(@D)"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< --upgrade pip
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< --group release
	@touch $@

# An Airflow as its own instructions install it, with nothing of ours.
$(PLAIN)/installed: constraints/airflow-3.3.txt
	@echo "Installing Airflow 3.3 into $(@D)"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< --upgrade pip
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< apache-airflow
	@touch $@

# Needs node. Chromium is installed where there is none, which needs root. A new environment of Airflow needs it again.
$(UI)/installed: $(wildcard tests/ui/package*.json) tests/ui/install.py $(AIRFLOW_33)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints/airflow-3.3.txt --group ui
	@$(BIN)/python -m tests.ui.install $(@D)
	@touch $@

clean:
	rm -rf .build dist
