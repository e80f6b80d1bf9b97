"""Where the model and the data come from: a sample, paths, or an upload."""

import streamlit as st

from app.session import user_session
from app.session.project import Source
from app.session.start_options import start_options
from app.tasks.opening import file_source, sample_source
from app.views.shared.format import as_text
from app.workspace import uploads
from sample_models import Sample, find, samples

SAMPLE, PATH, UPLOAD = "Sample", "Files on this machine", "Upload"
_UPLOADED = "setup uploaded"


def chosen_source() -> Source | None:
    """Draw the choice and return it, or None while it is not complete."""
    _seed(user_session.project().source)
    how = st.segmented_control(
        "Open",
        (SAMPLE, PATH, UPLOAD),
        required=True,
        key="setup how",
        persist_state="session",
    )
    if how == SAMPLE:
        return _sample()
    return _paths() if how == PATH else _upload()


def _seed(source: Source | None) -> None:
    """Show what is open, or could not be opened, when the page is drawn for the first time."""
    if "setup how" in st.session_state:
        return
    asked = start_options()
    if source is None and asked.model:
        st.session_state["setup how"] = PATH
        st.session_state["setup model"] = asked.model
        st.session_state["setup data"] = asked.data or ""
        st.session_state["setup int8"] = asked.int8 or ""
        return
    if source is None or source.sample:
        st.session_state["setup how"] = SAMPLE
        if source is not None:
            st.session_state["setup sample"] = source.sample
        return
    st.session_state["setup how"] = UPLOAD if source.uploaded else PATH
    if source.uploaded:
        st.session_state[_UPLOADED] = (source.model, source.title)
    else:
        st.session_state["setup model"] = source.model
    st.session_state["setup data"] = source.calibration
    st.session_state["setup evaluation"] = "" if source.one_data else source.evaluation
    st.session_state["setup int8"] = source.int8


def _sample() -> Source:
    known: dict[str, Sample] = {sample.name: sample for sample in samples()}
    name = st.selectbox(
        "Sample model",
        tuple(known),
        format_func=lambda n: known[n].title,
        key="setup sample",
        persist_state="session",
    )
    st.caption(known[name].summary)
    return sample_source(find(name))


def _paths() -> Source | None:
    model = st.text_input(
        "Float model",
        key="setup model",
        placeholder="/path/to/model.onnx",
        persist_state="session",
    )
    data, evaluation, int8 = _other_paths()
    if not (model or "").strip() or not data:
        st.info("Enter the paths of a float .onnx model and of its data.", icon=":material/info:")
        return None
    return file_source((model or "").strip(), data, evaluation, int8=int8)


def _upload() -> Source | None:
    file = st.file_uploader("Float model", type=["onnx"], key="setup upload")
    if file is not None:
        st.session_state[_UPLOADED] = (uploads.stored(file.getvalue(), file.name), file.name)
    stored = st.session_state.get(_UPLOADED)
    if stored is not None and file is None:
        st.caption(f"Uploaded: {as_text(stored[1])}")
    data, evaluation, int8 = _other_paths()
    if stored is None or not data:
        st.info(
            "Upload a float .onnx model and enter the path of its data.", icon=":material/info:"
        )
        return None
    return file_source(stored[0], data, evaluation, title=stored[1], uploaded=True, int8=int8)


def _other_paths() -> tuple[str, str, str]:
    """Calibration data, evaluation data and an int8 file of another tool."""
    data = st.text_input(
        "Calibration data",
        key="setup data",
        placeholder="/path/to/pictures or /path/to/data.npz",
        help="A folder of pictures or recordings, in sub-folders by class where accuracy is to be "
        "known; a .npz whose arrays are named after the model's inputs, with the samples along "
        "the first axis and optional labels, or a folder of such files; .txt or .jsonl beside a "
        "tokenizer.json; a .parquet table; test_data_set folders; .bin files; or INPUT:PATH for "
        "each input, with commas between.",
        persist_state="session",
    )
    evaluation = st.text_input(
        "Evaluation data",
        key="setup evaluation",
        placeholder="the same as the calibration data",
        help="What accuracy is measured on; with an array named labels, or pictures in a folder a "
        "class, top-1 is shown.",
        persist_state="session",
    )
    int8 = st.text_input(
        "Int8 model or settings of another tool",
        key="setup int8",
        placeholder="none; start from a preset",
        help="An .onnx file in Q/DQ form, or of ONNX Runtime's operators on codes, made of the "
        "float model: its ranges, types and skips become the recipe to start from, and what cannot "
        "be right in it is said. Or a parameter file: a calibration cache of TensorRT or ONNX "
        "Runtime, TensorQuantOverrides, AIMET encodings, Paddle thresholds. Or a configuration: "
        "MindSpore Lite's .ini, or .json or .toml with arguments of ONNX Runtime's or Paddle's "
        "quantizer.",
        persist_state="session",
    )
    return (data or "").strip(), (evaluation or "").strip(), (int8 or "").strip()
