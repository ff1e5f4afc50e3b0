# The commands of this project. `make` alone lists them.
.DEFAULT_GOAL := help
BIN := .venv/bin
export RASA_TELEMETRY_ENABLED := false

.PHONY: help install run test lint types unit model stories validate fuzz format lock benchmark clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Stamps: nothing is reinstalled while the lock files stand. The development set contains the other.
.venv/installed: requirements.txt pyproject.toml scripts/install
	@scripts/install requirements.txt
	@rm -f .venv/installed-dev
	@touch $@

.venv/installed-dev: requirements-dev.txt pyproject.toml scripts/install
	@scripts/install requirements-dev.txt
	@touch .venv/installed $@

install: .venv/installed  ## make .venv with everything the service needs

run: .venv/installed  ## install what is missing, then serve on http://127.0.0.1:8000 (Ctrl-C stops it)
	@$(BIN)/bot run

# Training keeps one core busy: what does not need the model runs on another meanwhile.
test: .venv/installed-dev  ## everything that must hold: lint, types, Rasa's checks, all tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync lint types validate model
	@$(MAKE) --no-print-directory stories unit

lint: .venv/installed-dev  ## ruff: style and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

types: .venv/installed-dev  ## mypy, strict
	@$(BIN)/mypy bot actions

validate: .venv/installed-dev  ## Rasa's own check of domain, rules, stories and examples
	@$(BIN)/bot rasa data validate --fail-on-warnings --quiet

model: .venv/installed-dev
	@$(BIN)/bot train

stories: model  ## Rasa's story tests
	@$(BIN)/bot rasa test core --stories tests/stories --fail-on-prediction-errors --out var/story-results --quiet

unit: .venv/installed-dev  ## the pytest suite
	@$(BIN)/pytest

fuzz: model  ## ten thousand bodies of any kind to each messenger's webhook; `make test` sends two thousand
	@FUZZED_BODIES=10000 $(BIN)/pytest -n 0 tests/channels/test_fuzzed_webhooks.py

format: .venv/installed-dev  ## rewrite the code in the project's format
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

lock: .venv/installed  ## write requirements*.txt anew from pyproject.toml
	@scripts/lock

benchmark: .venv/installed-dev  ## measure red flags, the widget, the console, the messengers under load, and one turn beside Rasa's example bot; writes benchmarks/results/
	@$(BIN)/python benchmarks/red_flags.py
	@$(BIN)/python benchmarks/widget.py
	@$(BIN)/python benchmarks/console.py
	@$(BIN)/python benchmarks/channels.py
	@$(BIN)/python benchmarks/turn.py

clean:  ## remove what was installed, trained and stored here
	rm -rf .venv .uv models var
