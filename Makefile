.DEFAULT_GOAL := help
.PHONY: help build test test-full test-rust memcheck lint format bench docs pictures wheel-test deny

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build:  ## Build the extension in release mode and install the package, editable
	pip install maturin && maturin develop --release

test:  ## Run the light tests, as the README does
	pip install '.[test]' && pytest

test-full:  ## Run every test, those that need heavy packages too
	pip install '.[test,jit,full]' && pytest --full

test-rust:  ## Run the tests of the Rust crates
	cargo test --workspace --exclude ironbatch-py --all-targets
	cargo test --workspace --exclude ironbatch-py --doc

# The sanitizer comes with stable Rust, but its flag has to be unlocked; build scripts and macros run
# on the host, which `--target` keeps them apart from. Some tests ask for more memory than there is.
memcheck:  ## Run the tests of the Rust crates under the address sanitizer
	ASAN_OPTIONS=allocator_may_return_null=1 RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test --lib \
		--target "$$(rustc -vV | sed -n 's/^host: //p')" --target-dir target/memcheck \
		-p ironbatch-core -p ironbatch-kernel

# The build script lists these files, which cargo's formatter does not see.
BUILT_IN = rustfmt --edition 2024 rust/core/src/kernels/*.rs

lint:  ## Check format, lints, types and stubs
	cargo fmt --all --check
	$(BUILT_IN) --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	ruff check .
	ruff format --check .
	mypy
	python -m mypy.stubtest ironbatch._core --mypy-config-file pyproject.toml --ignore-disjoint-bases

format:  ## Format Rust and Python
	cargo fmt --all
	$(BUILT_IN)
	ruff check --fix .
	ruff format .

bench:  ## Measure every bar beside its peer; a table to the terminal
	pip install '.[bench,processes]' && python -m benches

docs:  ## Build the site; warnings are errors
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet -f .mkdocs.yml

pictures:  ## Draw the pictures of the documentation anew
	python tests/docs/draw_pictures.py

wheel-test:  ## Build the wheel and run the quick start where there is nothing but the wheel and numpy
	.ci/wheel

deny:  ## Check licences, bans and sources of the crates
	cargo deny check --config .deny.toml bans licenses sources
