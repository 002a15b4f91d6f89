"""ONNX graphs with the inputs and outputs of a release."""
