"""Notice of what became of a run, to people who don't watch it: by webhook, Slack or mail, once."""
