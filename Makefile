# `make demo` and `make test` set up what they need. `make help` lists the rest.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
PIP_FLAGS ?=
DEMO_LIMIT ?= 10
FUZZ_TIMES ?= 50
DEMO_OUT ?= runs/demo
TEST_FLAGS ?= -n 2 --dist worksteal
MINI_OUT ?= runs/mini
VARIANTS_OUT ?= runs/variants
train = $(BIN)/python -m workbench.mini.train --out $(VARIANTS_OUT) --workers 3 --within 360
MTF_LIMIT ?= 20
mtf = $(BIN)/workbench run $(1) --model mini/video-ft --data mini --limit $(MTF_LIMIT) --out runs/mtf/$(1)
ES_LIMIT ?= 40
es = $(BIN)/workbench run $(1) --model mini/video-ft --data mini --limit $(ES_LIMIT) --out runs/es/$(1)
VENV := .venv
BIN := $(VENV)/bin
# What the workbench runs with, and what tests, notebooks and checks need beside it.
RUNS := $(VENV)/.ready
STAMP := $(VENV)/.ready-dev
install = $(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt -e '$(1)'

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-notebooks test-slow test-faults fuzz test-browser lint format types docs notebooks map-the-flow empirical-study mini variants wheel constraints clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv with everything that the project needs

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13. Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

# The package index gives Linux a torch for CUDA.
hint = @[ "$$(uname -s)" != Linux ] || [ -n "$(PIP_FLAGS)" ] || command -v nvidia-smi > /dev/null || \
  echo "No NVIDIA GPU seen. If torch comes with CUDA (3 GB), README.md, Install, says how to take the one without."

$(RUNS): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) what the workbench runs with, once: about 2 GB, the most of it torch. This takes 1 to 10 minutes."
	$(hint)
	$(call install,.)
	@touch $@

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) what tests and notebooks need too, once: 0.5 GB beside what the workbench runs with."
	$(hint)
	$(call install,.[dev])
	@touch $(RUNS) $@

demo: $(RUNS) ## where does information flow in the embedded model? (leaves runs/demo)
	$(BIN)/workbench run information_flow --model mini/video-ft --data mini --limit $(DEMO_LIMIT) --out $(DEMO_OUT)
	@echo "The result is in $(DEMO_OUT). Start with $(DEMO_OUT)/report.html."

test: $(STAMP) ## the tests, without those marked slow, faults, gpu, browser or notebook
	$(BIN)/python -m pytest $(TEST_FLAGS) -m "not slow and not faults and not gpu and not browser and not notebook"

test-notebooks: $(STAMP) ## the notebooks, executed again: the same results
	$(BIN)/python -m pytest $(TEST_FLAGS) -m notebook tests/notebooks

test-slow: $(STAMP) ## the tests marked slow; those marked gpu or browser where there is one
	$(BIN)/python -m pytest -m "slow or gpu or browser"

test-faults: $(STAMP) ## the attack: kills, damage, hostile files and strings, with counts
	$(BIN)/python -m pytest $(TEST_FLAGS) -m faults

fuzz: $(STAMP) ## parsers and pages filled with anything: FUZZ_TIMES as many examples as `make test`, new ones each time
	WORKBENCH_FUZZ=$(FUZZ_TIMES) $(BIN)/python -m pytest $(TEST_FLAGS) --timeout 3600 tests/fuzz

test-browser: $(STAMP) ## viewer and report in a real Chromium (WORKBENCH_SCREENSHOTS=DIR keeps pictures)
	$(BIN)/python -m pytest -m browser tests/widgets tests/pages

lint: $(STAMP) ## ruff: style and formatting; import-linter: imports point down
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(STAMP) ## ruff: rewrite files in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## the site, into build/site: a dead link or a public name without words fails
	$(BIN)/python docs/gather.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "The site is in build/site. To look at it: $(BIN)/python -m http.server -d build/site -b 127.0.0.1"

types: $(STAMP) ## pyright
	$(BIN)/pyright

notebooks: $(STAMP) ## execute the notebooks again, in place
	$(BIN)/python notebooks/execute.py notebooks/*.ipynb

map-the-flow: $(RUNS) ## every experiment of Map the Flow on the embedded model (leaves runs/mtf)
	$(call mtf,information_flow)
	$(call mtf,image_vs_video) --sweep runs/mtf/information_flow
	$(call mtf,cross_frame_halves)
	$(call mtf,answer_probability)
	$(call mtf,logit_lens)
	$(call mtf,attention_maps)
	$(call mtf,effective_pathways) --runs runs/mtf/information_flow
	$(call mtf,pathways_suffice) --sweep runs/mtf/information_flow
	$(call mtf,window_size)
	$(call mtf,open_ended)
	$(call mtf,findings) --sweep runs/mtf/information_flow --image-sweep runs/mtf/image_vs_video/image_model --pathways runs/mtf/pathways_suffice --answers runs/mtf/answer_probability

empirical-study: $(RUNS) ## every experiment of An Empirical Study on the embedded model (leaves runs/es)
	$(BIN)/workbench run mask_gallery --out runs/es/mask_gallery
	$(call es,two_stages)
	$(call es,which_attention)
	$(call es,critical_layers)
	$(call es,exit_and_window) $(if $(wildcard runs/mtf/information_flow/manifest.json),--sweep runs/mtf/information_flow)
	$(call es,search_exit)
	$(call es,study_findings) --two-stages runs/es/two_stages --which-attention runs/es/which_attention --critical-layers runs/es/critical_layers --exit-and-window runs/es/exit_and_window

mini: $(RUNS) ## train the embedded model again (one GPU, under an hour)
	$(BIN)/python -m workbench.mini.train --out $(MINI_OUT)

variants: $(RUNS) ## models that cheat, and the image model over eight frames, side by side (one GPU, under ten minutes)
	mkdir -p $(VARIANTS_OUT)
	set -e; jobs=; trap 'kill $$jobs 2> /dev/null || true' INT TERM; \
	for leak in background last_frame options question; do \
	  $(train) --variant $$leak --start workbench/mini/weights/video-ft > $(VARIANTS_OUT)/$$leak.log 2>&1 & jobs="$$jobs $$!"; \
	done; \
	$(train) --stages "bags of frames" --start workbench/mini/weights/image > $(VARIANTS_OUT)/image.log 2>&1 & jobs="$$jobs $$!"; \
	for job in $$jobs; do wait $$job || { tail -n 5 $(VARIANTS_OUT)/*.log; exit 1; }; done
	@cat $(VARIANTS_OUT)/training.jsonl

wheel: $(STAMP) ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

clean: ## remove the virtual environment, caches and builds; runs/ stays
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
