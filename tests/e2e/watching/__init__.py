"""`make watching`: an installation with its own Prometheus, which is asked all that rules and dashboards ask."""
