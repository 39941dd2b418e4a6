"""Runs that were started in the browser: processes of their own, told of in files beside the dataset."""
