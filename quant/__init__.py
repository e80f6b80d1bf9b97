"""QuantLens core: a float ONNX model and real data in, a verified int8 model out."""
