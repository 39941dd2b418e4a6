"""Logic of the review app: no Streamlit, no SQL. Pages call it, it calls the store."""
