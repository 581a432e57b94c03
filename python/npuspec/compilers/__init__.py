"""Compilers that make blobs for NPUs which needn't be here, behind one interface."""

from npuspec.compilers.base import Compilation, Compiler, kernels
from npuspec.compilers.command import CommandCompiler
from npuspec.compilers.find import VARIABLE, compiler_for, compiler_of, find_compiler

__all__ = [
    "VARIABLE",
    "CommandCompiler",
    "Compilation",
    "Compiler",
    "compiler_for",
    "compiler_of",
    "find_compiler",
    "kernels",
]
