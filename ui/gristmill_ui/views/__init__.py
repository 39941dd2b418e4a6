"""Parts of pages: each function draws one thing and decides nothing."""
