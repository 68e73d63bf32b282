# Two commands for a fresh machine: `make quickstart` and `make test`. Each sets up everything in .venv first.
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
# A machine with a GPU gets the newest torch with CUDA, any other the tested CPU build.
TORCH := $(if $(shell command -v nvidia-smi),torch>=2.6,torch==2.13.0)
CONSTRAINTS := $(if $(shell command -v nvidia-smi),.venv/constraints-gpu.txt,constraints.txt)

.PHONY: quickstart test environment clean

quickstart: environment
	$(BIN)/python -m lightning_taskonomy data rooms --out quickstart/rooms --buildings 12 --points 8 --size 128
	$(BIN)/python -m lightning_taskonomy data check quickstart/rooms
	$(BIN)/python -m lightning_taskonomy data pack --source quickstart/rooms --out quickstart/shards --jpeg 95
	$(BIN)/python -m lightning_taskonomy data preview quickstart/rooms --out quickstart/rooms.png
	for command in fit predict; do \
		$(BIN)/python -m lightning_taskonomy $$command --config configs/task/normal.yaml --config configs/small.yaml \
			--runs quickstart/runs --overwrite true --trainer.max_epochs 60 --trainer.check_val_every_n_epoch 10 \
			--model.drop_after 450 --trainer.enable_model_summary false || exit 1; \
	done
	$(BIN)/python -m lightning_taskonomy taxonomy run --config configs/pipeline/tiny.yaml
	$(BIN)/python -m lightning_taskonomy taxonomy report --run quickstart/run --out quickstart/report.html
	@echo "Look at quickstart/report.html (all on one page), quickstart/run/taxonomy/taxonomy.png,"
	@echo "quickstart/run/evaluation/affinity.png, quickstart/run/summary.md, quickstart/rooms.png and"
	@echo "quickstart/runs/normal/self/predictions/sheet.png"

test: environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder

environment: .venv/.ready

.venv/.ready: setup.cfg pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON): expected Python 3.11 or newer (choose one with make PYTHON=...)"; exit 2; }
	$(PYTHON) -m venv .venv
	grep -vE '^(torch|triton|nvidia)[-_a-z0-9]*=' constraints.txt > .venv/constraints-gpu.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) '$(TORCH)'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) \
		--editable '.[train,render,bank,explore,notebooks,test]'
	# The published networks' classes, to test against; its dependencies are needed only for its downloads.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps visualpriors==0.3.5
	touch $@

clean:
	rm -rf .venv quickstart runs
