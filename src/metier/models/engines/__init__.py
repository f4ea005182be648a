"""What multiplies the matrices and writes: PyTorch, OpenVINO, other people's servers."""
