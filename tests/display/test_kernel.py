import pytest

from ironbatch import C, kernels
from ironbatch.kernels import KernelLibrary


@pytest.mark.parametrize("name", kernels.names())
def test_every_kernel_shows_what_it_takes(name, read_page):
    kernel = getattr(kernels, name)
    text = read_page(kernel._repr_html_()).text
    assert kernel.native.signature in text
    assert kernel.__doc__.strip().splitlines()[0] in text


def test_parameters_and_their_defaults(read_page):
    text = read_page(kernels.clip._repr_html_()).text
    assert "by default" in text
    assert "value by value" in text
    assert "draws random numbers" in read_page(kernels.salt._repr_html_()).text
    assert "to be given" in read_page(kernels.resize._repr_html_()).text


def test_values_of_parameters(read_page):
    text = read_page(kernels.clip.bind(low=0.25, high=C("<script>"))._repr_html_()).text
    assert "0.25" in text
    assert "C('<script>')" in text


def test_a_chain_shows_its_kernels(read_page):
    chain = kernels.chain(kernels.clip.bind(low=0.25), kernels.flip.bind())
    text = read_page(chain._repr_html_()).text
    assert text.index("clip") < text.index("low=0.25") < text.index("flip")


def test_a_library_shows_its_kernels(read_page):
    library = KernelLibrary("<b>", "1.0", [kernels.clip, kernels.resize])
    page = read_page(library._repr_html_())
    assert "<b>" in page.text
    assert "resize(x, *, size" in page.text
