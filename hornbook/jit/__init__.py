"""Numba helpers: raw pointers, SIMD and bf16 passes. Nothing above this package knows LLVM."""
