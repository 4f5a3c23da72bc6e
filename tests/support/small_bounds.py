"""Imported in a child process: bounds a tenth of the real ones, so that tests reach them sooner."""

from __future__ import annotations

from minicpm_rag.loaders import bounds
from minicpm_rag.loaders.pdf import expansion

bounds.MOST |= {"characters": 10_000_000, "cells": 1_000_000}
expansion.MOST_BYTES //= 10
