"""Models that write an answer: MiniCPM checkpoints of our own loading, and OpenAI-compatible servers."""
