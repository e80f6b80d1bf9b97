"""The list of findings, drawn from findings that need no model."""

from streamlit.testing.v1 import AppTest


def page() -> None:
    from analysis.findings import Finding, Fix, Tried
    from app.views.shared.findings_list import finding_rows
    from quant import preset

    kinds = ["clipping", "clipping", "per_channel", "outliers", "dead_channels", "saturation", "x"]
    severities = ["critical", "warning", "warning", "info", "info", "info", "info"]
    fix = Fix("Mend it", preset("recommended"))
    costs = Fix("Mend it", preset("recommended"), costs=True)
    tried = Tried(2.7, 9.8, 6.0, 8.2, 8, 0.125, "Top-1", "%")
    finding_rows(
        tuple(
            Finding(
                kind,
                severity,
                f"Title {place} of a_b_c*d*:0",
                "node",
                "tensor",
                f"Evidence {place} in [1, 2].",
                gain_db=10.0 - place,
                fix=None if kind == "dead_channels" else fix if place else costs,
                tried=None if place else tried,
            )
            for place, (kind, severity) in enumerate(zip(kinds, severities, strict=True))
        ),
        base=3,
        layer=lambda item: item.node,
    )


def drawn() -> AppTest:
    app = AppTest.from_function(page, default_timeout=90).run()
    assert not app.exception
    return app


def titles(app: AppTest) -> list[str]:
    return [m.value for m in app.markdown if m.value.startswith("**Title")]


def test_four_findings_are_drawn_until_all_are_asked_for():
    app = drawn()
    assert len(titles(app)) == 4
    app.toggle(key="all findings").set_value(True).run()
    assert len(titles(app)) == 7


def test_each_kind_has_buttons_of_its_own_and_words_have_none():
    keys = [button.key for button in drawn().button if button.label == "Mend it"]
    starts = [key.rpartition(" 3 ")[0] for key in keys]
    assert starts == [
        "apply clipping 1",
        "apply clipping 2",
        "apply per_channel 1",
        "apply outliers 1",
    ]


def test_severity_is_an_icon_and_a_word():
    badges = " ".join(m.value for m in drawn().markdown)
    for word, icon in (("Critical", "error"), ("Warning", "warning"), ("Info", "info")):
        assert f":material/{icon}: {word}" in badges


def test_names_of_tensors_are_no_markdown():
    assert titles(drawn())[0] == r"**Title 0 of a\_b\_c\*d\*\:0.** Evidence 0 in \[1, 2\]."


def test_each_finding_says_what_there_is_to_win_and_leads_to_its_layer():
    app = drawn()
    assert [caption.value for caption in app.caption] == [
        r"tried\: +7.1 dB (6.0 to 8.2), +12.5 points of Top-1 on 8 samples, costs speed",
        *["not tried"] * 3,
    ]
    ways = [button for button in app.button if button.label == "Show the layer"]
    assert [button.help for button in ways] == ["Choose node and go to Layers"] * 4
