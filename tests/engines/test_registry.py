"""What `engine=` takes."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from ironbatch import Dataset
from ironbatch.engines import Local, engine_for, register_engine

pytestmark = pytest.mark.timeout(60)


def test_an_engine_may_be_named(dataset):
    assert isinstance(engine_for("local"), Local)
    assert sum(len(batch) for batch in dataset.p.gen_batch(4, engine="local")) == 50


def test_an_engine_is_taken_as_it_is():
    engine = Local(3)
    assert engine_for(engine) is engine


def test_engines_can_be_registered_by_name_and_by_client():
    class Client:
        pass

    made = []

    def make(client=None):
        made.append(client)
        return Local()

    register_engine("test", make, client=(__name__, "ClientOfTest"))
    sys.modules.setdefault(__name__, sys.modules[Client.__module__])
    sys.modules[__name__].ClientOfTest = Client
    client = Client()
    assert isinstance(engine_for("test"), Local)
    assert isinstance(engine_for(client), Local)
    assert made == [None, client]


def test_an_unknown_name_is_refused_at_the_call():
    with pytest.raises(
        ValueError, match=r"no engine 'spark'; known ones are 'dask', 'local', 'ray"
    ):
        Dataset(10).p.gen_batch(4, engine="spark")


@pytest.mark.parametrize("engine", [3, Local, object(), {"workers": 3}])
def test_other_things_are_refused_at_the_call(engine):
    with pytest.raises(TypeError, match="engine is a name, a client of Dask or an object"):
        Dataset(10).p.gen_batch(4, engine=engine)


def test_what_can_be_started_but_gives_no_session_is_refused():
    thread = threading.Thread(target=int)
    with pytest.raises(TypeError):
        Dataset(10).p.run(4, engine=thread)


def test_no_cluster_is_imported_before_one_is_used():
    code = (
        "import sys, ironbatch, ironbatch.engines as e\n"
        "list(ironbatch.Dataset(10).p.gen_batch(4, engine='local'))\n"
        "assert not {'dask', 'distributed', 'ray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_package_that_is_missing_is_named_with_its_extra(name, monkeypatch):
    package = {"dask": "distributed", "ray": "ray"}[name]
    extra = {"dask": "cluster", "ray": "ray"}[name]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'ironbatch\[{extra}\]'"):
        Dataset(10).p.run(4, engine=name)
