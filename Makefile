# make demo   sees it work            make test   runs everything
PYTHON := .venv/bin/python

.PHONY: setup browser demo test check bench lock package

setup:
	@scripts/setup.sh

browser: setup
	@scripts/browser.sh

demo: browser
	@.venv/bin/studio demo

test: browser
	@$(PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: setup
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -m tests.lockfile
	@$(PYTHON) -m tests.declarations

# PEER=FOLDER measures another plugin beside ours.
bench: browser
	@$(PYTHON) -m bench.host $(if $(PEER),--peer "$(PEER)")

# Write requirements.lock anew from requirements.txt and the groups in pyproject.toml.
lock: setup
	@UV=.uv/bin/uv; [ -x $$UV ] || UV=uv; $$UV pip compile requirements.txt --group dev \
		--universal --generate-hashes --python-version 3.12 --upgrade --quiet \
		--custom-compile-command "make lock" --output-file requirements.lock

package: setup
	@.venv/bin/studio package build
