"""Gates (cheap, without a model) and scorers (rules and judges) for examples."""
