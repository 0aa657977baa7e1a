import ironbatch


def test_the_package_has_a_version() -> None:
    assert ironbatch.__version__.count(".") == 2


def test_every_exception_is_exported() -> None:
    assert {name for name in ironbatch.errors.__all__ if not hasattr(ironbatch, name)} == set()
