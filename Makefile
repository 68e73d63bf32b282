# Two commands for a fresh machine: `make quickstart` and `make test`. Each sets up everything in .venv first.
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
# A machine with a GPU gets the newest torch with CUDA, any other the one that was tested, on the CPU.
TORCH := $(if $(shell command -v nvidia-smi),torch>=2.6,torch==2.13.0)
CONSTRAINTS := $(if $(shell command -v nvidia-smi),.venv/constraints-gpu.txt,constraints.txt)

# A few that small networks learn from few pictures.
QUICKSTART_TASKS := autoencoding edge_texture normal

.PHONY: quickstart test environment clean

quickstart: environment
	$(BIN)/python -m lightning_taskonomy data rooms --out quickstart/rooms --buildings 5 --points 8
	$(BIN)/python -m lightning_taskonomy data check quickstart/rooms
	$(BIN)/python -m lightning_taskonomy data pack --source quickstart/rooms --out quickstart/shards --jpeg 95
	$(BIN)/python -m lightning_taskonomy data preview quickstart/rooms --out quickstart/rooms.png
	for task in $(QUICKSTART_TASKS); do for command in fit predict; do \
		$(BIN)/python -m lightning_taskonomy $$command --config configs/task/$$task.yaml --config configs/small.yaml \
			--runs quickstart/runs --trainer.max_epochs 250 --trainer.check_val_every_n_epoch 25 \
			--model.drop_after 800 --trainer.enable_model_summary false || exit 1; \
	done; done
	$(BIN)/python -m lightning_taskonomy taxonomy solve --transfers data/transfers.csv --budget 3 --out quickstart/taxonomy
	$(BIN)/python -m lightning_taskonomy taxonomy evaluate --transfers data/transfers.csv --orders 1,3 --out quickstart/evaluation
	@echo "Look at quickstart/rooms.png, quickstart/runs/*/self/predictions/sheet.png, quickstart/taxonomy/taxonomy.png and quickstart/evaluation/heat_maps.png"

test: environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest

environment: .venv/.ready

.venv/.ready: setup.cfg pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON): expected Python 3.11 or newer (choose one with make PYTHON=...)"; exit 2; }
	$(PYTHON) -m venv .venv
	grep -vE '^(torch|triton|nvidia)[-_a-z0-9]*=' constraints.txt > .venv/constraints-gpu.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) '$(TORCH)'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) \
		--editable '.[train,render,notebooks,test]'
	# The published networks' classes, to test against; what it says it needs is for its downloads.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps visualpriors==0.3.5
	touch $@

clean:
	rm -rf .venv quickstart runs
