"""`python -m minicpm_rag`: the command line."""

from minicpm_rag.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
