"""What a set of texts is like: how varied, how often copied, how styled, what leaked into it. No model."""
