"""What a review shows: how far people agree with each other and with the judges, how fast they are.

From the frames of the store (``gristmill_data.store.frames``) to figures and charts, the same for the report
and for the review app.
"""
