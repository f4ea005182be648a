# Everything runs in .venv; nothing that stands is done twice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MODELS := $(VENV)/.models
PEERS := build/peers

.PHONY: setup demo test check docs clean help

help:            ## Say what can be made
	@grep -E '^[a-z-]+: .*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 16

setup: $(READY) $(MODELS)  ## Install metier, what it needs, and the embedded models

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,test]'
	touch $@

$(MODELS): $(READY)
	$(BIN)/metier models pull smollm2-135m-instruct all-minilm-l6-v2
	touch $@

demo: setup      ## Standard library's documentation to a verdict, a report and a specialist
	$(BIN)/metier run examples/python_docs/metier.toml
	$(BIN)/metier ask examples/python_docs "Return the shortest path between two nodes, or raise if the connection was reset by the peer."

check: $(READY)  ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# One thread for each of two workers: threads of two engines wait for each other on busy cores.
test: setup check  ## Everything that CI runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

docs: $(READY)   ## Write the reference from the code
	$(BIN)/python -m docs.reference

# What a benchmark measures beside metier: `benchmarks/peers` says which versions.
bench-scale_search: $(PEERS)/.search
bench-qa_throughput: $(PEERS)/kit/.ready
bench-serve_throughput: $(PEERS)/llama/.ready $(PEERS)/vllm/.ready

$(PEERS)/.search: benchmarks/peers/search.txt $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement $<
	mkdir -p $(PEERS) && touch $@

$(PEERS)/kit/.ready: benchmarks/peers/kit.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement $<
	touch $@

$(PEERS)/llama/.ready: benchmarks/peers/llama.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --no-deps --requirement $<
	touch $@

# The last three may be built for CUDA: without its libraries they stop vLLM's import.
$(PEERS)/vllm/.ready: benchmarks/peers/vllm.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement $<
	$(@D)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

bench-%: setup   ## Run one benchmark, for instance `make bench-newsgroups`
	$(BIN)/python -m benchmarks.$*

clean:           ## Remove what was made, except models
	rm -rf $(VENV) examples/*/.metier
