"""Small models that take what each kind of data gives."""

import onnx

import quant
from tests.models import from_text


def loaded(proto: onnx.ModelProto) -> quant.Model:
    return quant.load(proto.SerializeToString())


def encoder(length: str = "L") -> quant.Model:
    """Ids, a mask and token types to one number a token."""
    text = f"""
        <ir_version: 9, opset_import: ["" : 17]>
        g (int64[N,{length}] input_ids, int64[N,{length}] attention_mask,
           int64[N,{length}] token_type_ids) => (float[N,{length}] y) {{
            a = Add(input_ids, attention_mask)
            b = Add(a, token_type_ids)
            c = Cast<to = 1>(b)
            y = Add(c, c)
        }}"""
    return loaded(from_text(text))


def taking(dtype: str, *shape: int | str, name: str = "x") -> quant.Model:
    """One input as it is, as floats."""
    dims = ",".join(map(str, shape))
    text = f"""
        <ir_version: 9, opset_import: ["" : 17]>
        g ({dtype}[{dims}] {name}) => (float[{dims}] y) {{
            c = Cast<to = 1>({name})
            y = Add(c, c)
        }}"""
    return loaded(from_text(text))


def two_inputs() -> quant.Model:
    text = """
        <ir_version: 9, opset_import: ["" : 17]>
        g (float[N,3,4,4] image, float[N,2] extra) => (float[N,3,4,4] y, float[N,2] z) {
            y = Add(image, image)
            z = Add(extra, extra)
        }"""
    return loaded(from_text(text))
