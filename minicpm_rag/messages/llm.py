"""What llm says, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "llm.prompt_too_long": (
        "提示词有 {prompt_tokens} 个词元，除去回答最多容得下 {limit_tokens} 个。请缩短文字，或调低 max_new_tokens。",
        "The prompt has {prompt_tokens} tokens, but at most {limit_tokens} fit beside the answer. "
        "Shorten the text or lower max_new_tokens.",
    ),
}
