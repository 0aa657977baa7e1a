import ironbatch


def test_the_package_has_a_version() -> None:
    assert ironbatch.__version__.count(".") == 2
