"""CUDA C++ as a user can run it: compiled by NVRTC, which comes with torch, so that no compiler need be installed.

Knows nothing of models. The compiled code is kept in Triton's cache on disk, beside Triton's own. Both libraries are
called by their C interfaces, which are documented and stable.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_SHARED_MEMORY = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_LARGEST = 97  # CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN


class Kernel:
    """A compiled kernel on one device; its programs all run at the same time, so they may wait for each other."""

    def __init__(
        self, code: bytes, name: str, programs: int, threads: int, shared_memory: int, device: torch.device
    ) -> None:
        import torch

        torch.cuda.synchronize(device)  # makes the device's context this thread's, which the driver's functions need
        self.programs = programs
        self._threads, self._shared_memory = threads, shared_memory
        self._driver = ctypes.CDLL("libcuda.so.1")
        module, self._function = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(self._driver.cuModuleLoadData(ctypes.byref(module), code))
        self._check(self._driver.cuModuleGetFunction(ctypes.byref(self._function), module, name.encode()))
        self._check(self._driver.cuFuncSetAttribute(self._function, _SHARED_MEMORY, shared_memory))

    def launch(self, structure: bytes, *tensors: torch.Tensor | None) -> None:
        """Run on the current stream; the arguments are a structure, and the tensors' addresses or null."""
        import torch

        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        values = [ctypes.c_void_p(None if tensor is None else tensor.data_ptr()) for tensor in tensors]
        first = ctypes.create_string_buffer(structure, len(structure))
        addresses = [ctypes.addressof(value) for value in (first, *values)]
        arguments = (ctypes.c_void_p * len(addresses))(*addresses)
        grid, block = (self.programs, 1, 1), (self._threads, 1, 1)
        launch = self._driver.cuLaunchCooperativeKernel
        self._check(launch(self._function, *grid, *block, self._shared_memory, stream, arguments))

    def _check(self, result: int) -> None:
        if result:
            text = ctypes.c_char_p()
            self._driver.cuGetErrorString(result, ctypes.byref(text))
            raise RuntimeError(f"CUDA: {(text.value or b'?').decode()}")


def largest_shared_memory(device: torch.device) -> int:
    """Bytes of shared memory that a program can have, where it has a multiprocessor to itself."""
    driver, number, found = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(), ctypes.c_int()
    driver.cuDeviceGet(ctypes.byref(number), device.index or 0)
    if driver.cuDeviceGetAttribute(ctypes.byref(found), _LARGEST, number):
        raise RuntimeError("CUDA: no such attribute")
    return found.value


def compile_kernel(source: str, constants: Mapping[str, int], device: torch.device) -> bytes:
    """Machine code for the device's generation; raises OSError or RuntimeError where it cannot be made."""
    import torch
    from triton.runtime.cache import get_cache_manager

    major, minor = torch.cuda.get_device_capability(device)
    options = [f"--gpu-architecture=sm_{major}{minor}", *(f"-D{name}={value}" for name, value in constants.items())]
    key = hashlib.sha256("\n".join((source, *options, str(torch.version.cuda))).encode()).hexdigest()
    cache = get_cache_manager(key)
    found = cache.get_file("kernel.cubin")
    if found is not None:
        return Path(found).read_bytes()
    code = _compile(source, options)
    cache.put(code, "kernel.cubin", binary=True)
    return code


def _compile(source: str, options: list[str]) -> bytes:
    nvrtc = _nvrtc()
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    try:
        array = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        if nvrtc.nvrtcCompileProgram(program, len(options), array):
            raise RuntimeError(f"NVRTC: {_output(nvrtc, program, 'ProgramLog').decode(errors='replace')[:2000]}")
        return _output(nvrtc, program, "CUBIN")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _output(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    output = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, output)
    return output.raw


def _nvrtc() -> ctypes.CDLL:
    """The library in the wheel that torch's wheel depends on, else the system's."""
    import torch

    name = f"libnvrtc.so.{str(torch.version.cuda).partition('.')[0]}"
    wheels = importlib.util.find_spec("nvidia")
    for folder in wheels.submodule_search_locations or () if wheels else ():
        for path in Path(folder).glob(f"*/lib/{name}"):
            for part in path.parent.glob("libnvrtc-builtins.so.*"):  # which it would look for elsewhere
                ctypes.CDLL(str(part))
            return ctypes.CDLL(str(path))
    return ctypes.CDLL(name)
