"""Actions of the rails under test."""

from nemoguardrails.actions import action

SHOUTED_WORDS_MIN = 3


@action(name="is_shouting")
async def is_shouting(text: str) -> bool:
    """Whether several long words in a row are in capitals."""
    words = [word for word in text.split() if len(word) > 3]
    return len(words) >= SHOUTED_WORDS_MIN and all(word.isupper() for word in words)
