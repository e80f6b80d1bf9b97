"""How pictures become what the model is fed: a preset, a size, and the details."""

from dataclasses import replace
from pathlib import Path
from typing import Final, cast

import streamlit as st

from analysis.metrics.scores import gives_scores
from app.jobs import JobState
from app.session.project import Source
from app.tasks.preset_trial import Trial, start_trial, trial_job
from app.views.shared.format import as_text, percent
from app.views.shared.job_panel import show_job, show_outcome
from app.workspace.opening import open_model
from quant.data.images.folder import is_image_folder
from quant.data.images.guess import Guess, guessed, image_input
from quant.data.images.preprocessing import Preprocessing
from quant.data.images.presets import PRESETS
from quant.errors import DataError
from quant.model.model import Model

FITS: Final = {
    "stretch": "Stretched",
    "crop": "Cut out of the centre",
    "letterbox": "Whole, with a border",
}
INTERPOLATIONS: Final = ("linear", "cubic", "area", "nearest")
COLOURS: Final = ("RGB", "BGR")


def with_pictures(source: Source) -> Source:
    """Draw the choice where the data is pictures, and return the source with it.

    Raises:
        ModelError: The model cannot be read.
        DataError: It takes no picture, or a number makes no sense.
    """
    if not any(
        is_image_folder(Path(p).expanduser()) for p in (source.calibration, source.evaluation)
    ):
        return source
    model = open_model(source.model)
    with st.container(border=True, key="setup pictures"):
        guess = guessed(model)
        start = _preset(model, guess)
        _trial(model, source.evaluation, start.size)
        preprocessing = _details(start, model.fingerprint)
        left_out = st.checkbox(
            "Leave out pictures that cannot be read",
            key="setup skip damaged",
            persist_state="session",
            help="Otherwise the first one is told, and nothing is calibrated.",
        )
    # What is guessed is not said again, so that a model opened without a choice is the same.
    asked = None if preprocessing == guess.preprocessing else preprocessing
    return replace(source, preprocessing=asked, skip_damaged=left_out)


def _preset(model: Model, guess: Guess) -> Preprocessing:
    """The preset that is chosen, for the size of the model or the one that is chosen."""
    name = st.selectbox(
        "Pictures are fed as",
        tuple(PRESETS),
        index=tuple(PRESETS).index(guess.preset),
        format_func=lambda n: f"{n} (guessed)" if n == guess.preset else n,
        key=f"setup pictures {model.fingerprint[:8]}",
        persist_state="session",
    )
    summary = PRESETS[name].summary
    reason = f" Guessed, because {guess.why}." if name == guess.preset else ""
    st.caption(as_text(f"{summary[:1].upper()}{summary[1:]}.{reason}"))
    open_ = not all(isinstance(side, int) for side in _sides(model, guess))
    size = _size(guess, model) if open_ else None
    return guessed(model, name, size).preprocessing


def _trial(model: Model, path: str, size: tuple[int, int]) -> None:
    """Try every preset on some pictures whose class is known, once it is asked for."""
    if not is_image_folder(Path(path).expanduser()) or not _scored(model):
        return
    job = trial_job(model, path, size)
    if job is not None and job.running:
        show_job(job)
        return
    if job is not None and job.state is JobState.DONE:
        found: Trial = job.result
        best = sorted(found.right.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{name} {percent(count / found.pictures, 0)}" for name, count in best)
        st.caption(
            as_text(f"Right answers of the float model on {found.pictures} pictures: {listed}.")
        )
        return
    if job is not None:
        show_outcome(job)
    st.button(
        "Try each",
        key="setup try presets",
        icon=":material/rule:",
        on_click=start_trial,
        args=(model, path, size),
        help="Run the float model on some labelled pictures under each preset: the one that it "
        "was made for answers best. A few seconds.",
    )


def _scored(model: Model) -> bool:
    return gives_scores(model.outputs[0].shape)


def _sides(model: Model, guess: Guess) -> tuple[object, ...]:
    """Height and width as the model has them; what is no number is open."""
    shape = image_input(model).shape or ()
    return shape[2:] if guess.preprocessing.layout == "NCHW" else shape[1:3]


def _size(guess: Guess, model: Model) -> tuple[int, int]:
    height, width = guess.preprocessing.size
    columns = st.columns(2)
    found: list[int] = []
    for column, label, value in zip(columns, ("Width", "Height"), (width, height), strict=True):
        with column:
            side = st.number_input(
                f"{label} (pixels)",
                min_value=1,
                max_value=1 << 14,
                value=value,
                key=f"setup pictures {label} {model.fingerprint[:8]}",
                persist_state="session",
            )
            found.append(int(side or value))
    return found[1], found[0]


def _details(start: Preprocessing, fingerprint: str) -> Preprocessing:
    """What the preset says, each to be changed; another preset begins anew."""
    key = f"{fingerprint[:8]} {hash(start)}"
    more = st.expander("Details", icon=":material/tune:", key="setup pictures details")
    with more:
        left, right = st.columns(2)
        with left:
            fit = st.selectbox(
                "Fitted to the size",
                tuple(FITS),
                index=tuple(FITS).index(start.fit),
                format_func=lambda kind: FITS[kind],
                key=f"setup fit {key}",
            )
            interpolation = st.selectbox(
                "Interpolation",
                INTERPOLATIONS,
                index=INTERPOLATIONS.index(start.interpolation),
                key=f"setup interpolation {key}",
            )
            antialias = st.toggle(
                "Averaged when smaller (antialias)",
                start.antialias,
                key=f"setup antialias {key}",
                help="As Pillow and torchvision resize pictures. Off: as OpenCV does.",
            )
        with right:
            colour = start.colour
            if colour != "GRAY":
                colour = st.selectbox(
                    "Order of the channels",
                    COLOURS,
                    index=COLOURS.index(colour),
                    key=f"setup colour {key}",
                )
            divisor = st.text_input(
                "Levels are divided by", f"{1 / start.scale:.6g}", key=f"setup divisor {key}"
            )
            mean = st.text_input("Mean, taken off", _listed(start.mean), key=f"setup mean {key}")
            std = st.text_input("Deviation, divided by", _listed(start.std), key=f"setup std {key}")
    scales = _numbers(divisor, "Levels are divided by")
    if len(scales) != 1 or scales[0] == 0:
        raise DataError(f"Levels are divided by: expected a number but 0, found {divisor!r}")
    changed = cast("dict[str, object]", {"fit": fit, "interpolation": interpolation})
    changed |= {"antialias": antialias, "colour": colour, "mean": _numbers(mean, "Mean")}
    changed |= {"std": _numbers(std, "Deviation")}
    if scales[0] != float(f"{1 / start.scale:.6g}"):
        changed["scale"] = 1 / scales[0]
    return replace(start, **changed)  # pyright: ignore[reportArgumentType]


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _numbers(text: str, what: str) -> tuple[float, ...]:
    """The numbers of a text, with commas or spaces between them."""
    try:
        return tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError as error:
        raise DataError(
            f"{what}: expected numbers such as 0.485, 0.456, 0.406, found {text!r}"
        ) from error
