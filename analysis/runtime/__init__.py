"""What ONNX Runtime really runs: kernels, conversions, the types that flow, and the time."""
