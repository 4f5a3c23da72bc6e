"""A step of one sequence as one CUDA kernel, from the embedding to the chosen token: `step.cu` says how it works.

`step` says which models it serves and gives the kernel what it works on; `nvrtc` compiles CUDA C++ on the user's
machine.
"""
