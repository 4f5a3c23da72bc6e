"""GGUF files, answered with by llama.cpp: `gguf_llm` is the model, `process` where it runs."""
