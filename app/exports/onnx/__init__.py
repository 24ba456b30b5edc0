"""Networks as graphs of ONNX, and back: docs/decisions/0024-onnx.md."""
