"""Puts two small models on show in Netron, links to them and frames the last below a field."""

import onnx
import streamlit as st
from onnx import TensorProto, helper

from app.routes import netron


def model(op_type: str) -> bytes:
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in ("x", "y"))
    node = helper.make_node(op_type, ["x"], ["y"], name=f"the_{op_type.lower()}")
    graph = helper.make_graph([node], op_type, [x], [y])
    opset = [helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opset).SerializeToString()


for op_type in ("Relu", "Softmax"):
    address = netron.show(model(op_type), f"{op_type}.onnx")
    st.markdown(f"[{op_type}]({address})")
st.text_input("Note")
st.iframe(address, height=300, alt="Netron")
