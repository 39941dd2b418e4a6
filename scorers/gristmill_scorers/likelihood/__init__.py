"""How likely a judge's verdict was among those it could have given, from the log probabilities of tokens."""
