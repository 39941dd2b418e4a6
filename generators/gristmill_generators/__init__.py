"""Ways of making examples from a chunk of a document, one file per way."""
