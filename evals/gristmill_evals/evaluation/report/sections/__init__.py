"""The chapters of an evaluation's report; each yields a section, or none where there is nothing to say."""
