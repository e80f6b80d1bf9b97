from analysis.figures.plotly_bundle import plotly_js


def test_the_bundle_is_plotly_and_cannot_end_the_script_it_is_put_in():
    text = plotly_js()
    assert "Plotly" in text[:3_000_000]
    assert "</script" not in text.lower()
