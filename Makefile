# 都市OS: 使い方は `make` だけで出ます。 / The city OS: plain `make` says what there is.
# Every path is relative, so the folder's own name may hold spaces.

.DEFAULT_GOAL := help
.PHONY: help up test check bench bench-dispatch soak web lock clean runtime dev
SHELL := /bin/sh
# The steps share one environment.
.NOTPARALLEL:

python := .venv/bin/python
has_web := $(wildcard web/package.json)
tests ?=
flood ?= 2023-07
speed ?= 600
seconds ?= 30
darp ?= ../shared/data/darp

help: ## この一覧 / this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

up: runtime web ## 都市を一台で動かし、実際の洪水を再生する / run the whole city and replay a real flood (flood=2021-08 speed=60)
	@[ "$$CITYOS_DISPATCH_ENABLED" != true ] || .venv/bin/cityos buses compile
	@.venv/bin/cityos up --demo --flood $(flood) --speed $(speed)

test: dev web ## すべての試験 / all tests (make test tests="tests/unit -k river")
	@deploy/test-requirements.sh
	@$(python) -m pytest -q $(tests)

check: dev ## 書式・型・矢印・鍵の検査 / formatting, types, arrows, locks, deployment files
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(python) -m pytest -q tests/unit/deploy
ifneq ($(has_web),)
	@deploy/web.sh install
	cd web && ../deploy/npm.sh run --silent check
endif

bench: dev web ## 速さを測る / measure (bench/out/)
	@$(python) -m bench

bench-dispatch: dev ## 乗合配車の計画を既知の問題で測る / measure the bus planner on known problems (seconds=30 darp=folder)
	@$(python) -m bench.dispatch --data "$(darp)" --seconds $(seconds)
	@$(python) -m bench.dispatch_quotes

soak: dev ## 部品ごとに二十回落とす / kill every part twenty times
	@CITYOS_TEST_KILLS=20 $(python) -m pytest -q -m faults --timeout 3600

web: runtime ## 画面を組み立てる / build the pages
ifneq ($(has_web),)
	@deploy/web.sh
endif

lock: dev ## 依存の固定をやり直す / compile the locks anew
	.tools/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header requirements-bootstrap.in -o requirements-bootstrap.txt
	.tools/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header pyproject.toml -o requirements.txt
	.tools/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header pyproject.toml --group dev -o requirements-dev.txt

clean: ## 作ったものを消す（都市のデータ var/ は残す） / remove what was made; the city's data in var/ stays
	rm -rf .venv .tools web/node_modules web/dist test-output bench/out .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache .hypothesis

runtime:
	@deploy/bootstrap.sh runtime

dev:
	@deploy/bootstrap.sh dev
