"""The only room that knows ONNX Runtime: sessions, tapped tensors, batch sizes."""
